"""What a chat client reads without asking a tool, on both protocol eras."""

import json
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import TextResourceContents

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Reason
from handrail.engine import brief_words, policy
from handrail.flows.brief import kept
from handrail.flows.deliver import reason_words
from mcp_server.server import create_server
from tests.conftest import OpenWith
from tests.mcp_server.test_server import ERAS
from tools._server import already_open

BRIEF = "handrail://brief/latest"
FIXED = [BRIEF, "kb://features", "run://latest", "score://definition", "policy://sending"]
TEMPLATES = {"kb://features/{slug}", "account://{id}/overview", "run://{date}"}


async def read(client: Client, uri: str) -> str:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


@pytest.mark.parametrize("era", ERAS)
async def test_the_latest_brief_is_listed_and_read_as_text(era: Any, ctx: ToolContext) -> None:
    await night.run(ctx)
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        listed = (await client.list_resources()).resources
        [content] = (await client.read_resource(BRIEF)).contents

    assert [uri for each in listed if not (uri := str(each.uri)).startswith("ui://")] == FIXED
    assert all(each.description for each in listed)
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/plain"
    assert content.text == brief_words.text(await kept(ctx))
    assert "Acme" in content.text


@pytest.mark.parametrize("era", ERAS)
async def test_before_the_first_night_the_next_step_is_named(era: Any, ctx: ToolContext) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        with pytest.raises(MCPError, match="handrail agent run"):
            await client.read_resource(BRIEF)


@pytest.mark.parametrize("era", ERAS)
async def test_features_are_listed_and_each_document_is_read_with_the_ids_to_cite(
    era: Any, ctx: ToolContext
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        templates = (await client.list_resource_templates()).resource_templates
        listed = await read(client, "kb://features")
        document = await read(client, "kb://features/connect-data-source")
        with pytest.raises(MCPError, match="no feature document"):
            await read(client, "kb://features/nothing")

    assert {each.uri_template for each in templates} == TEMPLATES
    assert all(each.description for each in templates)
    assert all(f"`{each.slug}`" in listed for each in ctx.kb.features())
    assert "`connect-data-source#credentials`" in document
    assert "copy the two addresses shown" in document


@pytest.mark.parametrize("era", ERAS)
async def test_a_night_is_read_by_its_date_and_as_the_latest(era: Any, ctx: ToolContext) -> None:
    await night.run(ctx)
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        latest = json.loads(await read(client, "run://latest"))
        named = json.loads(await read(client, f"run://{latest['report']['night']}"))
        with pytest.raises(MCPError, match="no night 2001-01-01"):
            await read(client, "run://2001-01-01")
        with pytest.raises(MCPError, match="night must be a day"):
            await read(client, "run://yesterday")

    assert latest["report"]["sent"] == 26
    assert named == latest


@pytest.mark.parametrize("era", ERAS)
async def test_an_account_is_read_by_name_or_id_and_never_guessed(era: Any, ctx: ToolContext) -> None:
    await night.run(ctx)
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        by_name = await read(client, "account://Acme/overview")
        by_id = await read(client, "account://acct_1001/overview")
        spaced = await read(client, f"account://{quote('Cobalt Ridge Freight')}/overview")
        with pytest.raises(MCPError, match=r"“Acme” \(acct_1001\), “Acme Labs”"):
            await read(client, "account://acm/overview")

    assert by_name == by_id
    assert by_name.startswith("# Acme (acct_1001)")
    assert "39 users" in by_name
    assert "Connect a data source" in by_name
    assert spaced.startswith("# Cobalt Ridge Freight")


async def test_the_sending_rules_are_those_of_the_policy_in_its_order_with_the_limits_in_force(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    changes = {"cooldown_days": 21, "holdout": 0.25, "run_cap": 7, "send_hours": (time(8), time(12))}
    async with open_with(**changes) as other, Client(create_server(already_open(other))) as client:
        told = await read(client, "policy://sending")

    lines = [line for line in told.splitlines() if line[:1].isdigit()]
    assert [line.split("`")[1] for line in lines] == in_the_policys_order()
    assert all(reason_words(reason) in line for reason, line in zip(Reason, lines, strict=True))
    limits = {line.split("`")[1]: line for line in lines}
    assert "one mail a person in 21 days" in limits["cooldown"]
    assert "25% of people" in limits["holdout"]
    assert "7 mails" in limits["run_cap"]
    assert "08:00 to 12:00" in limits["quiet_hours"]
    assert "Sending mode: auto" in told


@pytest.mark.parametrize("era", ERAS)
async def test_how_the_score_is_made_is_read_with_the_weights_in_force(
    era: Any, ctx: ToolContext, open_with: OpenWith, tmp_path: Path
) -> None:
    own = tmp_path / "score.toml"
    own.write_text("[weights]\nrecency = 77\n", "utf-8")
    async with (
        open_with(score_file=own) as other,
        Client(create_server(already_open(other)), mode=era) as client,
    ):
        told = await read(client, "score://definition")

    assert told.startswith("# Engagement score")
    assert "| recency | How long have they been away? | 77 |" in told


def in_the_policys_order() -> list[str]:
    """Every reason as the policy gives it, with everything against the mail, taken away one by one."""
    against: dict[str, Any] = dict.fromkeys(policy.Facts.__dataclass_fields__, True)
    against |= dict.fromkeys(("checked", "in_send_hours", "has_document", "grounded", "has_address"), False)
    against |= {"mode": "off", "approved": False, "run_mails": 1, "account_active_users": 0}
    against |= {"account_mails_this_week": 1}
    cleared: dict[str, Any] = {
        "mode_off": {"mode": "review"}, "no_consent_basis": {"consent_refused": False},
        "cooldown": {"mailed_within_cooldown": False}, "account_cap": {"account_mails_this_week": 0},
        "run_cap": {"run_mails": 0}, "already_succeeded": {"succeeded_since": False},
        "not_checked": {"checked": True}, "holdout": {"held_out": False},
        "quiet_hours": {"in_send_hours": True}, "no_document": {"has_document": True},
        "not_grounded": {"grounded": True}, "needs_approval": {"approved": True},
        "no_address": {"has_address": True},
    }  # fmt: skip
    found: list[str] = []
    while isinstance(
        verdict := policy.decide(policy.Facts(**against), policy.Limits(run_cap=1)), policy.Withhold
    ):
        found.append(verdict.reason.value)
        against |= cleared.get(verdict.reason.value, {verdict.reason.value: False})
    return found

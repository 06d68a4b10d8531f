"""A night over a small world in which one account's use breaks off: one alert, told everywhere."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent import night
from handrail.cli import printing
from handrail.context import ToolContext, open_context
from handrail.domain.alerts import AlertKind
from handrail.domain.briefs import Cause
from handrail.errors import CallerError
from handrail.flows import digest
from handrail.flows.alerts import close, raise_alerts
from handrail.flows.alerts import told as tell_by_webhook
from handrail.flows.brief import kept
from handrail.settings import SendMode
from standin.server import running
from standin.world import load
from tests import databases
from tests.conftest import settings_for
from tests.handrail.services.test_sendgrid import answering
from tools.list_alerts import list_alerts

DAYS, PEOPLE, EACH = 63, 6, 4
LAST = date(2026, 11, 19)
BREAKS_OFF = date(2026, 11, 13)
QUIET = "acct-07"
PROJECT: dict[str, Any] = {
    "project_id": 4242,
    "name": "Alerts",
    "token": "0123456789abcdef0123456789abcdef",
    "username": "reader.alerts.mp-service-account",
    "secret": "alerts-secret",
    "timezone": "UTC",
    "created": "2025-01-01",
    "account_property": "company_id",
    "group_keys": {},
    "funnels": [],
    "cohorts": [],
    "reports": [],
    "dashboards": [],
    "now": datetime(2026, 11, 20, 2, tzinfo=UTC).isoformat(),
}


def write_world(folder: Path) -> None:
    """Eight accounts of six people, who each come on most working days and make about four events."""
    (folder / "events").mkdir(parents=True)
    (folder / "project.json").write_text(json.dumps(PROJECT), "utf-8")
    (folder / "profiles.jsonl").write_text("", "utf-8")
    (folder / "groups.jsonl").write_text("", "utf-8")
    chance = random.Random(7)
    for back in range(DAYS):
        day = LAST - timedelta(days=back)
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        lines = []
        for number in range(8 * PEOPLE):
            account = f"acct-{number % 8:02}"
            left = 0.15 if account == QUIET and day >= BREAKS_OFF else 1
            if chance.random() > left * (0.9 if day.weekday() < 5 else 0.1):
                continue
            for event in range(chance.randint(EACH - 1, EACH + 1)):
                properties = {
                    "time": noon + event,
                    "distinct_id": f"person-{number}",
                    "$insert_id": f"{day}-{number}-{event}",
                    "company_id": account,
                    "mp_processing_time_ms": noon * 1000,
                }
                lines.append(json.dumps({"event": "Opened", "properties": properties}))
        (folder / "events" / f"{day}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alerts") / "world"
    write_world(folder)
    return folder


@pytest.fixture(scope="module")
def one_night(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one night, to be copied."""
    data = tmp_path_factory.mktemp("one-night")

    async def run() -> None:
        with running(load(world)) as state:
            async with open_context(settings_for(state, data, send_mode=SendMode.OFF)) as ctx:
                await night.run(ctx, backfill_from=LAST - timedelta(days=DAYS - 1))

    asyncio.run(run())
    return data


@pytest.fixture
async def after_a_night(world: Path, one_night: Path, tmp_path: Path) -> AsyncIterator[ToolContext]:
    databases.copy(one_night, tmp_path / "data")
    with running(load(world)) as state:
        async with open_context(settings_for(state, tmp_path / "data", send_mode=SendMode.OFF)) as ctx:
            yield ctx


async def test_an_account_whose_use_breaks_off_raises_one_alert_and_nobody_else_does(
    after_a_night: ToolContext,
) -> None:
    ctx = after_a_night

    found = await list_alerts(ctx, state="all")
    of_one = await list_alerts(ctx, account=QUIET)
    of_another = await list_alerts(ctx, account="acct-01")
    brief = await kept(ctx)

    [alert] = found.alerts
    assert (alert.account, alert.kind, alert.scope, alert.state) == (QUIET, "drop", "account", "open")
    assert alert.since == BREAKS_OFF
    assert alert.size > 0.5
    assert found.summary == "1 alerts."
    assert [each.day for each in of_one.alerts[0].points][-1] == LAST
    assert of_another.alerts == []
    [look] = brief.accounts
    assert (look.name, look.findings[0].cause) == (QUIET, Cause.ALERT)
    assert alert.evidence in look.findings[0].evidence


async def test_the_terminal_tells_of_new_alerts_and_is_silent_without(
    after_a_night: ToolContext, capsys: pytest.CaptureFixture[str]
) -> None:
    async with after_a_night.store.read() as work:
        report = await work.nights.report(LAST)
    assert report

    printing.report(report, as_json=False)
    told = capsys.readouterr().out
    printing.report(report.model_copy(update={"alerts": 0}), as_json=False)

    assert "Alerts that are new or worse: 1; `handrail alerts list` tells them." in " ".join(told.split())
    assert "new or worse" not in capsys.readouterr().out


async def test_a_night_that_runs_again_raises_nothing_again_and_a_dismissal_is_kept(
    after_a_night: ToolContext,
) -> None:
    ctx = after_a_night
    [alert] = (await list_alerts(ctx)).alerts

    again = await raise_alerts(ctx, LAST, {})
    with pytest.raises(CallerError, match="Say why"):
        await close(ctx, alert.id, "dismissed", " ")
    await close(ctx, alert.id, "dismissed", "They are on a retreat")
    after = await raise_alerts(ctx, LAST, {})
    with pytest.raises(CallerError, match="dismissed already"):
        await close(ctx, alert.id, "resolved", "")
    async with ctx.store.read() as work:
        dismissals = await work.alerts.dismissals()
        kept_alerts = await work.alerts.find()

    assert (again, after) == (1, 0)
    assert [each.state for each in kept_alerts] == ["dismissed"]
    assert list(dismissals.values()) == [1]
    assert {kind for _, kind in dismissals} == {AlertKind.DROP}


async def test_alerts_reach_the_webhook_once_a_night_and_the_digest_on_the_weeks_last_night(
    after_a_night: ToolContext, world: Path, tmp_path: Path
) -> None:
    with answering(200) as (address, seen), running(load(world)) as state:
        settings = settings_for(
            state,
            tmp_path / "data",
            alert_webhook=SecretStr(address + "/hook"),
            digest_to="csm@vendor.example",
        )
        async with open_context(settings) as ctx:
            await tell_by_webhook(ctx, LAST)
            await tell_by_webhook(ctx, LAST)
            await digest.told(ctx, LAST)
            weekday_mails = list(state.mails)
            for _ in range(2):
                await digest.told(ctx, date(2026, 11, 22))
        mails = list(state.mails)

    [posted] = [json.loads(one["body"])["text"] for one in seen]
    assert posted.startswith(f"*Alerts, night of {LAST}*\n• {QUIET}: ")
    assert weekday_mails == []
    [mail] = mails
    assert (mail["to"], mail["subject"]) == ("csm@vendor.example", "Alerts, week to 2026-11-22: 1 open")
    assert mail["text"].startswith(f"Nobody is in charge\n- {QUIET}: ")
    assert "person-" not in mail["text"]

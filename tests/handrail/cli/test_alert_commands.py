"""`handrail alerts`: what is open, and how a person closes it."""

import json
from datetime import date
from pathlib import Path

from handrail.context import ToolContext
from handrail.flows.alerts import raise_alerts
from handrail.settings import Settings
from tests.agent.test_kill import environment
from tests.handrail.cli.test_commands import handrail
from tools.list_alerts import list_alerts


async def test_alerts_are_listed_dismissed_with_a_reason_and_resolved(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    await raise_alerts(ctx, date(2026, 11, 19), {})
    env = environment(settings)
    first, second, third, fourth = (await list_alerts(ctx)).alerts

    listed = handrail("alerts", "list", cwd=tmp_path, env=env)
    silent = handrail("alerts", "dismiss", first.id, "--reason", " ", cwd=tmp_path, env=env)
    dismissed = handrail("alerts", "dismiss", first.id, "--reason", "A load test", cwd=tmp_path, env=env)
    resolved = handrail("alerts", "resolve", second.id, "--json", cwd=tmp_path, env=env)
    unknown = handrail("alerts", "resolve", "0000000000", cwd=tmp_path, env=env)
    several = handrail("alerts", "list", "--account", "acm", cwd=tmp_path, env=env)
    left = handrail("alerts", "list", "--json", cwd=tmp_path, env=env)

    heading, *lines = listed.stdout.splitlines()
    assert heading == "4 open alerts."
    assert [line.split("\t")[:4] for line in lines] == [
        [first.id, "open", "Old Mill Outfitters", "drop"],
        *([each.id, "open", each.account, "errors"] for each in (second, third, fourth)),
    ]
    assert (silent.returncode, unknown.returncode, several.returncode) == (2, 2, 2)
    assert "Acme Labs" in several.stderr
    assert "Say why" in silent.stderr
    assert "Traceback" not in silent.stderr + unknown.stderr
    assert dismissed.stdout == f"Dismissed: {first.evidence}\n"
    assert json.loads(resolved.stdout)["state"] == "resolved"
    assert [each["id"] for each in json.loads(left.stdout)["alerts"]] == [third.id, fourth.id]

"""Commands about what is written: reasons, gaps of the documents, refused drafts."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from handrail.context import ToolContext
from handrail.domain.struggles import Signature, Struggle
from handrail.domain.tutorials import Draft, DraftStep, Tutorial
from handrail.settings import Settings
from tests.agent.test_kill import environment
from tests.handrail.cli.test_commands import handrail

NIGHT = date(2026, 11, 19)
EXPORT = "schedule-export"
SIGNATURE = Signature(feature=EXPORT, stuck_step="destination", reason="reason_1", band="never")


def one_object(*arguments: str, cwd: Path, env: dict[str, str]) -> dict[str, Any]:
    done = handrail(*arguments, "--json", cwd=cwd, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_reasons_are_listed_approved_and_rejected(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    async with ctx.store.begin() as work:
        await work.reasons.seen(EXPORT, {"a": ("E_42", 3), "b": ("", 2)}, NIGHT)
    env = environment(settings)

    listed = handrail("reasons", "list", cwd=tmp_path, env=env).stdout
    approved = handrail("reasons", "approve", EXPORT, "reason_1", "full disk", cwd=tmp_path, env=env)
    one_object("reasons", "reject", EXPORT, "2", cwd=tmp_path, env=env)
    after = one_object("reasons", "list", cwd=tmp_path, env=env)["reasons"]
    wrong = handrail("reasons", "approve", EXPORT, "reason_9", "full disk", cwd=tmp_path, env=env)

    assert listed.splitlines() == [
        f"{EXPORT}\treason_1\tE_42\t3 people on 2026-11-19\tlisted",
        f"{EXPORT}\treason_2\t(free text; kept as a hash only)\t2 people on 2026-11-19\tlisted",
    ]
    assert approved.stdout == f"From the next night on reason_1 of {EXPORT} is called 'full disk'.\n"
    assert [(one["number"], one["status"], one["name"]) for one in after] == [
        (1, "approved", "full disk"),
        (2, "rejected", ""),
    ]
    assert (wrong.returncode, "has no reason 'reason_9'" in wrong.stderr) == (2, True)


async def test_gaps_are_listed_by_people(ctx: ToolContext, settings: Settings, tmp_path: Path) -> None:
    stuck = [
        Struggle(
            feature=EXPORT,
            user_key=f"{number:064d}",
            account_ids=(),
            attempts=5,
            successes=0,
            completion=0,
            errors=5,
            main_reason="other",
            rules=("errors",),
            stuck_step="destination",
            rage_clicks=0,
            dead_clicks=0,
            last_attempt=datetime(2026, 11, 19, tzinfo=UTC),
            priority=1,
            signature=SIGNATURE,
        )
        for number in range(2)
    ]
    async with ctx.store.begin() as work:
        await work.nights.replace_struggles(date(2026, 11, 18), EXPORT, stuck)
        await work.nights.replace_struggles(NIGHT, EXPORT, stuck[:1])
    env = environment(settings)

    found = one_object("docs", "gaps", cwd=tmp_path, env=env)["gaps"]
    words = handrail("docs", "gaps", cwd=tmp_path, env=env).stdout

    assert [(one["kind"], one["people"], one["reason"]) for one in found] == [
        ("unknown_reason", 2, "reason_1")
    ]
    assert words == f"2\tThe document {EXPORT} does not explain reason_1 at the step destination.\n"


async def test_a_refused_draft_can_be_read_with_what_stood_against_it(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    draft = Draft(
        feature=EXPORT,
        tone="plain",
        subject="Quick help",
        intro="Here.",
        steps=(DraftStep(step="moon", text="Fly to the moon.", quote="moon"),),
    )
    told = Tutorial(
        id="t1",
        signature=SIGNATURE.key,
        feature=EXPORT,
        stuck_step="destination",
        style="plain",
        subject="s",
        intro="i",
        steps=(),
        source="document",
        refused_because=("a step id is not in the document",),
    )
    async with ctx.store.begin() as work:
        await work.nights.keep_refused(told, draft, "v1", datetime(2026, 11, 20, 3, tzinfo=UTC))
    env = environment(settings)

    [found] = one_object("tutorials", "refused", cwd=tmp_path, env=env)["refused"]
    words = handrail("tutorials", "refused", cwd=tmp_path, env=env).stdout

    assert found["draft"]["steps"][0]["text"] == "Fly to the moon."
    assert words.splitlines() == [
        f"{SIGNATURE.key}  2026-11-20 03:00 UTC",
        "  refused: a step id is not in the document",
        "  moon: Fly to the moon.",
    ]

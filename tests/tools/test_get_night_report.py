"""Reports of nights."""

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.errors import CallerError
from tools.get_night_report import get_night_report


async def test_the_last_night_is_reported_as_it_was_run(ctx: ToolContext) -> None:
    report = await night.run(ctx)

    answer = await get_night_report(ctx)

    assert answer.report == report
    assert answer.report.status == "done"
    assert "41 people struggling" in answer.summary
    [acme] = [line for line in answer.worth_a_look if line.startswith("Acme: ")]
    assert acme.startswith(
        "Acme: 7 of 32 active users (22%) struggle with Connect a data source, 2026-11-13 to 2026-11-19. "
    )
    assert acme.endswith("Show them Connect a data source together, in one call.")
    assert len(answer.worth_a_look) == 4


async def test_a_night_can_be_named(ctx: ToolContext) -> None:
    await night.run(ctx)

    assert (await get_night_report(ctx, night="2026-11-19")).report.sent == 26
    with pytest.raises(CallerError, match="2026-11-18"):
        await get_night_report(ctx, night="2026-11-18")


async def test_before_the_first_night_the_next_step_is_named(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="handrail agent run"):
        await get_night_report(ctx)


async def test_a_day_that_is_no_day_is_explained(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="night must be a day"):
        await get_night_report(ctx, night="yesterday")

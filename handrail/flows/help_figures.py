"""The figures by which the help is watched, out of the tables: for logs, metrics and the page alike."""

import logging

from handrail.context import ToolContext
from handrail.domain.help_figures import HelpFigures
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine.help_figures import fold

MONTH = 30
"""Nights; what is known of single people who struggled is kept as long."""

log = logging.getLogger(__name__)


async def measure(ctx: ToolContext, period: Period) -> HelpFigures:
    """The nights of a period as they stand now."""
    async with ctx.store.read() as work:
        reports = await work.nights.of_period(period)
        return fold(
            period,
            nights=sum(report.status == "done" for report in reports),
            users=await work.nights.struggling_users(period),
            texts=await work.nights.texts_of(reports),
            decisions=await work.deliveries.counts(period),
            told=await work.feedback.told(period),
            followed=await work.outcomes.counts(period),
            answers=(await work.feedback.answered(period)).values(),
        )


async def last_night_and_month(ctx: ToolContext) -> dict[str, HelpFigures]:
    """By window: the newest night, and the 30 that end with it. Empty before the first night."""
    async with ctx.store.read() as work:
        newest = await work.nights.report()
    if newest is None:
        return {}
    spans = {"last_night": 1, "30_days": MONTH}
    return {
        window: await measure(ctx, Period.of_days(days, newest.night, newest.zone))
        for window, days in spans.items()
    }


async def log_night(ctx: ToolContext, report: Report) -> None:
    """One line for a finished night; as JSON it carries every figure."""
    figures = await measure(ctx, Period.of_days(1, report.night, report.zone))
    seconds = (report.finished_at - report.started_at).total_seconds() if report.finished_at else None
    log.info(
        "night of %s finished: %d people struggle, %d mailed, %d withheld",
        report.night,
        figures.users_identified,
        figures.sent,
        sum(figures.withheld.values()),
        extra={
            "figures": {
                "night": report.night.isoformat(),
                "seconds": seconds,
                **figures.model_dump(mode="json", exclude={"from_date", "to_date", "nights"}),
                **{f"{name}_rate": share for name, share in figures.shares.items()},
            }
        },
    )

"""Saved reports and dashboards: found by name, asked for when there is budget, and kept with their age."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from handrail.context import ToolContext
from handrail.domain.reports import (
    Choice,
    Dashboard,
    KeptReport,
    ListedReport,
    Listing,
    Refreshed,
    ReportAge,
    ReportReading,
    Unread,
)
from handrail.engine import reports as rules
from handrail.errors import CallerError, ConfigError, RateLimited, UpstreamError

FRESH = timedelta(hours=1)
"""A refresh does not ask again for a copy younger than this."""

OLD = timedelta(hours=24)
"""Somebody who reads an older copy gets a new one, if the budget has a question left."""

LIVE_AT_MOST = 5
"""Questions that one reading of a dashboard may cost; chat has 20 an hour."""

log = logging.getLogger(__name__)


async def list_reports(ctx: ToolContext) -> tuple[ReportAge, ...]:
    """Every saved report of the project with the age of its copy: free of charge."""
    kept = await _kept(ctx)
    listing = await _listing(ctx, kept)
    return tuple(
        ReportAge(
            report_id=report.report_id,
            name=report.name,
            kind=report.kind,
            dashboards=tuple(board.name for board in _boards(listing, report)),
            fetched_at=kept[report.report_id].fetched_at if report.report_id in kept else None,
            computed_at=kept[report.report_id].report.computed_at if report.report_id in kept else "",
        )
        for report in listing.reports
    )


async def read_report(ctx: ToolContext, asked: str, *, older: timedelta = OLD) -> ReportReading:
    """A saved report, or every report of a dashboard, by name or id.

    A copy that is no older is answered as it is; else Mixpanel is asked, one question a report, and the
    answer kept. What could not be asked is answered with its older copy, or told. Raises `CallerError` for
    a name that fits no report, or several.
    """
    kept = await _kept(ctx)
    listing = await _listing(ctx, kept)
    choice = rules.choose(asked, listing)
    due = _due(choice.reports, kept, ctx.clock.now() - older)
    unread = await _ask(ctx, listing, due[:LIVE_AT_MOST])
    unread |= {
        report.report_id: f"One reading asks for {LIVE_AT_MOST} reports at most; read again for the rest."
        for report in due[LIVE_AT_MOST:]
    }
    kept = await _kept(ctx)
    return ReportReading(
        name=choice.name,
        dashboard=choice.dashboard_id is not None,
        reports=tuple(kept[each.report_id] for each in choice.reports if each.report_id in kept),
        unread=tuple(
            Unread(name=each.name, because=unread[each.report_id])
            for each in choice.reports
            if each.report_id in unread
        ),
    )


async def report_history(ctx: ToolContext, report_id: int) -> tuple[KeptReport, ...]:
    """Every copy of a report, newest first: one for each time it showed something else."""
    async with ctx.store.read() as work:
        return tuple(await work.reports.history(report_id))


async def refresh_reports(ctx: ToolContext) -> Refreshed:
    """Ask again for the reports of HANDRAIL_MIXPANEL_REPORTS, oldest copies first, while there is budget."""
    if not ctx.settings.reports:
        return Refreshed()
    listing = await ctx.mixpanel.saved.listing()
    chosen, notes = chosen_of(ctx.settings.reports, listing)
    due = _due(chosen, await _kept(ctx), ctx.clock.now() - FRESH)
    failed = await _ask(ctx, listing, due)
    notes += [
        f"The saved report {each.name} was not refreshed and keeps its older copy, if there is one: "
        f"{failed[each.report_id].rstrip('.')}."
        for each in due
        if each.report_id in failed
    ]
    return Refreshed(asked=len(due) - len(failed), notes=tuple(notes))


def chosen_of(wanted: Sequence[str], listing: Listing) -> tuple[list[ListedReport], list[str]]:
    """The reports of these names and ids, each once, and what is wrong with the names."""
    reports: dict[int, ListedReport] = {}
    notes = []
    for asked in wanted:
        try:
            choice: Choice = rules.choose(asked, listing)
        except CallerError as error:
            notes.append(f"HANDRAIL_MIXPANEL_REPORTS: {error}")
            continue
        reports |= {report.report_id: report for report in choice.reports}
    return list(reports.values()), notes


def _due(reports: Sequence[ListedReport], kept: dict[int, KeptReport], since: datetime) -> list[ListedReport]:
    """Those without a copy of so late, oldest first; never fetched ones before all others."""
    late = {number: copy.fetched_at for number, copy in kept.items()}
    due = [each for each in reports if each.report_id not in late or late[each.report_id] < since]
    return sorted(due, key=lambda each: late[each.report_id].timestamp() if each.report_id in late else 0.0)


async def _ask(ctx: ToolContext, listing: Listing, due: Sequence[ListedReport]) -> dict[int, str]:
    """Ask for reports and keep them; answers why, by id, for those that could not be had."""
    failed: dict[int, str] = {}
    for at, report in enumerate(due):
        try:
            await _fetch(ctx, listing, report)
        except RateLimited as error:
            failed |= {each.report_id: str(error) for each in due[at:]}
            break
        except (CallerError, UpstreamError) as error:
            failed[report.report_id] = str(error)
    return failed


async def _fetch(ctx: ToolContext, listing: Listing, listed: ListedReport) -> None:
    if listed.kind not in rules.READABLE:
        raise CallerError(f"Mixpanel does not give out reports of the kind {listed.kind!r}.")
    report = await ctx.mixpanel.queries.saved_report(listed.report_id)
    report = rules.without_persons(report, ctx.mixpanel.account_property)
    async with ctx.store.begin() as work:
        await work.reports.keep(listed, _boards(listing, listed), report, ctx.clock.now())


async def _kept(ctx: ToolContext) -> dict[int, KeptReport]:
    async with ctx.store.read() as work:
        return {each.report_id: each for each in await work.reports.newest()}


async def _listing(ctx: ToolContext, kept: dict[int, KeptReport]) -> Listing:
    """What the project has saved; while Mixpanel does not say, what copies there are."""
    try:
        return await ctx.mixpanel.saved.listing()
    except (UpstreamError, ConfigError) as error:
        if not kept:
            raise
        log.warning("saved reports are listed from the kept copies: %s", error)
    return rules.listing_of(list(kept.values()))


def _boards(listing: Listing, report: ListedReport) -> list[Dashboard]:
    return [board for board in listing.dashboards if report.report_id in board.report_ids]

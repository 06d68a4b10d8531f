"""What is read of Mixpanel beside the events: users by segment, and the chosen saved reports."""

from datetime import date

from handrail.context import ToolContext
from handrail.domain.runs import Refresh
from handrail.engine.periods import last_complete_day
from handrail.errors import CallerError, UpstreamError
from handrail.flows.reports import chosen_of, refresh_reports
from handrail.flows.segments import count_users


async def planned_questions(ctx: ToolContext) -> int:
    """What a refresh will cost of the hour's questions: all profiles, each cohort, each chosen report."""
    users = 1 + len(ctx.settings.mixpanel_cohorts)
    if not ctx.settings.reports:
        return users
    try:
        chosen, _ = chosen_of(ctx.settings.reports, await ctx.mixpanel.saved.listing())
    except UpstreamError:
        return users
    return users + len(chosen)


async def refresh(ctx: ToolContext, as_of: date) -> Refresh:
    """Count users and refresh reports; what could not be had keeps its older figures and is noted.

    Profiles and reports are those of now, so nothing is done for a day before the last complete one.
    """
    if as_of < last_complete_day(ctx.clock.now(), await ctx.zone()):
        return Refresh()
    notes: list[str] = []
    profiles = reports = 0
    try:
        census = await count_users(ctx, as_of)
        if census:
            profiles = census.profiles
            notes += census.notes
    except (UpstreamError, CallerError) as error:
        notes.append(f"Users were not counted by segment: {error} Older figures stay.")
    try:
        done = await refresh_reports(ctx)
        reports = done.asked
        notes += done.notes
    except (UpstreamError, CallerError) as error:
        notes.append(f"Saved reports were not refreshed: {error} Older copies stay.")
    return Refresh(profiles=profiles, reports=reports, notes=tuple(notes))

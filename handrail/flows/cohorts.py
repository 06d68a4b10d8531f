"""Who is in the tracked cohorts now, as user keys."""

from collections.abc import Set

from handrail.context import ToolContext
from handrail.engine.keys import user_key
from handrail.engine.personal import harmless_name
from handrail.errors import CallerError, UpstreamError
from handrail.services.mixpanel.profiles import in_cohort

UNCOUNTED = " was not counted: "
"""Between a cohort and why: who asks again may get another reason."""


async def tracked(ctx: ToolContext) -> tuple[dict[str, Set[str]], list[str]]:
    """The members of each cohort of HANDRAIL_MIXPANEL_COHORTS by its name, and what could not be had.

    One question a cohort.
    """
    found: dict[str, Set[str]] = {}
    notes: list[str] = []
    for asked in ctx.settings.mixpanel_cohorts:
        try:
            known = await ctx.mixpanel.queries.cohorts()
            cohort = next((one for one in known if asked in (str(one.cohort_id), one.name)), None)
            if cohort is None:
                notes.append(f"There is no cohort {asked!r}: check HANDRAIL_MIXPANEL_COHORTS.")
                continue
            members = ctx.mixpanel.profiles([], who=in_cohort(cohort.cohort_id))
            found[harmless_name(cohort.name, cohort.cohort_id)] = {
                user_key(ctx.secret, each.distinct_id) async for each in members
            }
        except (UpstreamError, CallerError) as error:
            notes.append(f"The cohort {asked!r}{UNCOUNTED}{error}")
    return found, notes

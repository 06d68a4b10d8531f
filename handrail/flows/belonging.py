"""The accounts of users by their profiles, for events that name none; held in memory only."""

from datetime import timedelta

from handrail.context import ToolContext
from handrail.engine import accounts

FRESH = timedelta(hours=1)


async def homes(ctx: ToolContext) -> dict[str, tuple[str, ...]]:
    """Mixpanel ids of accounts by user key; empty unless a profile property or domains are configured.

    One question to Mixpanel, kept in memory for an hour.
    """
    name, by_domain = ctx.settings.mixpanel_profile_property, ctx.settings.mixpanel_domain_accounts
    if not name and not by_domain:
        return {}
    now = ctx.clock.now()
    known = ctx.people.homes
    if known is not None and now - known[0] < FRESH:
        return known[1]
    async with ctx.store.read() as work:
        domains = accounts.by_domain(await work.accounts.all()) if by_domain else {}
    wanted = [*([name] if name else []), *(["$email"] if by_domain else [])]
    found = {}
    async for profile in ctx.mixpanel.profiles(wanted):
        named = accounts.of_profile(profile.properties, profile_property=name, domains=domains)
        if named:
            found[ctx.people.key_of(profile.distinct_id)] = named
    ctx.people.homes = now, found
    return found

"""The users of every account, counted from one question for all profiles and one for each cohort."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from handrail.context import ToolContext
from handrail.domain.segments import AccountUsers, Census, Seen
from handrail.engine import keys
from handrail.engine.accounts import account_ids
from handrail.engine.segments import ACTIVE_DAYS, Tally, first_of_last
from handrail.flows.cohorts import tracked


async def count_users(ctx: ToolContext, as_of: date) -> Census | None:
    """Count the users of all accounts anew; None where no day of activity is known.

    A profile belongs to the accounts it names, or else to those its user was active in lately.
    Its values pass through memory only; what is kept are numbers of users, folded.
    """
    async with ctx.store.read() as work:
        ids = {account.mixpanel_id: account.id for account in await work.accounts.all()}
        since = await work.segments.active_since(as_of)
        seen = await work.segments.seen(since, as_of) if since else {}
    if since is None:
        return None
    wanted = ctx.settings.segment_properties
    cohorts, notes = await tracked(ctx)
    tallies = {account: Tally(wanted, seen.get(account, {}), as_of, cohorts) for account in ids.values()}
    lately = _active_lately(seen, as_of)
    profiles = without_account = 0
    async for profile in ctx.mixpanel.profiles([ctx.mixpanel.account_property, *wanted]):
        user_key = keys.user_key(ctx.secret, profile.distinct_id)
        named = account_ids(profile.properties.get(ctx.mixpanel.account_property))
        accounts = [ids[each] for each in named if each in ids] if named else lately.get(user_key, [])
        for account in accounts:
            tallies[account].add(user_key, profile.properties)
        profiles, without_account = profiles + 1, without_account + (not accounts)
    counted = [tally.result(account, since, ctx.clock.now()) for account, tally in tallies.items()]
    async with ctx.store.begin() as work:
        await work.segments.replace(counted)
    return Census(
        profiles=profiles,
        without_account=without_account,
        accounts=sum(one.users > 0 for one in counted),
        notes=tuple(notes),
    )


async def users_of(ctx: ToolContext, account_id: str) -> AccountUsers | None:
    """The users of one account as they were counted last; None where they were not counted yet."""
    async with ctx.store.read() as work:
        return await work.segments.of(account_id)


def _active_lately(seen: Mapping[str, Mapping[str, Seen]], as_of: date) -> dict[str, list[str]]:
    """The accounts in which each user was active in the last 30 days."""
    first = first_of_last(ACTIVE_DAYS, as_of)
    found: dict[str, list[str]] = defaultdict(list)
    for account, users in seen.items():
        for user_key, days in users.items():
            if days.last >= first:
                found[user_key].append(account)
    return found

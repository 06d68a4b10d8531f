"""The sync: Mixpanel's export and funnels into account figures, whole days at a time."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.domain.metrics import AccountDay, Coverage, DayTables, SyncRecord
from handrail.engine.accounts import account_ids
from handrail.engine.periods import last_complete_day
from handrail.engine.text import shown
from handrail.errors import BrokenExport, CallerError
from handrail.flows.belonging import homes
from handrail.services.event_table import EventTable, load

REREAD_DAYS = 5
"""Late events are accepted for days after: the last days are read again every night."""

DAYS_A_REQUEST = 31
TRIES = 3

log = logging.getLogger(__name__)


async def sync(ctx: ToolContext, *, from_day: date | None = None, to_day: date | None = None) -> SyncRecord:
    """Read whole project days and replace their figures; without dates, what a night needs.

    The first sync reads back as far as HANDRAIL_BACKFILL_DAYS, later ones the last days and any gap before.
    """
    started = ctx.clock.now()
    zone = await ctx.mixpanel.zone()
    last = last_complete_day(started, zone)
    end = to_day or last
    start = from_day or min(await _start(ctx, last), end - timedelta(days=REREAD_DAYS - 1))
    if start > end or end > last:
        raise CallerError(
            f"Only complete days can be synced: up to {last} in {zone}, asked {start} to {end}."
        )
    profiles = await group_profiles(ctx)
    covered = []
    for first, final in _batches(start, end):
        tables = await _count(ctx, zone, first, final)
        await _keep(ctx, tables, profiles, (first, final))
        covered.append(tables.coverage)
        log.info("synced %s to %s: %d events", first, final, tables.coverage.events)
    record = SyncRecord(
        started_at=started,
        finished_at=ctx.clock.now(),
        zone=zone,
        from_date=start,
        to_date=end,
        **Coverage(*map(sum, zip(*covered, strict=True)))._asdict(),
    )
    async with ctx.store.begin() as work:
        await work.metrics.record_sync(record)
    return record


async def _start(ctx: ToolContext, last: date) -> date:
    async with ctx.store.read() as work:
        before = await work.metrics.last_sync()
    if before is None:
        return last - timedelta(days=ctx.settings.backfill_days - 1)
    return min(before.to_date + timedelta(days=1), last - timedelta(days=REREAD_DAYS - 1))


async def group_profiles(ctx: ToolContext) -> list[GroupProfile]:
    """Names and flags of accounts from Mixpanel's group profiles, where the group key is configured."""
    group_id = ctx.settings.mixpanel_group_id
    if not group_id:
        return []
    wanted = ["$name", "name", "domain", "internal", "handrail_opt_out"]
    found = []
    async for profile in ctx.mixpanel.profiles(wanted, group_id=group_id):
        values = profile.properties
        name = values.get("$name") or values.get("name")
        domain = values.get("domain")
        found.append(
            GroupProfile(
                mixpanel_id=profile.distinct_id,
                name=shown(name) if isinstance(name, str) and name.strip() else profile.distinct_id,
                domain=domain.strip().lower() if isinstance(domain, str) else "",
                internal=values.get("internal") is True,
                opted_out=values.get("handrail_opt_out") is True,
            )
        )
    return [profile for profile in found if account_ids(profile.mixpanel_id)]


async def read_events(
    ctx: ToolContext,
    zone: str,
    first: date,
    final: date,
    *,
    events: list[str] | None = None,
    breakdowns: Sequence[str] = (),
) -> EventTable:
    """The events of whole project days, counted; a broken export is asked for again.

    Export days are UTC days, so one more is read on each side and cut off again.
    """
    today = ctx.clock.now().astimezone(UTC).date()
    until = min(final + timedelta(days=1), today)
    users = await homes(ctx)
    async with ctx.store.read() as work:
        same = await work.accounts.same()
    for attempt in range(1, TRIES + 1):
        try:
            async with ctx.mixpanel.export(first - timedelta(days=1), until, events=events) as stream:
                return await load(
                    stream,
                    account_property=ctx.mixpanel.account_property,
                    secret=ctx.secret,
                    zone=zone,
                    from_day=first,
                    to_day=final,
                    breakdowns=breakdowns,
                    wall_clock=ctx.settings.wall_clock_times,
                    same=same,
                    homes=users,
                    memory_limit=ctx.settings.memory_limit,
                    threads=ctx.settings.threads,
                    temp_directory=ctx.settings.temp_dir,
                )
        except BrokenExport:
            if attempt == TRIES:
                raise
            log.warning("the export of %s to %s broke; asking again (%d of %d)", first, final, attempt, TRIES)
    raise AssertionError("unreachable")


async def _count(ctx: ToolContext, zone: str, first: date, final: date) -> DayTables:
    table = await read_events(ctx, zone, first, final, breakdowns=ctx.settings.mixpanel_breakdowns)
    try:
        return DayTables(
            account_days=[
                AccountDay(
                    mixpanel_id=account, day=day, total_events=total, unique_users=users, sessions=sessions
                )
                for account, day, total, users, sessions in table.account_days()
            ],
            user_days=table.user_days(),
            event_days=table.event_days(),
            value_days=table.value_days(),
            feature_days=table.feature_days(ctx.kb.features()),
            hours=table.hours(),
            coverage=table.coverage(),
        )
    finally:
        table.close()


async def _keep(
    ctx: ToolContext, tables: DayTables, profiles: list[GroupProfile], span: tuple[date, date]
) -> None:
    named = {profile.mixpanel_id for profile in profiles}
    async with ctx.store.begin() as work:
        known = {account.mixpanel_id for account in await work.accounts.all()}
        seen = {row.mixpanel_id for row in tables.account_days} - named - known
        nameless = [GroupProfile(mixpanel_id=each, name=shown(each) or each) for each in sorted(seen)]
        ids = await work.accounts.keep(
            [*profiles, *nameless], project_id=ctx.mixpanel.project_id, now=ctx.clock.now()
        )
        await work.metrics.replace_days(tables, ids, span)


def _batches(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        final = min(end, start + timedelta(days=DAYS_A_REQUEST - 1))
        yield start, final
        start = final + timedelta(days=1)

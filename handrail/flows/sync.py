"""The sync: Mixpanel's export and funnels into account figures, whole days at a time.

Each batch of days is replaced and marked as whole in one transaction: a sync that is killed goes on where
it was, and never leaves half a day.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.domain.metrics import AccountDay, DayTables, ReadDay, SyncRecord, SyncState, SyncStatus
from handrail.domain.periods import Period
from handrail.engine.accounts import account_ids
from handrail.engine.periods import day_of, last_complete_day
from handrail.engine.personal import holds_somebody
from handrail.engine.text import shown
from handrail.errors import BrokenExport, CallerError, HandrailError
from handrail.flows.belonging import homes
from handrail.lock import one_at_a_time
from handrail.services.event_sources import load_from
from handrail.services.event_table import Counting, EventTable, load

REREAD_DAYS = 5
"""Late events are accepted for days after: the last days are read again every night."""

RESUMED_FOR = timedelta(days=7)
"""A sync that stopped longer ago is not gone on with: its days are read anew."""

MOST_DAYS = 3650
"""Ten years: whoever asks for more has mistyped."""

SUMMED = (7, 30, 90)
"""Days of the periods whose totals are counted at the end, each with the period before it."""

KEPT_SUMS = 2 * max(SUMMED)

DAYS_A_REQUEST = 31
TRIES = 3

Told = Callable[[SyncState], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What one sync has to read. `shape` names the settings that the figures depend on."""

    sync_id: int
    zone: str
    shape: str
    days: tuple[date, ...]
    named: bool = False
    """Somebody asked for just these days: what Mixpanel has of them now counts, even if it is nothing."""


async def sync(
    ctx: ToolContext,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
    patience: float = 0.0,
    told: Told | None = None,
) -> SyncRecord:
    """Read whole project days and replace their figures; without dates, what a night needs.

    The first sync reads back as far as HANDRAIL_BACKFILL_DAYS, later ones the days that are missing or were
    last read before late events were in. Waits `patience` seconds for a sync of another process to end.
    """
    async with one_at_a_time(ctx.settings, "sync", patience=patience):
        return await carry_out(ctx, await plan(ctx, from_day, to_day), told)


async def plan(ctx: ToolContext, from_day: date | None, to_day: date | None) -> Plan:
    """Find the days to read, and put the sync on record. Ask for it under the lock only.

    Where the newest sync was interrupted, what it has read of these days is not read again.
    """
    now = ctx.clock.now()
    zone = await ctx.mixpanel.zone()
    last = last_complete_day(now, zone)
    end = to_day or last
    if end > last or (from_day and from_day > end):
        raise CallerError(
            f"Only complete days can be synced, the first before the last: up to {last} in {zone}, "
            f"asked {from_day or 'what is missing'} to {end}."
        )
    if from_day and (end - from_day).days >= MOST_DAYS:
        raise CallerError(f"At most {MOST_DAYS} days are read at once; {from_day} to {end} is more.")
    shape = shape_of(ctx, zone)
    async with ctx.store.begin() as work:
        read = await work.syncs.days(shape)
        before = await work.syncs.newest()
        begun = await work.metrics.last_sync() is not None
        first = from_day or _first_day(ctx, read if begun else {}, end)
        asked = [first + timedelta(days=number) for number in range((end - first).days + 1)]
        resumed = _to_resume(before, now)
        done = {day for day in asked if _whole(read.get(day), resumed, any_sync=from_day is None)}
        if from_day is None:
            done -= set(asked[-REREAD_DAYS:])
        mine = {day for day in done if resumed and read[day].sync_id == resumed.id}
        days = tuple(day for day in asked if day not in done)
        sync_id = await work.syncs.start(
            (min([*days, *mine], default=first), end),
            zone,
            now,
            days_total=len(days) + len(mine),
            taken_over=mine,
            resumed=resumed.id if resumed else 0,
        )
    return Plan(sync_id, zone, shape, days, named=from_day is not None)


def shape_of(ctx: ToolContext, zone: str) -> str:
    """What the figures of a day depend on; days read with other settings are read again."""
    settings = ctx.settings
    return " ".join(
        [
            str(ctx.mixpanel.project_id),  # first: see `Syncs.project`
            zone,
            ctx.mixpanel.account_property,
            settings.mixpanel_profile_property,
            str(settings.mixpanel_domain_accounts),
            *settings.mixpanel_breakdowns,
        ]
    )


def _to_resume(newest: SyncState | None, now: datetime) -> SyncState | None:
    """The newest sync, if it did not come to its end and not long ago. Nobody else runs: we hold the lock."""
    if newest is None or newest.status == "done" or now - newest.started_at > RESUMED_FOR:
        return None
    return newest


def _whole(row: ReadDay | None, resumed: SyncState | None, *, any_sync: bool) -> bool:
    """Whether a day need not be read: late events were in when it was, by the interrupted sync or by any."""
    if row is None or row.read_at.date() < row.day + timedelta(days=REREAD_DAYS):
        return False
    return any_sync or (resumed is not None and row.sync_id == resumed.id)


def _first_day(ctx: ToolContext, read: Iterable[date], end: date) -> date:
    oldest = min(read, default=end - timedelta(days=ctx.settings.backfill_days - 1))
    return min(oldest, end - timedelta(days=REREAD_DAYS - 1))


async def carry_out(ctx: ToolContext, plan: Plan, told: Told | None = None) -> SyncRecord:
    """Read what is planned. What ends it too soon is kept with it, and raised."""
    try:
        await _tell(ctx, plan, told)
        profiles = await group_profiles(ctx)
        for span in _batches(plan.days):
            tables = await _count(ctx, plan.zone, *span)
            await _refuse_nothing(ctx, plan, tables, span)
            _refuse_silence(ctx, plan, tables, span)
            await _keep(ctx, plan, tables, profiles, span)
            await _tell(ctx, plan, told)
            log.info("synced %s to %s: %d events", *span, tables.coverage.events)
        await _sum_up(ctx, plan)
    except HandrailError as error:
        await _end(ctx, plan, "failed", str(error))
        raise
    except BaseException:
        await asyncio.shield(_end(ctx, plan, "interrupted", "It was stopped before it was done."))
        raise
    return await _end(ctx, plan, "done")


async def _tell(ctx: ToolContext, plan: Plan, told: Told | None) -> None:
    if told is not None:
        async with ctx.store.read() as work:
            state = await work.syncs.get(plan.sync_id)
        if state is not None:
            told(state)


async def _end(ctx: ToolContext, plan: Plan, status: SyncStatus, message: str = "") -> SyncRecord:
    async with ctx.store.begin() as work:
        return await work.syncs.end(plan.sync_id, status, ctx.clock.now(), message)


async def group_profiles(ctx: ToolContext) -> list[GroupProfile]:
    """Names and flags of accounts from Mixpanel's group profiles, where the group key is configured."""
    group_id = ctx.settings.mixpanel_group_id
    if not group_id:
        return []
    wanted = ["$name", "name", "domain", "internal", "handrail_opt_out"]
    churn = ctx.settings.mixpanel_churn_property
    found = []
    async for profile in ctx.mixpanel.profiles([*wanted, *filter(None, [churn])], group_id=group_id):
        values = profile.properties
        name = values.get("$name") or values.get("name")
        domain = values.get("domain")
        found.append(
            GroupProfile(
                mixpanel_id=profile.distinct_id,
                name=_company(name) or profile.distinct_id,
                domain=domain.strip().lower().rpartition("@")[2] if isinstance(domain, str) else "",
                internal=values.get("internal") is True,
                opted_out=values.get("handrail_opt_out") is True,
                churned_at=day_of(values.get(churn)) if churn else None,
            )
        )
    if churn and not any(profile.churned_at for profile in found):
        log.warning("no group profile has a day in the property that HANDRAIL_MIXPANEL_CHURN_PROPERTY names")
    return [profile for profile in found if account_ids(profile.mixpanel_id)]


def _company(name: object) -> str:
    """A company's name as it is kept; empty where it is none, or names a person."""
    return shown(name) if isinstance(name, str) and not holds_somebody(name) else ""


async def read_events(
    ctx: ToolContext,
    zone: str,
    first: date,
    final: date,
    *,
    events: list[str] | None = None,
    breakdowns: Sequence[str] = (),
    live: bool = False,
) -> EventTable:
    """The events of whole project days, counted; a broken export is asked for again.

    Read where HANDRAIL_EVENTS_SOURCE says; `live` reads the export in any case, for what happened just now.
    Export days are UTC days, so one more is read on each side and cut off again.
    """
    settings = ctx.settings
    exported = live or settings.events_source.kind == "export"
    today = ctx.clock.now().astimezone(UTC).date()
    users = await homes(ctx)
    async with ctx.store.read() as work:
        same = await work.accounts.same()
        erased = await work.people.erased()
    counting: Counting = {
        "account_property": ctx.mixpanel.account_property,
        "secret": ctx.secret,
        "zone": zone,
        "from_day": first,
        "to_day": final,
        "breakdowns": breakdowns,
        # Pipelines write true times, whenever the project was made.
        "wall_clock": exported and settings.wall_clock_times,
        "same": same,
        "homes": users,
        "erased": erased,
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": settings.temp_dir,
    }
    start = first - timedelta(days=1)
    if not exported:
        return await load_from(
            settings, ctx.mixpanel.project_id, start, today, events=events, counting=counting
        )
    until = min(final + timedelta(days=1), today)
    for attempt in range(1, TRIES + 1):
        try:
            async with ctx.mixpanel.export(start, until, events=events) as stream:
                return await load(stream, **counting)
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


async def _refuse_nothing(ctx: ToolContext, plan: Plan, tables: DayTables, span: tuple[date, date]) -> None:
    """An export without a single event does not wipe out what was read of its days before."""
    if tables.coverage.events or plan.named:
        return
    async with ctx.store.read() as work:
        before = await work.metrics.totals(Period(from_date=span[0], to_date=span[1], zone=plan.zone))
    if events := sum(each.total_events for each in before.values()):
        raise BrokenExport(
            f"Mixpanel's export of {span[0]} to {span[1]} is empty, and {events} events were read of these "
            "days before: nothing was replaced. If they are gone for good, sync these days by name."
        )


def _refuse_silence(ctx: ToolContext, plan: Plan, tables: DayTables, span: tuple[date, date]) -> None:
    """A pipeline lags: that it has not brought the last day yet must not look like a day without a user."""
    if ctx.settings.events_source.kind == "export" or plan.named:
        return
    seen = {row.day for row in tables.account_days}
    if span[1] not in seen and span[1] - timedelta(days=1) in seen:
        raise BrokenExport(
            f"The source of events has nothing of {span[1]} yet, and has events of the day before: nothing "
            "was replaced. Sync again when the pipeline has brought it, or sync days up to the one before."
        )


async def _keep(
    ctx: ToolContext, plan: Plan, tables: DayTables, profiles: list[GroupProfile], span: tuple[date, date]
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
        await work.syncs.advance(
            plan.sync_id,
            span,
            counts=tables.coverage,
            shape=plan.shape,
            now=ctx.clock.now(),
        )


async def _sum_up(ctx: ToolContext, plan: Plan) -> None:
    """Count the periods that the book is looked at by: over thousands of accounts that takes seconds."""
    if not plan.days:
        return
    async with ctx.store.begin() as work:
        before = await work.metrics.last_sync()
        last = max(plan.days[-1], before.to_date) if before else plan.days[-1]
        for length in SUMMED:
            span = Period.of_days(length, last, plan.zone)
            for period in (span, span.before()):
                await work.metrics.keep_totals(period)
        await work.metrics.forget_totals(last - timedelta(days=KEPT_SUMS))


def _batches(days: tuple[date, ...]) -> Iterator[tuple[date, date]]:
    """First and last day of each request: days in a row, at most so many."""
    start = 0
    for at in range(1, len(days) + 1):
        if at == len(days) or at - start == DAYS_A_REQUEST or days[at] - days[at - 1] > timedelta(days=1):
            yield days[start], days[at - 1]
            start = at

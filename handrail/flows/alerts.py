"""Alerts: raised at night from the tables, told to the team, listed, and closed by a person."""

import logging
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.alerts import FLEET, Alert, AlertKind, AlertState, Found
from handrail.domain.metrics import SyncRecord
from handrail.domain.periods import Period
from handrail.engine import alert_limits as limits
from handrail.engine import alert_words
from handrail.engine.alerts import alert_id, reconcile, remembered_since
from handrail.engine.brief_words import escaped
from handrail.engine.personal import points_at_somebody
from handrail.errors import CallerError, Conflict, NotThere, UpstreamError

if TYPE_CHECKING:
    from handrail.engine.fleet import Book
    from handrail.store import Work

DAY = timedelta(days=1)
BY_WEBHOOK = "alerts by webhook"

log = logging.getLogger(__name__)


async def raise_alerts(ctx: ToolContext, as_of: date, windows: Mapping[int, int]) -> int:
    """Look at every account's figures up to `as_of`, and keep what is new, worse or over.

    `windows` are the seconds of the funnels to look at. Answers how many are told. Safe to repeat; a night
    older than the last one that was looked at changes nothing.
    """
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
        newest = await work.alerts.newest_night()
        if last is None or last.to_date < as_of or (newest is not None and newest > as_of):
            return 0
        accounts = {each.id: each for each in await work.accounts.all()}
        watched = {key for key, each in accounts.items() if not each.internal and each.churned_at is None}
        span = Period.of_days(limits.SPAN, as_of, last.zone)
        book = await read_book(ctx, work, span, watched, windows)
        dismissals = await work.alerts.dismissals()
        known = await work.alerts.remembered(remembered_since(as_of))
        stuck = await work.briefs.struggling(as_of)
    from handrail.engine.anomalies import find  # noqa: PLC0415  (brings numpy)

    found = find(book, dismissals)
    titles = {feature.slug: feature.title for feature in ctx.kb.features()}
    worded = alert_words.worded(found, stuck, titles, last.zone)
    changed = reconcile(found, known, as_of, worded)
    async with ctx.store.begin() as work:
        await work.alerts.keep(changed)
        return len(await work.alerts.told(as_of))


async def read_book(
    ctx: ToolContext, work: "Work", period: Period, watched: set[str], windows: Mapping[int, int]
) -> "Book":
    """The figures of the period, for the accounts that are watched."""
    import numpy as np  # noqa: PLC0415

    from handrail.engine import fleet  # noqa: PLC0415

    synced, rows = await work.sweep.synced_days(period), await work.sweep.days(period)
    accounts = tuple(sorted({row[0] for row in rows} & watched))
    row_of = {account: row for row, account in enumerate(accounts)}
    column_of = {period.from_date + at * DAY: at for at in range(period.days)}
    known = np.array([day in synced for day in column_of])
    counted = np.zeros((4, len(accounts), period.days))
    for account, day, *figures in rows:
        if account in row_of:
            counted[:3, row_of[account], column_of[day]] = figures
    features: dict[tuple[str, str], Any] = {}
    for account, day, feature, attempts, errors in await work.sweep.features(period):
        if account in row_of:
            counted[3, row_of[account], column_of[day]] += errors
            features.setdefault((account, feature), np.zeros(period.days))[column_of[day]] = attempts
    names = await work.sweep.names(period)
    unborn = np.cumsum(counted[0] > 0, axis=1) == 0
    gone = fleet.retired(names, period.to_date)
    for account, day, total in await work.sweep.named(gone, period) if gone else ():
        if account in row_of:
            counted[0, row_of[account], column_of[day]] -= total
    counted[:, unborn | ~known] = np.nan
    before = Period.of_days(28, period.to_date - limits.WINDOW * DAY, period.zone)
    people = {key: each.unique_users for key, each in (await work.metrics.totals(before)).items()}
    base = Period.of_days(7 * limits.KEY_WEEKS, period.to_date - limits.SILENT_REACH * DAY, period.zone)
    samples = await work.sweep.samples(period.to_date - 2 * limits.NEW_USUAL * DAY, period.to_date)
    return fleet.Book(
        accounts=accounts,
        last=period.to_date,
        events=counted[0],
        users=counted[1],
        sessions=counted[2],
        errors=counted[3],
        people=people,
        holidays=frozenset(ctx.settings.holidays),
        funnels=_funnels(await work.sweep.funnels(period), windows, column_of),
        features={
            key: np.where(unborn[row_of[key[0]]] | ~known, np.nan, each) for key, each in features.items()
        },
        quiet=fleet.quiet(await work.sweep.regulars(base, period.to_date, limits.KEY_DAYS), period.to_date),
        names=names,
        samples=[fleet.Sample(*each) for each in samples],
    )


def _funnels(
    rows: Iterable[tuple[str, date, int, str, int, int]],
    windows: Mapping[int, int],
    column_of: Mapping[date, int],
) -> dict[tuple[str, str], Any]:
    """By account and funnel, only days whose window has ended: who entered later may still complete."""
    import numpy as np  # noqa: PLC0415

    found: dict[tuple[str, str], Any] = {}
    for account, day, funnel_id, name, entered, completed in rows:
        if funnel_id not in windows:
            continue
        open_days = max(1, -(-windows[funnel_id] // 86_400))
        series = found.setdefault((account, name), np.zeros((2, len(column_of))))
        series[:, len(column_of) - open_days :] = np.nan
        if column_of[day] < len(column_of) - open_days:
            series[:, column_of[day]] = entered, completed
    return found


async def told(ctx: ToolContext, night: date) -> list[str]:
    """Post what is new or worse to the team's webhook, once a night; answers what failed."""
    async with ctx.store.read() as work:
        alerts = await work.alerts.told(night)
        accounts = {each.id: each for each in await work.accounts.all()}
    lines = [alert_words.line(each, _name(each, accounts)) for each in alerts if _shown(each, accounts)]
    if ctx.settings.alert_webhook is None or not lines:
        return []
    async with ctx.store.begin() as work:
        if not await work.briefs.tell(BY_WEBHOOK, night, ctx.clock.now()):
            return []
    text = "\n".join([f"*Alerts, night of {night}*", *(f"• {escaped(each)}" for each in lines)])
    try:
        await ctx.team.alert(text)
    except UpstreamError as error:
        async with ctx.store.begin() as work:
            await work.briefs.untell(BY_WEBHOOK, night)
        return [str(error)]
    return []


async def listed(
    ctx: ToolContext,
    *,
    account_id: str | None = None,
    kind: AlertKind | None = None,
    state: AlertState | None = None,
) -> list[tuple[Alert, Account | None]]:
    """Alerts with their accounts, those told last first; of all accounts without one.

    A sync that is overdue is told as long as it is; nobody keeps it.
    """
    async with ctx.store.read() as work:
        found = await work.alerts.find(account_id=account_id, kind=kind, state=state)
        about = {each.account_id for each in found}
        accounts = {each.id: each for each in await work.accounts.by_ids(list(about))}
        last = await work.metrics.last_sync()
    stale = _stale(ctx, last) if last else None
    live = [stale] if stale and account_id in {None, FLEET} else []
    if kind not in {None, AlertKind.DATA} or state not in {None, "open"}:
        live = []
    return [(each, accounts.get(each.account_id)) for each in [*live, *found] if _shown(each, accounts)]


async def close(
    ctx: ToolContext, alert_id_: str, state: Literal["resolved", "dismissed"], reason: str
) -> Alert:
    """A person closes an alert; a dismissal needs a reason, and is learned from."""
    if state == "dismissed" and not reason.strip():
        raise CallerError("Say why it is dismissed: such alerts of the account will need more from now on.")
    if points_at_somebody(reason):
        raise CallerError("The reason seems to hold an address, a number or an id of somebody: leave it out.")
    async with ctx.store.read() as work:
        seen = await work.alerts.get(alert_id_)
    async with ctx.whole.store.begin() as work:
        alert = await work.alerts.get(alert_id_) if seen else None
        if alert is None:
            raise NotThere(f"There is no alert {alert_id_!r}: see `handrail alerts list`.")
        if alert.state != "open":
            raise Conflict(f"The alert {alert_id_} is {alert.state} already.")
        closed = alert.model_copy(
            update={"state": state, "reason": reason.strip()[:200], "closed_at": ctx.clock.now()}
        )
        await work.alerts.keep([closed])
    return closed


def _stale(ctx: ToolContext, last: SyncRecord) -> Alert | None:
    hours = (ctx.clock.now() - last.finished_at) / timedelta(hours=1)
    if hours <= limits.STALE_HOURS:
        return None
    found = Found(
        account_id=FLEET,
        kind=AlertKind.DATA,
        subject="sync",
        size=1.0,
        score=0.0,
        since=last.finished_at.date(),
        observed=hours,
        usual=24,
        days=1,
    )
    evidence, cause, step = alert_words.worded([], {}, {}, last.zone)(found)
    today = ctx.clock.now().date()
    return Alert(
        **found.model_dump(),
        id=alert_id(found, last.to_date),
        raised_on=today,
        told_on=today,
        told_size=1.0,
        seen_on=today,
        evidence=evidence,
        cause=cause,
        next_step=step,
    )


def _shown(alert: Alert, accounts: Mapping[str, Account]) -> bool:
    """An account that is gone has no alerts any more."""
    return alert.account_id == FLEET or alert.account_id in accounts


def _name(alert: Alert, accounts: Mapping[str, Account]) -> str:
    return accounts[alert.account_id].name if alert.account_id else ""

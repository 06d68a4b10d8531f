"""The book of accounts as the tables have it, read again only when they change."""

import asyncio
import gc
import logging
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from handrail.context import ToolContext
from handrail.domain.periods import Period
from handrail.engine import book, periods
from handrail.engine.book import Entry, Sort
from handrail.engine.figures import change

if TYPE_CHECKING:
    from handrail.store import Store, Work

log = logging.getLogger(__name__)

LOOK_SECONDS = 60
"""How often the web app looks whether to read the book again, so that no page waits for it."""


@dataclass(frozen=True)
class Book:
    entries: tuple[Entry, ...]
    first_day: date | None
    """The oldest day with figures."""
    compared: bool
    """Whether figures reach back over the period before."""
    _orders: dict[Sort, list[Entry]] = field(default_factory=dict, compare=False, repr=False)

    def ordered(self, sort_by: Sort) -> list[Entry]:
        """All of it in one of its orders, each of which is made once."""
        if sort_by not in self._orders:
            self._orders[sort_by] = book.ordered(self.entries, sort_by)
        return self._orders[sort_by]


@dataclass
class _Kept:
    """The book that was read last, and of which state of the tables. Who asks meanwhile waits."""

    state: tuple[object, ...] = ()
    book: Book | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


_kept: "WeakKeyDictionary[Store, _Kept]" = WeakKeyDictionary()


async def read_book(ctx: ToolContext, span: Period) -> Book:
    """Every account with its figures of the period, the change against the period before, and its health.

    Reading thousands of accounts takes a second: what was read is good until the tables change. A reader who
    sees some accounts gets theirs out of it.
    """
    if ctx.sees:
        async with ctx.store.read() as work:
            own = {each.id for each in await work.accounts.all()}
        whole = await read_book(ctx.whole, span)
        entries = tuple(each for each in whole.entries if each.account.id in own)
        return Book(entries, whole.first_day, whole.compared)
    kept = _kept.setdefault(ctx.store.whole, _Kept())
    async with kept.turn, ctx.store.read() as work:
        state = (
            span,
            await work.syncs.last_read(),
            await work.accounts.version(),
            await work.health.version(),
        )
        if kept.book is None or kept.state != state:
            kept.book, kept.state = await _read(work, span), state
        return kept.book


async def _read(work: "Work", span: Period) -> Book:
    accounts = await work.accounts.all()
    now = await work.metrics.totals(span)
    before = await work.metrics.totals_before(span)
    health = await work.health.book()
    entries = []
    for account in accounts:
        current, earlier = now.get(account.id), before.get(account.id)
        changed = change(current.total_events if current else 0, earlier.total_events if earlier else 0)
        entries.append(Entry(account, current, changed, health.get(account.id)))
    return Book(tuple(entries), await work.metrics.first_day(), bool(before))


async def last_month(ctx: ToolContext) -> Period | None:
    """The 30 days that the book is shown of; None before the first sync."""
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    return periods.standard(last.to_date, last.zone)["last_30_days"] if last else None


async def keep_ready(ctx: ToolContext) -> None:
    """Read the book again soon after its tables change, for as long as the context is open.

    For a process that serves: the collector of garbage walks all that lives again and again, and everybody
    waits for a quarter of a second while it walks a book of thousands of accounts. It is told to pass it by.
    """
    seen = None
    while True:
        try:
            if span := await last_month(ctx):
                found = await read_book(ctx, span)
                if found is not seen:
                    seen = found
                    gc.collect()
                    gc.freeze()
        except Exception as error:  # whatever it was, the pages read it themselves
            log.warning("the book could not be read ahead: %s", type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)

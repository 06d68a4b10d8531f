"""The book of accounts: searched, narrowed and sorted as a page and as a file, with last night in short."""

import csv
import io
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from handrail.charts.specification import Sparkline
from handrail.context import ToolContext
from handrail.domain.metrics import SyncRecord
from handrail.domain.periods import Period
from handrail.engine import book, periods
from handrail.engine.book import Entry, Only, Sort
from handrail.engine.cursors import page
from handrail.errors import CallerError
from handrail.flows.book import read_book
from tools import _charts
from tools._answers import caveats, synced
from web.api import Ctx
from web.frame import Framed

router = APIRouter(include_in_schema=False)
PAGE = 50
"""Accounts on one page: as many sparklines as a page draws at once."""

ONLY: dict[str, str] = {
    "all": "All accounts",
    "healthy": "Healthy",
    "watch": "Watch",
    "at_risk": "At risk",
    "declined": "20 % fewer events",
    "quiet_users": "Users gone quiet",
    "key_person": "One user makes 80 %",
    "narrow": "1 or 2 features used",
    "onboarding": "First seen in 90 days",
    "uses_feature": "Uses the feature",
    "never_tried": "Never tried the feature",
}
SORTS: dict[str, str] = {
    "users": "Users",
    "events": "Events",
    "decline": "Decline",
    "engagement": "Score, lowest first",
    "breadth": "Features used, fewest first",
    "key_person": "Share of one user",
    "quiet_users": "Users gone quiet",
    "name": "Name",
}


@dataclass(frozen=True)
class Asked:
    """What of the book is wanted, as the address says it."""

    query: str = ""
    sort_by: Sort = "users"
    only: Only = "all"
    feature: str = ""

    def but(self, **changed: str) -> dict[str, str]:
        """The same question with something changed, as the fields of an address; defaults are left out."""
        fields = {**self.__dict__, **changed}
        return {name: value for name, value in fields.items() if value != getattr(Asked, name, "")}


Question = Annotated[Asked, Depends()]


@dataclass(frozen=True)
class Row:
    """One account as the page shows it. What is not known is None."""

    entry: Entry
    trend: Sparkline
    funnel: tuple[int, int] | None
    alerts: int


@dataclass(frozen=True)
class Found:
    last: SyncRecord
    span: Period
    entries: list[Entry]


@router.get("/")
async def book_page(ctx: Ctx, frame: Framed, asked: Question, cursor: str = "") -> HTMLResponse:
    async with ctx.looking() as look:
        return await _book_page(look, frame, asked, cursor)


async def _book_page(ctx: ToolContext, frame: Framed, asked: Asked, cursor: str) -> HTMLResponse:
    try:
        last = await synced(ctx)
    except CallerError as error:
        return frame.message("Nothing to show yet", str(error))
    span = _days(last)
    wrong = ""
    try:
        found = await _look(ctx, asked, last)
        part = page(found.entries, cursor, PAGE, of=(asked, span, last.finished_at))
    except CallerError as error:
        wrong, part = str(error), page([], "", PAGE, of=asked)
    async with ctx.store.read() as work:
        main = await work.funnels.main(span)
        night = None if ctx.sees else await work.nights.report()
    return frame(
        "book.html",
        title="Accounts",
        asked=asked,
        wrong=wrong,
        showing=part.showing,
        cursor=part.cursor,
        later=bool(cursor),
        rows=await _rows(ctx, part.rows, span, main),
        main=main[1] if main else "",
        span=span,
        scored=next((each.facts.as_of for each in part.rows if each.facts), None),
        last=last,
        caveats=await caveats(ctx, last, span),
        night=night,
        onlys=ONLY,
        sorts=SORTS,
        features=ctx.kb.features(),
    )


@router.get("/accounts.csv")
async def book_file(ctx: Ctx, asked: Question) -> Response:
    """The whole list that the page shows in parts, in the same order."""
    last = await synced(ctx)
    found = await _look(ctx, asked, last)
    async with ctx.store.read() as work:
        main = await work.funnels.main(found.span)
        ends = await work.funnels.ends(main[0], found.span) if main else {}
        alerts = await work.alerts.open_counts()
    text = io.StringIO()
    write = csv.writer(text)
    write.writerow(COLUMNS)
    for each in found.entries:
        values = [*_facts(each), *ends.get(each.account.id, (None, None)), alerts.get(each.account.id, 0)]
        write.writerow(
            [_cell(value) for value in (*values, found.span.from_date, found.span.to_date, last.zone)]
        )
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="accounts-{found.span.to_date}.csv"',
            "Cache-Control": "no-store",
        },
    )


COLUMNS = (
    "account", "account_id", "segment", "csm", "score", "band", "users", "events", "sessions",
    "change_of_events", "features_used", "key_person_share", "quiet_users", "struggling_users",
    "funnel_entered", "funnel_finished", "open_alerts", "from_date", "to_date", "zone",
)  # fmt: skip


def _facts(one: Entry) -> list[object]:
    now = one.now
    return [
        one.account.name,
        one.account.mixpanel_id,
        one.account.segment,
        one.account.csm,
        one.engagement,
        one.band,
        now.unique_users if now else None,
        now.total_events if now else None,
        now.sessions if now else None,
        one.change,
        one.facts.features_used if one.facts else None,
        one.key_person_share,
        one.quiet_users,
        one.struggling,
    ]


def _cell(value: object) -> object:
    """Empty for what is not known. A text that a spreadsheet would take for a formula begins with a quote.

    After OWASP's page on CSV injection: = + - @, tab and carriage return.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return round(value, 4)
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )


def _days(last: SyncRecord) -> Period:
    return periods.standard(last.to_date, last.zone)["last_30_days"]


async def _look(ctx: ToolContext, asked: Asked, last: SyncRecord) -> Found:
    """Raises `CallerError` where a feature is needed, or is not known."""
    feature = ctx.kb.feature(asked.feature).slug if asked.feature else ""
    if asked.only in ("uses_feature", "never_tried") and not feature:
        raise CallerError("Choose the feature that is meant.")
    span = _days(last)
    whole = await read_book(ctx, span)
    known = book.matching(whole.ordered(asked.sort_by), asked.query)
    return Found(last, span, book.chosen(known, asked.only, 0, feature=feature, first_day=whole.first_day))


async def _rows(
    ctx: ToolContext, entries: list[Entry], span: Period, main: tuple[int, str] | None
) -> list[Row]:
    ids = [each.account.id for each in entries]
    async with ctx.store.read() as work:
        first = await work.metrics.first_day()
        events = await work.metrics.events_by_day(ids, span)
        ends = await work.funnels.ends(main[0], span, ids) if main else {}
        alerts = await work.alerts.open_counts()
    return [
        Row(
            each,
            _charts.activity(each.account, span, events, first),
            ends.get(each.account.id),
            alerts.get(each.account.id, 0),
        )
        for each in entries
    ]

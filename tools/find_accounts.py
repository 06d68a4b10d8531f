"""The book of accounts: searched, or sorted by a figure."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.metrics import Totals
from handrail.engine import names
from tools._answers import Days, Figures, caveats, days, resolve, synced
from tools._params import FromDate, Limit, PeriodChoice, ToDate
from tools._tool import tool


class AccountRow(BaseModel):
    name: str
    mixpanel_id: str
    total_events: int
    unique_users: int
    sessions: int
    change_of_events: float | None = Field(
        description="Against the period before, -0.2 is a fifth less; null without events before."
    )


class Accounts(Figures):
    period: Days
    accounts: list[AccountRow]
    has_more: bool


Sort = Literal["name", "users", "events", "decline"]


@tool(title="Find accounts", effect="read")
async def find_accounts(
    ctx: ToolContext,
    query: Annotated[
        str, Field(description="Part of a name, id or domain. Empty: all.", max_length=200)
    ] = "",
    sort_by: Annotated[Sort, Field(description="decline: largest loss of events first.")] = "users",
    period: PeriodChoice = "last_30_days",
    from_date: FromDate = "",
    to_date: ToDate = "",
    limit: Limit = 20,
) -> Accounts:
    """Search the book of accounts, or sort it by users, events or decline.

    Use it for "which accounts do we have?", "who is down this month?" or to find an account's exact name.
    For one account's figures, use query_events.
    """
    last = await synced(ctx)
    span = resolve(ctx, last, period, from_date, to_date)
    async with ctx.store.read() as work:
        book = await work.accounts.all()
        now = await work.metrics.totals(span)
        before = await work.metrics.totals_before(span)
    chosen = _matching(query, book)
    rows = _sorted([_row(account, now, before) for account in chosen], sort_by)
    return Accounts(
        summary=f"{len(rows)} accounts{f' like {query!r}' if query else ''}, by {sort_by}, {span.words()}.",
        as_of=last.finished_at,
        period=days(span),
        caveats=await caveats(ctx, last, span),
        accounts=rows[:limit],
        has_more=len(rows) > limit,
    )


def _matching(query: str, book: list[Account]) -> list[Account]:
    wanted = query.strip().casefold()
    if not wanted:
        return book
    inside = [a for a in book if wanted in f"{a.name}\n{a.domain}\n{a.mixpanel_id}\n{a.id}".casefold()]
    if inside:
        return inside
    near = names.match(query, book)
    return [near] if isinstance(near, Account) else near


def _row(account: Account, now: dict[str, Totals], before: dict[str, Totals]) -> AccountRow:
    nothing = Totals(total_events=0, unique_users=0, sessions=0, active_days=0)
    current, earlier = now.get(account.id, nothing), before.get(account.id, nothing)
    change = (
        (current.total_events - earlier.total_events) / earlier.total_events if earlier.total_events else None
    )
    return AccountRow(
        name=account.name,
        mixpanel_id=account.mixpanel_id,
        total_events=current.total_events,
        unique_users=current.unique_users,
        sessions=current.sessions,
        change_of_events=round(change, 4) if change is not None else None,
    )


def _sorted(rows: list[AccountRow], sort_by: Sort) -> list[AccountRow]:
    by_name = sorted(rows, key=lambda row: row.name.casefold())
    if sort_by == "users":
        return sorted(by_name, key=lambda row: -row.unique_users)
    if sort_by == "events":
        return sorted(by_name, key=lambda row: -row.total_events)
    if sort_by == "decline":
        return sorted(by_name, key=lambda row: (row.change_of_events is None, row.change_of_events or 0.0))
    return by_name

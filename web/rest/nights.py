"""REST: the nights, their briefs, and the mails they decided on."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from handrail.domain.briefs import Brief
from handrail.domain.deliveries import Chosen, Delivery, Reason, Status
from handrail.engine import cursors
from handrail.errors import CallerError
from handrail.flows.brief import kept
from handrail.flows.deliver import reason_words
from tools._answers import Days, caveats, days, find, resolve, synced, which
from tools.get_night_report import NightReport, get_night_report
from web.api import Ctx
from web.problems import WhichAccount
from web.rest.accounts import Feature, Period, Since, Until, written
from web.rest.lists import Cursor, Limit, Listed
from web.rest.route import RestRoute

router = APIRouter(route_class=RestRoute, tags=["nights"])
Night = Annotated[date, Path(description="As-of day of the night.", examples=["2026-11-19"])]


class RunRow(BaseModel):
    night: date = Field(description="As-of day: the last complete project day.")
    status: str = Field(description="running, done or failed.")
    started_at: datetime
    finished_at: datetime | None
    struggling_users: int
    sent: int = Field(description="Mails.")
    planned: int = Field(description="Mails that wait for working hours.")
    failed: int
    unknown: int = Field(description="Unclear whether they left.")
    withheld: dict[str, int] = Field(description="People not mailed, by reason.")
    reviews: int = Field(description="Tutorials that wait for a yes.")
    alerts: int = Field(description="New or worse.")


class RunList(Listed[RunRow]):
    """Nights, newest first."""


class DeliveryRow(BaseModel):
    """One decision about one mail. Who it is for stands nowhere here; `id` names it in every log."""

    id: str
    night: date
    feature: str
    account_ids: tuple[str, ...] = Field(description="Handrail's ids of the accounts it counts for.")
    status: Status
    reason: str = Field(description="Why it was not sent; empty where it was.")
    reason_words: str
    decided_at: datetime
    due_at: datetime | None = Field(description="When a planned mail is asked about again.")
    attempts: int
    tutorial_id: str


class DeliveryCount(BaseModel):
    status: Status
    reason: str
    deliveries: int


class DeliveryList(Listed[DeliveryRow]):
    """Decisions of the nights of a period, newest night first."""

    period: Days
    counts: list[DeliveryCount] = Field(description="Of all rows that were asked for, not of this answer's.")


@router.get("/api/runs", operation_id="list_runs")
async def runs(ctx: Ctx, limit: Limit = 30, cursor: Cursor = "") -> RunList:
    """List the nights, newest first, with what each came to."""
    async with ctx.store.read() as work:
        nights = await work.nights.all()
        part = cursors.page(nights, cursor, limit, of=("runs", nights[:1]))
        found = await work.nights.reports(part.rows)
    rows = [RunRow.model_validate(each, from_attributes=True) for each in found]
    return RunList(summary=f"{len(nights)} nights.", items=rows, next_cursor=part.cursor or None)


@router.get("/api/runs/latest", operation_id="get_latest_run")
async def latest_run(ctx: Ctx) -> NightReport:
    """Report the newest night: who struggled, what was sent or withheld and why.

    The same answer as the tool `get_night_report`.
    """
    return await get_night_report(ctx)


@router.get("/api/runs/{night}", operation_id="get_run")
async def run(ctx: Ctx, night: Night) -> NightReport:
    """Report one night, as /api/runs/latest does the newest."""
    return await get_night_report(ctx, night=night.isoformat())


@router.get("/api/briefs/latest", operation_id="get_latest_brief")
async def latest_brief(ctx: Ctx) -> Brief:
    """Read the morning brief of the newest night."""
    return await kept(ctx)


@router.get("/api/briefs/{night}", operation_id="get_brief")
async def brief(ctx: Ctx, night: Night) -> Brief:
    """Read the morning brief of one night."""
    return await kept(ctx, night)


@router.get("/api/deliveries", operation_id="list_deliveries", tags=["help"])
async def deliveries(
    ctx: Ctx,
    status: Annotated[Status | None, Query(description="Only these. Without: all.")] = None,
    reason: Annotated[Reason | None, Query(description="Only those not sent for it. Without: all.")] = None,
    account: Annotated[str, Query(max_length=200, description="Only this account. Empty: all.")] = "",
    feature: Feature = "",
    period: Period = "last_30_days",
    from_date: Since = None,
    to_date: Until = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> DeliveryList:
    """List the decisions about mails, sent or not and why, without persons.

    `status=unknown` are mails of which nobody knows whether they left: look for `id` in your mail service.
    """
    last = await synced(ctx)
    span = resolve(ctx, last, period, written(from_date), written(to_date))
    who = await find(ctx, account) if account else None
    if isinstance(who, list):
        raise WhichAccount(which(account, who), who)
    only = Chosen(status=status, reason=reason, feature=feature, account_id=who.id if who else "")
    asked = cursors.question((span, only))
    after = _place(cursors.read(cursor, asked))
    async with ctx.store.read() as work:
        rows = await work.deliveries.listed(span, only, after=after, limit=limit + 1)
        counts = await work.deliveries.states(span, only)
    more = len(rows) > limit
    return DeliveryList(
        summary=f"{sum(count for *_, count in counts)} decisions of the nights {span.words()}.",
        caveats=await caveats(ctx, last),
        period=days(span),
        counts=[DeliveryCount(status=one, reason=why, deliveries=count) for one, why, count in counts],
        items=[_row(each) for each in rows[:limit]],
        next_cursor=cursors.made(asked, f"{rows[limit - 1].night} {rows[limit - 1].id}") if more else None,
    )


def _place(told: str) -> tuple[date, str] | None:
    """The night and the id after which the rows begin."""
    night, _, delivery_id = told.partition(" ")
    try:
        return (date.fromisoformat(night), delivery_id) if night else None
    except ValueError:
        raise CallerError(cursors.WRONG) from None


def _row(one: Delivery) -> DeliveryRow:
    shown = one.model_dump(include=DeliveryRow.model_fields.keys() - {"reason_words"})
    return DeliveryRow(**shown, reason_words=reason_words(one.reason) if one.reason else "")

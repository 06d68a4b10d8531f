"""REST: the same functions as the tools, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from handrail.context import ToolContext
from handrail.domain.periods import PeriodName
from tools.find_accounts import Accounts, Sort, find_accounts
from tools.get_night_report import NightReport, get_night_report
from tools.query_events import AccountEvents, query_events
from tools.query_funnel import AccountFunnels, query_funnel
from web.problems import problem

router = APIRouter(prefix="")


def context(request: Request) -> ToolContext:
    ctx: ToolContext = request.app.state.ctx
    return ctx


Ctx = Annotated[ToolContext, Depends(context)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/api/accounts")
async def accounts(
    ctx: Ctx, query: str = "", sort_by: Sort = "users", period: PeriodName = "last_30_days", limit: Limit = 50
) -> Accounts:
    return await find_accounts(ctx, query=query, sort_by=sort_by, period=period, limit=limit)


@router.get("/api/mixpanel/events/{customer_id}")
async def events(
    ctx: Ctx,
    customer_id: str,
    period: PeriodName = "last_30_days",
    from_date: str = "",
    to_date: str = "",
    breakdown: str = "",
) -> AccountEvents:
    return await query_events(
        ctx,
        account=customer_id,
        period=period,
        from_date=from_date,
        to_date=to_date,
        breakdown=breakdown,
    )


@router.get("/api/mixpanel/funnels/{customer_id}")
async def funnels(
    ctx: Ctx,
    customer_id: str,
    funnel: str = "",
    period: PeriodName = "last_30_days",
    from_date: str = "",
    to_date: str = "",
) -> AccountFunnels:
    return await query_funnel(
        ctx, account=customer_id, funnel=funnel, period=period, from_date=from_date, to_date=to_date
    )


@router.get("/api/runs/latest")
async def latest_run(ctx: Ctx) -> NightReport:
    return await get_night_report(ctx)


@router.get("/api/runs/{night}")
async def run(ctx: Ctx, night: str) -> NightReport:
    return await get_night_report(ctx, night=night)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
async def readyz(ctx: Ctx) -> dict[str, str] | JSONResponse:
    """The database answers and a project is connected."""
    async with ctx.store.read() as work:
        await work.deliveries.pauses()
    if ctx.connected is None:
        return problem(503, "No Mixpanel project is connected.")
    return {"status": "ok"}

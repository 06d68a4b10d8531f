"""REST: the same functions as the tools, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from handrail.context import ToolContext
from handrail.domain.connections import Connected, Credentials
from handrail.domain.periods import PeriodName
from handrail.engine.book import Only, Sort
from handrail.errors import CallerError
from handrail.flows.connect import connect
from tools._params import Detail
from tools.analyze_churn import ChurnAnalysis, analyze_churn
from tools.find_accounts import Accounts, find_accounts
from tools.get_night_report import NightReport, get_night_report
from tools.get_tutorial_results import TutorialResults, get_tutorial_results
from tools.query_events import AccountEvents, query_events
from tools.query_funnel import AccountFunnels, query_funnel
from tools.sync_mixpanel import SyncAnswer, sync_mixpanel
from web.problems import problem

router = APIRouter(prefix="")


def context(request: Request) -> ToolContext:
    ctx: ToolContext = request.app.state.ctx
    return ctx


Ctx = Annotated[ToolContext, Depends(context)]
Limit = Annotated[int, Query(ge=1, le=50)]


def from_here(request: Request) -> None:
    """A page of another site may not make a browser on this machine send commands."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", "")
    own = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    if site not in {"none", "same-origin"} or (origin and origin not in own):
        raise HTTPException(403, "Only this installation's own pages and programs may ask for this.")


class SyncDays(BaseModel):
    """Which days to read; without dates, those that are missing and the last five."""

    model_config = ConfigDict(extra="forbid")

    from_date: str = ""
    to_date: str = ""


@router.post("/api/integrations/mixpanel/connect", dependencies=[Depends(from_here)])
async def connect_mixpanel(ctx: Ctx, credentials: Credentials) -> Connected:
    """Check a service account live, keep it sealed, and tell what the project offers."""
    return await connect(ctx, credentials)


@router.post("/api/mixpanel/sync", status_code=202, dependencies=[Depends(from_here)])
async def start_sync(ctx: Ctx, days: SyncDays | None = None) -> SyncAnswer:
    """Start a sync, or follow the one that is running."""
    asked = days or SyncDays()
    return await sync_mixpanel(ctx, from_date=asked.from_date, to_date=asked.to_date)


@router.get("/api/mixpanel/sync/{sync_id}")
async def follow_sync(ctx: Ctx, sync_id: Annotated[int, Path(ge=1, le=2**31)]) -> SyncAnswer:
    try:
        return await sync_mixpanel(ctx, sync_id=sync_id)
    except CallerError as unknown:
        raise HTTPException(404, str(unknown)) from None


@router.get("/api/accounts")
async def accounts(
    ctx: Ctx,
    query: str = "",
    sort_by: Sort = "users",
    only: Only = "all",
    threshold: Annotated[int, Query(ge=0)] = 0,
    feature: str = "",
    period: PeriodName = "last_30_days",
    detail: Detail = "concise",
    limit: Limit = 50,
    cursor: str = "",
) -> Accounts:
    return await find_accounts(
        ctx,
        query=query,
        sort_by=sort_by,
        only=only,
        threshold=threshold,
        feature=feature,
        period=period,
        detail=detail,
        limit=limit,
        cursor=cursor,
    )


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


@router.get("/api/churn")
async def churn(
    ctx: Ctx,
    days_before: Annotated[int, Query(ge=7, le=180)] = 30,
    survival_by: str = "score",
    limit: Limit = 50,
) -> ChurnAnalysis:
    return await analyze_churn(ctx, days_before=days_before, survival_by=survival_by, limit=limit)


@router.get("/api/tutorials")
async def tutorials(
    ctx: Ctx,
    feature: str = "",
    period: PeriodName = "last_90_days",
    from_date: str = "",
    to_date: str = "",
) -> TutorialResults:
    return await get_tutorial_results(
        ctx, feature=feature, period=period, from_date=from_date, to_date=to_date
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

"""Alerts over REST: listed, with their days, and closed by a person."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.alerts import Alert
from handrail.errors import CallerError
from handrail.flows.alerts import close
from tools.list_alerts import AlertList, Kind, State, list_alerts
from web.api import Ctx, Limit, from_here

router = APIRouter()


class Closing(BaseModel):
    """How an alert ends. A dismissal needs a reason."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["resolved", "dismissed"]
    reason: Annotated[str, Field(max_length=200)] = ""


@router.get("/api/alerts")
async def alerts(
    ctx: Ctx, account: str = "", kind: Kind = "all", state: State = "open", limit: Limit = 50
) -> AlertList:
    return await list_alerts(ctx, account=account, kind=kind, state=state, limit=limit)


@router.get("/api/alerts/{alert_id}")
async def alert(ctx: Ctx, alert_id: str) -> Alert:
    """One alert with all days of its series and band."""
    async with ctx.store.read() as work:
        found = await work.alerts.get(alert_id)
    if found is None:
        raise HTTPException(404, "There is no such alert.")
    return found


@router.post("/api/alerts/{alert_id}", dependencies=[Depends(from_here)])
async def close_alert(ctx: Ctx, alert_id: str, closing: Closing) -> Alert:
    """Resolve or dismiss an alert."""
    try:
        return await close(ctx, alert_id, closing.state, closing.reason)
    except CallerError as error:
        raise HTTPException(409, str(error)) from None

"""REST: alerts are listed, read with their days, and closed by a person; alarms of the nights."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.alarms import Alarm
from handrail.domain.alerts import Alert
from handrail.engine.cursors import page
from handrail.errors import NotThere
from handrail.flows.alarm import standing
from handrail.flows.alerts import close
from tools._answers import AccountRef
from tools.list_alerts import AlertCard, Kind, State, list_alerts
from web.api import Ctx
from web.problems import WhichAccount
from web.rest.lists import Cursor, Limit, Listed
from web.rest.route import COMMAND, RestRoute

router = APIRouter(route_class=RestRoute, tags=["alerts"])
AlertId = Annotated[str, Path(max_length=100, description="From the list of alerts.")]


class AlertCards(Listed[AlertCard]):
    account: AccountRef | None = Field(None, description="The one that was asked for.")


class AlarmList(Listed[Alarm]):
    """What is wrong with the nights now; usually nothing."""


class Closing(BaseModel):
    """How an alert ends. A dismissal needs a reason."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["resolved", "dismissed"]
    reason: Annotated[str, Field(max_length=200)] = ""


@router.get("/api/alerts", operation_id="list_alerts")
async def alerts(
    ctx: Ctx,
    account: Annotated[str, Query(max_length=200, description="Only this account. Empty: all.")] = "",
    kind: Annotated[Kind, Query(description="data: tracking or sync broken.")] = "all",
    state: Annotated[State, Query(description="Of the alert.")] = "open",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> AlertCards:
    """List what changed for accounts, or for all of them, with evidence and the next step.

    The same rows as the tool `list_alerts`.
    """
    found = await list_alerts(ctx, account=account, kind=kind, state=state, limit=limit, cursor=cursor)
    if found.candidates:
        raise WhichAccount(found.summary, found.candidates)
    return AlertCards.of(found, found.alerts, found.cursor)


@router.get("/api/alerts/{alert_id}", operation_id="get_alert")
async def alert(ctx: Ctx, alert_id: AlertId) -> Alert:
    """Read one alert with all days of its series and its usual band."""
    async with ctx.store.read() as work:
        found = await work.alerts.get(alert_id)
    if found is None:
        raise NotThere("There is no such alert.")
    return found


@router.post("/api/alerts/{alert_id}", operation_id="close_alert", dependencies=COMMAND)
async def close_alert(ctx: Ctx, alert_id: AlertId, closing: Closing) -> Alert:
    """Resolve or dismiss an alert. What is dismissed will need more to be raised for that account."""
    return await close(ctx, alert_id, closing.state, closing.reason)


@router.get("/api/alarms", operation_id="list_alarms", tags=["nights"])
async def alarms(ctx: Ctx, limit: Limit = 50, cursor: Cursor = "") -> AlarmList:
    """List what is wrong with the nights now: none came, one is stuck or failed, or mails are unusual."""
    found = await standing(ctx)
    part = page(found, cursor, limit, of="alarms")
    told = f"{len(found)} alarms stand." if found else "No alarm stands."
    return AlarmList(summary=told, items=part.rows, next_cursor=part.cursor or None)

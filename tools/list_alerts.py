"""What changed for accounts, or for all of them: evidence, since when, and the next step."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.alerts import Alert, AlertKind, Point
from handrail.engine.cursors import page
from handrail.engine.text import quoted, shown
from handrail.flows.alerts import listed
from tools._answers import (
    AccountRef,
    Candidate,
    Figures,
    Paged,
    caveats,
    find,
    in_mixpanel,
    ref,
    synced,
    which,
)
from tools._params import Cursor, Limit, OptionalAccount
from tools._tool import tool

Kind = Literal["all", "drop", "decline", "errors", "abandoned", "silent", "data"]
State = Literal["all", "open", "resolved", "dismissed"]
ONE_ACCOUNT = 3
"""Alerts that are told with their days, where one account is asked for."""


class AlertCard(BaseModel):
    id: str
    scope: Literal["account", "fleet", "data"] = Field(description="fleet, data: no account's doing.")
    account: str
    kind: str
    subject: str
    state: str
    since: date
    raised_on: date
    size: float = Field(description="Share lost; of errors, times the usual.")
    evidence: str
    cause: str
    next_step: str
    reason: str = ""
    points: list[Point] = Field(default_factory=list)


class AlertList(Figures, Paged):
    candidates: list[Candidate] = Field(default_factory=list, description="Ask which one is meant.")
    account: AccountRef | None = None
    alerts: list[AlertCard] = Field(default_factory=list)


@tool(title="Alerts", effect="read", reach="accounts")
async def list_alerts(
    ctx: ToolContext,
    account: OptionalAccount = "",
    kind: Annotated[Kind, Field(description="data: tracking or sync broken.")] = "all",
    state: Annotated[State, Field(description="Of the alert.")] = "open",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> AlertList:
    """List anomalies: drops, slow declines, errors, abandoned features, silent key users, broken data.

    Use it for "what went wrong at Acme?" or "which accounts need me?"; fleet-wide ones are told apart.
    For the figures behind one, use query_events.
    """
    found = await find(ctx, account) if account.strip() else None
    if isinstance(found, list):
        return AlertList(summary=which(account, found), candidates=found)
    last = await synced(ctx)
    alerts = await listed(
        ctx,
        account_id=found.id if found else None,
        kind=None if kind == "all" else AlertKind(kind),
        state=None if state == "all" else state,
    )
    part = page(alerts, cursor, limit, of=(account, kind, state, last.finished_at))
    asked = "" if state == "all" else f"{state} "
    whose = f" of {quoted(found.name)}" if found else ""
    together = sum(not each.account_id for each, _ in alerts)
    apart = f", {together} of them about all accounts" if together and not found else ""
    return AlertList(
        summary=f"{len(alerts)} {asked}alerts{whose}{apart}.",
        as_of=last.finished_at,
        caveats=await caveats(ctx, last),
        mixpanel_url=in_mixpanel(ctx.settings, found) if found else "",
        next_step="For one account's series with its usual band, ask again with the account."
        if alerts
        else "",
        account=ref(found) if found else None,
        alerts=[
            card(each, of, days=found is not None and at < ONE_ACCOUNT)
            for at, (each, of) in enumerate(part.rows)
        ],
        showing=part.showing,
        cursor=part.cursor,
    )


def card(alert: Alert, account: Account | None, *, days: bool = False) -> AlertCard:
    """One alert, with the days of its series and band if asked for."""
    scope: Literal["account", "fleet", "data"] = "account" if account else "fleet"
    return AlertCard(
        **alert.model_dump(include={"id", "state", "since", "raised_on", "evidence", "cause", "next_step"}),
        scope="data" if alert.kind is AlertKind.DATA else scope,
        account=shown(account.name) if account else "",
        kind=alert.kind.value,
        subject=shown(alert.subject),
        size=round(alert.size, 3),
        reason=shown(alert.reason),
        points=list(alert.points[-28:]) if days else [],
    )

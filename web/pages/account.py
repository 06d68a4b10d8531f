"""One account: what its people do, how it fares, what went wrong, who was helped, and what can be done."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from handrail.charts.specification import Lines
from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.periods import PeriodName
from handrail.domain.struggles import Struggle
from handrail.engine.preflight import troubled
from handrail.errors import CallerError, HandrailError
from handrail.flows.alerts import close
from handrail.flows.health import feel
from tools import _charts
from tools._answers import Candidate, find
from tools.control_sending import control_sending
from tools.get_account_health import AccountHealth, get_account_health
from tools.get_user_segments import get_user_segments
from tools.list_alerts import list_alerts
from tools.query_events import query_events
from tools.query_funnel import query_funnel
from web.api import FROM_HERE, Ctx
from web.bodies import Form
from web.frame import Framed, back, titles

router = APIRouter(include_in_schema=False)
Part = TypeVar("Part")
Property = Annotated[str, Query(max_length=255)]

WEEKS = 12
"""Of the score's history."""

STUCK = 20
"""Verdicts that are shown, most urgent first."""

FELT = 5
"""Sentiments that are shown, newest first."""


@router.get("/accounts/{account}")
async def account_page(
    ctx: Ctx, frame: Framed, account: str, period: PeriodName = "last_30_days", by: Property = ""
) -> HTMLResponse:
    who = await _or_why(find(ctx, account))
    if not isinstance(who, Account):
        return _nobody(frame, account, who)
    funnels = await _or_why(query_funnel(ctx, account=who.id, period=period))
    async with ctx.looking() as look, look.store.read() as work:
        events = await _or_why(query_events(look, account=who.id, period=period))
        segments = await _or_why(get_user_segments(look, account=who.id))
        health = await _or_why(get_account_health(look, account=who.id, weeks=WEEKS))
        alerts = await _or_why(list_alerts(look, account=who.id))
        stuck = await _or_why(_stuck(look, who))
        sending = await _or_why(control_sending(look, account=who.id))
        held = f"account:{who.id}" in await work.deliveries.pauses()
        last = await work.metrics.last_sync()
        sentiments = await work.health.sentiments(who.id, limit=FELT)
    zone = last.zone if last else "UTC"
    return frame(
        "account.html",
        title=who.name,
        who=who,
        events=events,
        funnels=funnels,
        segments=segments,
        by=by,
        health=health,
        history=_history(health, who.name, zone),
        alerts=alerts,
        alert_charts=[] if isinstance(alerts, str) else [_charts.alert(each, zone) for each in alerts.alerts],
        stuck=stuck,
        features=titles(ctx),
        sending=sending,
        sentiments=sentiments,
        held=held,
        last=last,
        period=period,
    )


@dataclass(frozen=True)
class Stuck:
    """Who struggles at one account, as the last night found it."""

    night: date
    struggles: list[Struggle]
    """The most urgent."""
    of: int
    caveats: list[str]


async def _stuck(ctx: ToolContext, who: Account) -> Stuck:
    """As the night judged: asking Mixpanel anew would cost a question whenever somebody looks."""
    async with ctx.store.read() as work:
        night = await work.nights.last_struggle_night()
        if night is None:
            raise CallerError("No night has looked yet who is stuck: run `handrail agent run`.")
        problems = await work.guards.problems(night)
        people = await work.nights.count_struggles(night, account_id=who.id)
        sound = [each for each in people.by_feature if not troubled(problems, each)]
        found = await work.nights.struggles(night, *sound, account_id=who.id, limit=STUCK) if sound else []
    names = titles(ctx)
    return Stuck(
        night,
        found,
        sum(people.by_feature[each] for each in sound),
        [f"{names.get(each.feature, each.feature) or 'All features'}: {each.words}" for each in problems],
    )


def _history(health: AccountHealth | str, name: str, zone: str) -> Lines | None:
    return (
        None if isinstance(health, str) or not health.history else _charts.score(name, health.history, zone)
    )


def _nobody(frame: Framed, asked: str, found: list[Candidate] | str) -> HTMLResponse:
    return frame(
        "which.html",
        title="Which account?",
        status=404,
        asked=asked,
        why=found if isinstance(found, str) else "",
        candidates=[] if isinstance(found, str) else found,
    )


@router.post("/accounts/{account}/sending", dependencies=FROM_HERE)
async def hold(ctx: Ctx, frame: Framed, account: str, form: Form) -> Response:
    """Hold the account's mail, or let it go again: every sender reads it just before each mail."""
    who = await _or_why(find(ctx, account))
    action = form.get("action")
    if not isinstance(who, Account):
        return _nobody(frame, account, who)
    if action not in ("pause", "resume"):
        return frame.message("Nothing was changed", "The action has to be pause or resume.", 422)
    chosen: Literal["pause", "resume"] = "pause" if action == "pause" else "resume"
    return _done(frame, who, "content", await _or_why(control_sending(ctx, action=chosen, account=who.id)))


@router.post("/accounts/{account}/sentiment", dependencies=FROM_HERE)
async def keep_sentiment(ctx: Ctx, frame: Framed, account: str, form: Form) -> Response:
    who = await _or_why(find(ctx, account))
    if not isinstance(who, Account):
        return _nobody(frame, account, who)
    value = form.get("value", "")
    number = int(value) if value.isascii() and value.isdigit() and len(value) == 1 else 0
    return _done(frame, who, "sentiment", await _or_why(feel(ctx, who, number, form.get("note", ""))))


@router.post("/accounts/{account}/alerts/{alert_id}", dependencies=FROM_HERE)
async def close_alert(ctx: Ctx, frame: Framed, account: str, alert_id: str, form: Form) -> Response:
    """A dismissal needs a reason, and is learned from."""
    who = await _or_why(find(ctx, account))
    if not isinstance(who, Account):
        return _nobody(frame, account, who)
    state: Literal["resolved", "dismissed"] = "dismissed" if form.get("state") == "dismissed" else "resolved"
    return _done(frame, who, "alerts", await _or_why(close(ctx, alert_id, state, form.get("reason", ""))))


def _done(frame: Framed, who: Account, part: str, done: object) -> Response:
    if isinstance(done, str):
        return frame.message("Nothing was changed", done, 409)
    return back(f"/accounts/{who.id}#{part}")


async def _or_why(answer: Awaitable[Part]) -> Part | str:
    """One part of a page, or why there is none: the rest of the page is still worth showing."""
    try:
        return await answer
    except HandrailError as error:
        return str(error)

"""Settings and health: what stops mail, whether everything is there, reasons to name, and what is in force."""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import AliasChoices, SecretStr

from handrail.charts.specification import Figure
from handrail.context import ToolContext
from handrail.domain.checks import Check
from handrail.engine.accuracy import LEAST_ACCURACY, LEAST_COVERAGE
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.flows import reasons
from handrail.flows.alarm import standing
from handrail.flows.doctor import check
from handrail.settings import Settings
from tools._answers import age
from tools.control_sending import SendingControl, control_sending
from web.api import Ctx, from_here
from web.bodies import form
from web.frame import Frame, Framed, back

router = APIRouter(include_in_schema=False, prefix="/settings")
_OURS = [Depends(from_here)]
MOST_BYTES = 2000

HIDDEN = frozenset({"database_url", "flow_url", "otlp_url", "brief_to", "digest_to"})
"""No secrets by name, but what may hold one, and people's addresses."""


class Checked(NamedTuple):
    """What the doctor said, and when."""

    at: datetime
    checks: list[Check]


class Paused(NamedTuple):
    """One scope of the switch, as a person reads it and as the form sends it back."""

    words: str
    account: str = ""
    feature: str = ""


@router.get("")
async def settings_page(ctx: Ctx, frame: Framed, request: Request, changed: str = "") -> HTMLResponse:
    return await _page(ctx, frame, request, changed=bool(changed))


@router.post("/sending", dependencies=_OURS)
async def switch(ctx: Ctx, frame: Framed, request: Request) -> Response:
    """Pause or resume: all mail, one account's or one feature's. Every sender reads it before every mail."""
    given = await form(request, MOST_BYTES)
    action: Literal["pause", "resume"] = "resume" if given.get("action") == "resume" else "pause"
    scope, account, feature = (given.get(name, "") for name in ("scope", "account", "feature"))
    try:
        if scope not in ("all", "account", "feature"):
            raise CallerError("Say what to pause: all, an account or a feature.")
        if not {"all": "all", "account": account, "feature": feature}[scope]:
            raise CallerError(f"Say which {scope}.")
        done = await control_sending(
            ctx,
            action=action,
            account=account if scope == "account" else "",
            feature=feature if scope == "feature" else "",
        )
    except CallerError as refused:
        return await _page(ctx, frame, request, wrong=str(refused), typed=account)
    if done.candidates:
        return await _page(ctx, frame, request, which=done, typed=account, action=action)
    return back("/settings?changed=1")


@router.post("/check", dependencies=_OURS)
async def look(ctx: Ctx, request: Request) -> Response:
    """Ask everything live, as `handrail doctor` does, and keep what it says."""
    request.app.state.checked = Checked(ctx.clock.now(), await check(ctx))
    return back("/settings#checks")


@router.post("/reasons", dependencies=_OURS)
async def name_reason(ctx: Ctx, frame: Framed, request: Request) -> Response:
    """Give a reason a name, or reject it."""
    given = await form(request, MOST_BYTES)
    feature, number = given.get("feature", ""), given.get("number", "")
    try:
        if given.get("action") == "reject":
            await reasons.reject(ctx, feature, number)
        else:
            await reasons.approve(ctx, feature, number, given.get("name", ""))
    except CallerError as refused:
        return await _page(ctx, frame, request, wrong=str(refused))
    return back("/settings#reasons")


async def _page(
    ctx: ToolContext,
    frame: Frame,
    request: Request,
    *,
    wrong: str = "",
    which: SendingControl | None = None,
    typed: str = "",
    action: str = "pause",
    changed: bool = False,
) -> HTMLResponse:
    sending = await control_sending(ctx)
    return frame(
        "settings.html",
        title="Settings",
        status=422 if wrong or which else 200,
        sending=sending,
        paused=await _paused(ctx),
        alarms=await standing(ctx),
        health=await _health(ctx),
        checked=getattr(request.app.state, "checked", None),
        reasons=await reasons.listed(ctx),
        features={each.slug: each.title for each in ctx.kb.features()},
        hints={each.slug: [hint.reason for hint in each.errors] for each in ctx.kb.features()},
        in_force=in_force(ctx.settings),
        wrong=wrong,
        which=which,
        typed=typed,
        action=action,
        changed=changed,
    )


async def _paused(ctx: ToolContext) -> list[Paused]:
    async with ctx.store.read() as work:
        scopes = await work.deliveries.pauses()
        names = {each.id: each.name for each in await work.accounts.all()}
    titles = {each.slug: each.title for each in ctx.kb.features()}
    found = []
    for scope in scopes:
        kind, _, key = scope.partition(":")
        if kind == "account":
            found.append(Paused(f"The account {names.get(key, key)}", account=key))
        elif kind == "feature":
            found.append(Paused(f"The feature {titles.get(key, key)}", feature=key))
        else:
            found.append(Paused("All mail"))
    return found


async def _health(ctx: ToolContext) -> list[Figure]:
    """Out of the tables alone: looking at the page asks Mixpanel nothing."""
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
        agreement = await work.nights.last_agreement()
        newest = await work.nights.report()
    project = ctx.settings.mixpanel_project_id
    left = await ctx.ledger.left("query") if ctx.ledger else None
    accuracy = agreement.accuracy if agreement else None
    figures = [
        Figure(
            name="Mixpanel project",
            value=str(project) if ctx.connected else "not connected",
            note=f"{ctx.settings.mixpanel_region.upper()}, {ctx.settings.mixpanel_username}"
            if ctx.connected
            else "see the checks below",
        ),
        Figure(
            name="questions left for pages and chat",
            value="no data" if left is None else str(left),
            note="in this hour, shared with every process of the project",
        ),
        Figure(
            name="freshness",
            value=age(ctx, last.finished_at) if last else "no data",
            note=f"reaches to {last.to_date} ({last.zone}), read {last.finished_at:%Y-%m-%d %H:%M} UTC"
            if last
            else "never synced",
        ),
        Figure(
            name="account coverage",
            value=f"{last.events_with_account / last.events:.1%}" if last and last.events else "no data",
            note=f"of {last.events:,} events of the last sync; at least {LEAST_COVERAGE:.0%} is needed"
            if last and last.events
            else "no event was read yet",
        ),
        Figure(
            name="accuracy",
            value=f"{accuracy:.2%}" if accuracy is not None else "no data",
            note=f"against Mixpanel's own counts, {agreement.from_date} to {agreement.to_date}; "
            f"at least {LEAST_ACCURACY:.0%} is wanted"
            if agreement and accuracy is not None
            else "not compared yet",
        ),
        Figure(
            name="last night",
            value=newest.status if newest else "none yet",
            note=f"{newest.night} ({newest.zone})" if newest else "",
        ),
        Figure(
            name="sender",
            value=shown(ctx.settings.mail_from) or "not set",
            note="key set" if ctx.settings.sendgrid_api_key else "no key: nothing can be sent",
        ),
        Figure(
            name="webhook of the mail service",
            value="signed" if ctx.settings.sendgrid_webhook_key else "not set",
            note=""
            if ctx.settings.sendgrid_webhook_key
            else "without its key nothing is known of deliveries and bounces",
        ),
    ]
    return figures


def in_force(settings: Settings) -> list[tuple[str, str]]:
    """Each variable with its value; of secrets, and of what may hold one, only whether they are set."""
    found = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        variable = str(alias.choices[0]) if isinstance(alias, AliasChoices) else name.upper()
        value = getattr(settings, name)
        found.append((variable, _told(value, hidden=name in HIDDEN)))
    return sorted(found)


def _told(value: Any, *, hidden: bool) -> str:
    if value is None or value in ("", ()):
        return "not set"
    if hidden or isinstance(value, SecretStr):
        return "set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return str(value)

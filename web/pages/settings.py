"""Settings and health: what stops mail, whether all is there, reasons to name, and what is in force."""

from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import AliasChoices, SecretStr

from handrail.charts.specification import Figure
from handrail.context import ToolContext
from handrail.domain.checks import Check
from handrail.domain.metrics import Agreement, SyncRecord
from handrail.engine.accuracy import LEAST_ACCURACY, LEAST_COVERAGE
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.flows import reasons
from handrail.flows.alarm import standing
from handrail.flows.doctor import check
from handrail.settings import Settings
from tools._answers import age
from tools.control_sending import SendingControl, control_sending
from web.api import FROM_HERE, Ctx
from web.bodies import Form
from web.frame import Frame, Framed, back, titles

router = APIRouter(include_in_schema=False, prefix="/settings")

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


@router.post("/sending", dependencies=FROM_HERE)
async def switch(ctx: Ctx, frame: Framed, request: Request, form: Form) -> Response:
    """Pause or resume: all mail, one account's or one feature's. Every sender reads it before every mail."""
    action: Literal["pause", "resume"] = "resume" if form.get("action") == "resume" else "pause"
    scope, account, feature = (form.get(name, "") for name in ("scope", "account", "feature"))
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


@router.post("/check", dependencies=FROM_HERE)
async def look(ctx: Ctx, request: Request) -> Response:
    """Ask everything live, as `handrail doctor` does, and keep what it says."""
    request.app.state.checked = Checked(ctx.clock.now(), await check(ctx))
    return back("/settings#checks")


@router.post("/reasons", dependencies=FROM_HERE)
async def name_reason(ctx: Ctx, frame: Framed, request: Request, form: Form) -> Response:
    """Give a reason a name, or reject it."""
    feature, number = form.get("feature", ""), form.get("number", "")
    try:
        if form.get("action") == "reject":
            await reasons.reject(ctx, feature, number)
        else:
            await reasons.approve(ctx, feature, number, form.get("name", ""))
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
        features=titles(ctx),
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
        held = [key for kind, _, key in (scope.partition(":") for scope in scopes) if kind == "account"]
        names = {each.id: each.name for each in await work.accounts.by_ids(held)}
    features = titles(ctx)
    found = []
    for scope in scopes:
        kind, _, key = scope.partition(":")
        if kind == "account":
            found.append(Paused(f"The account {names.get(key, key)}", account=key))
        elif kind == "feature":
            found.append(Paused(f"The feature {features.get(key, key)}", feature=key))
        else:
            found.append(Paused("All mail"))
    return found


async def _health(ctx: ToolContext) -> list[Figure]:
    """Out of the tables alone: looking at the page asks Mixpanel nothing."""
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
        agreement = await work.nights.last_agreement()
        newest = await work.nights.report()
    left = await ctx.ledger.left("query") if ctx.ledger else None
    return [
        *_project(ctx, left),
        *_read(ctx, last, agreement),
        Figure(
            name="last night",
            value=newest.status if newest else "none yet",
            note=f"{newest.night} ({newest.zone})" if newest else "",
        ),
        *_mail(ctx.settings),
    ]


def _project(ctx: ToolContext, left: int | None) -> list[Figure]:
    settings = ctx.settings
    if ctx.connected is None:
        return [Figure(name="Mixpanel project", value="not connected", note=ctx.project.missing)]
    return [
        Figure(
            name="Mixpanel project",
            value=str(settings.mixpanel_project_id),
            note=f"region {settings.mixpanel_region}, as {settings.mixpanel_username}",
        ),
        Figure(
            name="questions left for pages and chat",
            value="no data" if left is None else str(left),
            note="in this hour, shared with every process of the project",
        ),
    ]


def _read(ctx: ToolContext, last: SyncRecord | None, agreement: Agreement | None) -> list[Figure]:
    fresh, reach = "no data", "never synced"
    coverage, events = "no data", "no event was read yet"
    if last:
        fresh = age(ctx, last.finished_at)
        reach = f"reaches to {last.to_date} ({last.zone}), read {last.finished_at:%Y-%m-%d %H:%M} UTC"
    if last and last.events:
        coverage = f"{last.events_with_account / last.events:.1%}"
        events = f"of {last.events:,} events of the last sync; at least {LEAST_COVERAGE:.0%} is needed"
    accuracy, compared = "no data", "not compared with Mixpanel's own counts yet"
    if agreement and agreement.accuracy is not None:
        accuracy = f"{agreement.accuracy:.2%}"
        compared = (
            f"against Mixpanel's own counts, {agreement.from_date} to {agreement.to_date}; "
            f"at least {LEAST_ACCURACY:.0%} is wanted"
        )
    return [
        Figure(name="freshness", value=fresh, note=reach),
        Figure(name="account coverage", value=coverage, note=events),
        Figure(name="accuracy", value=accuracy, note=compared),
    ]


def _mail(settings: Settings) -> list[Figure]:
    signed = bool(settings.sendgrid_webhook_key)
    return [
        Figure(
            name="sender",
            value=shown(settings.mail_from) or "not set",
            note="key set" if settings.sendgrid_api_key else "no key: nothing can be sent",
        ),
        Figure(
            name="webhook of the mail service",
            value="signed" if signed else "not set",
            note="" if signed else "without its key nothing is known of deliveries and bounces",
        ),
    ]


def in_force(settings: Settings) -> list[tuple[str, str]]:
    """Each variable with its value; of secrets, and of what may hold one, only whether they are set.

    Of an address, nothing that may be a login or a key.
    """
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
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if isinstance(value, tuple):
        return ", ".join(_told(each, hidden=False) for each in value if each != "")
    return str(value)

"""How every page looks: templates, the frame with its navigation, charts, and what a browser may load."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.charts.drawing import page_style
from handrail.charts.specification import Chart
from handrail.charts.svg import SMALL, svg
from handrail.charts.table import table
from handrail.context import ToolContext
from handrail.domain.access import Role
from handrail.domain.periods import PeriodName
from handrail.engine.text import shown
from handrail.flows.deliver import reason_words
from web.api import Ctx
from web.paths import below, root
from web.reach import refused

HERE = Path(__file__).parent
CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
DASHBOARD = f"{CONTENT_SECURITY}; script-src 'self'"
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
KEPT = "public, max-age=300"
"""Of style and script: five minutes, so that an upgrade shows soon."""

NAVIGATION = (
    ("/", "Accounts"),
    ("/brief", "Brief"),
    ("/tonight", "Tonight"),
    ("/runs", "Runs"),
    ("/results", "Results"),
    ("/reports", "Reports"),
    ("/settings", "Settings"),
)
"""Path and name of each main page, in the order of a morning."""

router = APIRouter(include_in_schema=False)


def _whole(value: float | None) -> str:
    return "no data" if value is None else f"{value:,.0f}"


def _share(value: float | None, places: int = 0) -> str:
    return "no data" if value is None else f"{value:.{places}%}"


def _change(value: float | None) -> str:
    return "no data before" if value is None else f"{value:+.0%}"


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _coded(told: str) -> Markup:
    """Our messages write commands in backticks, as chat and terminals show them."""
    # nosemgrep: markup-unescaped
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(told))))  # noqa: S704  # nosec B704  # escaped first


def people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _drawing(chart: Chart, width: int = 0) -> Markup:
    """The chart's SVG. It is markup as it stands: its serialiser escaped every text."""
    # nosemgrep: markup-unescaped
    return Markup(svg(chart, width) if width else svg(chart))  # noqa: S704  # nosec B704  # escaped already


_jinja = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_jinja.filters.update(
    whole=_whole, share=_share, change=_change, moment=_moment, people=people, shown=shown, coded=_coded
)
_jinja.globals.update(
    reason_words=reason_words, drawing=_drawing, table=table, SMALL=SMALL, PERIODS=get_args(PeriodName)
)
_templates = Jinja2Templates(env=_jinja)


def page(request: Request, template: str, *, title: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page that stands alone, such as the readers of mails see."""
    values |= {"title": title, "root": root(request.scope)}
    return _templates.TemplateResponse(request, template, values, status_code=status)


@dataclass(frozen=True)
class Frame:
    """The dashboard's frame around a page: navigation, and whether anything is sent at all."""

    request: Request
    mode: str
    paused: bool
    may_act: bool
    """Whether who looks may change anything: pages show no button that answers with an error."""
    narrowed: bool
    """Whether who looks sees some accounts only: pages show no link that answers with an error."""

    def __call__(
        self, template: str, *, title: str, status: int = 200, policy: str = DASHBOARD, **values: Any
    ) -> HTMLResponse:
        answer = page(
            self.request,
            template,
            title=title,
            status=status,
            frame=self,
            navigation=[each for each in NAVIGATION if not (self.narrowed and refused(each[0]))],
            here=below(self.request.scope),
            **values,
        )
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["Cache-Control"] = "no-store"
        # With no-referrer a browser posts a form as from nowhere, and `from_here` refuses it.
        answer.headers["Referrer-Policy"] = "same-origin"
        return answer

    def message(self, title: str, text: str, status: int = 200) -> HTMLResponse:
        """A page that says why there is nothing to show, and what to do."""
        return self("message.html", title=title, text=text, status=status)


async def frame(request: Request, ctx: Ctx) -> Frame:
    async with ctx.store.read() as work:
        paused = "all" in await work.deliveries.pauses()
    role: Role = getattr(request.state, "role", Role.ADMIN)
    may_act = role.includes(Role.APPROVE) and not ctx.settings.read_only
    return Frame(request, ctx.settings.send_mode.value, paused, may_act, ctx.sees is not None)


Framed = Annotated[Frame, Depends(frame)]


def titles(ctx: ToolContext) -> dict[str, str]:
    """What pages call each feature, by its slug."""
    return {each.slug: each.title for each in ctx.kb.features()}


def back(path: str) -> RedirectResponse:
    """After a form: the page again, by GET, so that reloading it repeats nothing."""
    return RedirectResponse(path, status_code=303)


class Guard:
    """Middleware: pages load nothing from elsewhere and run no script, unless they say so themselves.

    An answer that leads to another path of the app names it as if the app were alone: it is mended here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        above = root(scope)  # a router below writes its own into this scope

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("location", "").startswith("/"):
                    headers["location"] = above + headers["location"]
            await send(message)

        await self._app(scope, receive, guarded)


@router.get("/static/handrail.css")
async def style() -> Response:
    return _static("handrail.css", "text/css")


@router.get("/static/charts.css")
async def chart_style() -> Response:
    return Response(page_style(), media_type="text/css", headers={"Cache-Control": KEPT})


@router.get("/static/handrail.js")
async def script() -> Response:
    return _static("handrail.js", "text/javascript")


@router.get("/static/tutorial.js")
async def tutorial_script() -> Response:
    return _static("tutorial.js", "text/javascript")


@router.get("/static/handrail.svg")
async def icon() -> Response:
    return _static("handrail.svg", "image/svg+xml")


def _static(name: str, kind: str) -> FileResponse:
    return FileResponse(HERE / "static" / name, media_type=kind, headers={"Cache-Control": KEPT})

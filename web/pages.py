"""The pages: the book of accounts with last night's report, and one account."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from handrail.engine.book import Sort
from handrail.errors import CallerError, HandrailError
from handrail.flows.deliver import reason_words
from tools._answers import Answer
from tools.control_sending import control_sending
from tools.find_accounts import find_accounts
from tools.find_struggling_users import find_struggling_users
from tools.get_night_report import get_night_report
from tools.list_alerts import list_alerts
from tools.query_events import query_events
from tools.query_funnel import query_funnel
from web.api import Ctx

HERE = Path(__file__).parent
router = APIRouter(include_in_schema=False)
_jinja = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_jinja.globals["reason_words"] = reason_words
_templates = Jinja2Templates(env=_jinja)

CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Pages load nothing from elsewhere and run no script, unless they say so themselves."""
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def page(request: Request, template: str, *, title: str, status: int = 200, **values: Any) -> HTMLResponse:
    return _templates.TemplateResponse(request, template, {"title": title, **values}, status_code=status)


@router.get("/")
async def book(ctx: Ctx, request: Request, query: str = "", sort_by: Sort = "users") -> HTMLResponse:
    try:
        accounts = await find_accounts(ctx, query=query, sort_by=sort_by, limit=100)
    except CallerError as error:
        return page(request, "message.html", title="Nothing to show yet", text=str(error))
    try:
        night = (await get_night_report(ctx)).report
    except CallerError:
        night = None
    return page(
        request, "book.html", title="Accounts", found=accounts, night=night, query=query, sort_by=sort_by
    )


@router.get("/accounts/{account}")
async def account_page(ctx: Ctx, request: Request, account: str) -> HTMLResponse:
    events = await query_events(ctx, account=account)
    if events.account is None:
        return page(request, "message.html", title="Which account?", text=events.summary)
    funnels = await _or_why(query_funnel(ctx, account=events.account.id))
    stuck = await _or_why(find_struggling_users(ctx, account=events.account.id))
    sending = await control_sending(ctx, account=events.account.id)
    alerts = await _or_why(list_alerts(ctx, account=events.account.id))
    return page(
        request,
        "account.html",
        title=events.account.name,
        events=events,
        alerts=alerts,
        funnels=funnels,
        stuck=stuck,
        sending=sending,
    )


async def _or_why(answer: Awaitable[Answer]) -> Answer | str:
    """One part of a page, or why there is none: the rest of the page is still worth showing."""
    try:
        return await answer
    except HandrailError as error:
        return str(error)


@router.get("/static/handrail.css")
async def style() -> FileResponse:
    return FileResponse(HERE / "static" / "handrail.css", media_type="text/css")

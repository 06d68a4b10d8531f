"""The pages: the book of accounts with last night's report, and one account."""

from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from handrail.engine.book import Sort
from handrail.errors import CallerError, HandrailError
from tools._answers import Answer
from tools.control_sending import control_sending
from tools.find_accounts import find_accounts
from tools.find_struggling_users import find_struggling_users
from tools.get_night_report import get_night_report
from tools.list_alerts import list_alerts
from tools.query_events import query_events
from tools.query_funnel import query_funnel
from web.api import Ctx
from web.frame import Framed

router = APIRouter(include_in_schema=False)


@router.get("/")
async def book(ctx: Ctx, frame: Framed, query: str = "", sort_by: Sort = "users") -> HTMLResponse:
    try:
        accounts = await find_accounts(ctx, query=query, sort_by=sort_by, limit=100)
    except CallerError as error:
        return frame.message("Nothing to show yet", str(error))
    try:
        night = (await get_night_report(ctx)).report
    except CallerError:
        night = None
    return frame("book.html", title="Accounts", found=accounts, night=night, query=query, sort_by=sort_by)


@router.get("/accounts/{account}")
async def account_page(ctx: Ctx, frame: Framed, account: str) -> HTMLResponse:
    events = await query_events(ctx, account=account)
    if events.account is None:
        return frame.message("Which account?", events.summary)
    funnels = await _or_why(query_funnel(ctx, account=events.account.id))
    stuck = await _or_why(find_struggling_users(ctx, account=events.account.id))
    sending = await control_sending(ctx, account=events.account.id)
    alerts = await _or_why(list_alerts(ctx, account=events.account.id))
    return frame(
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

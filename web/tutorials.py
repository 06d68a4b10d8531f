"""The mail's tutorial as a page: a checklist, two questions, and how long it was in view."""

from typing import Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field, ValidationError

from handrail.flows.reading import answered, needs_help, page_picture, tutorial_page, was_read
from web.api import Ctx
from web.bodies import body, form
from web.frame import CONTENT_SECURITY, page
from web.links import QUIET, unknown

router = APIRouter(include_in_schema=False)
_HEADERS = {
    **QUIET,
    "Content-Security-Policy": f"{CONTENT_SECURITY}; script-src 'self'; connect-src 'self'",
    "X-Robots-Tag": "noindex",
}
Told = TypeVar("Told", bound=BaseModel)
MOST_BYTES = 200
"""Of a post: one field and one word or number."""


class Helpful(BaseModel):
    helpful: Literal["yes", "no"]


class Read(BaseModel):
    seconds: int = Field(ge=0)


@router.get("/tutorials/{token}")
async def tutorial(ctx: Ctx, token: str, request: Request) -> HTMLResponse:
    """The tutorial for whoever has the link. Looking at it keeps nothing: scanners fetch every link."""
    found = await tutorial_page(ctx, token)
    if found is None:
        return unknown(request)
    reply_to = ctx.mail.sender.reply_to
    subject = quote(f"I need more help with {found.feature}", safe="")
    answer = page(
        request,
        "tutorial.html",
        title=found.subject,
        token=token,
        tutorial=found,
        reply_to=reply_to,
        write_to=f"mailto:{quote(reply_to, safe='@')}?subject={subject}",
    )
    answer.headers.update(_HEADERS)
    return answer


@router.get("/tutorials/{token}/picture")
async def picture(ctx: Ctx, token: str, request: Request) -> Response:
    """Where the reader is stuck, as the mail showed it."""
    found = await page_picture(ctx, token)
    if found is None:
        return unknown(request)
    return Response(found.png, media_type="image/png", headers=QUIET)


@router.post("/tutorials/{token}/answer")
async def answer(ctx: Ctx, token: str, request: Request) -> Response:
    """Was it helpful? The page then shows the answer, which can be changed."""
    told = await _posted(request, Helpful, "helpful has to be yes or no.")
    if not await answered(ctx, token, helpful=told.helpful == "yes"):
        return unknown(request)
    return RedirectResponse(f"/tutorials/{token}#answer", status_code=303, headers=QUIET)


@router.post("/tutorials/{token}/help")
async def more_help(ctx: Ctx, token: str, request: Request) -> Response:
    """Count that more help is needed. The page then shows where to write."""
    await body(request, MOST_BYTES)
    if not await needs_help(ctx, token):
        return unknown(request)
    return RedirectResponse(f"/tutorials/{token}#help", status_code=303, headers=QUIET)


@router.post("/tutorials/{token}/read")
async def read(ctx: Ctx, token: str, request: Request) -> Response:
    """How many seconds the page was in view."""
    told = await _posted(request, Read, "seconds has to be a whole number, 0 or more.")
    if not await was_read(ctx, token, told.seconds):
        return unknown(request)
    return Response(status_code=204, headers=QUIET)


async def _posted(request: Request, kind: type[Told], wanted: str) -> Told:
    """A posted form as its model; refused in the words of `wanted`, echoing nothing."""
    given = await form(request, MOST_BYTES)
    try:
        return kind.model_validate(given)
    except ValidationError:
        raise HTTPException(422, wanted) from None

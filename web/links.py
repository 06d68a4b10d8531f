"""The links of a mail: its page, the guide, and the way out. Tokens only; nothing is echoed; no cookie."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from handrail.flows.feedback import clicked
from handrail.flows.opt_outs import tell_soon
from web.api import Ctx
from web.frame import page

router = APIRouter()
QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@router.api_route("/t/{token}", methods=["GET", "HEAD"], include_in_schema=False)
async def go(ctx: Ctx, token: str, request: Request) -> Response:
    """Redirect to what this token was made for: the tutorial's page, or the company's documentation.

    Of who asks, only whether it is a machine is kept.
    """
    async with ctx.store.read() as work:
        pressed = await work.deliveries.link_target(token, "click")
        found = pressed or await work.deliveries.link_target(token, "guide")
    if found is None:
        return unknown(request)
    if pressed:
        await clicked(ctx, pressed[0], request.method, request.headers.get("user-agent", ""))
    return RedirectResponse(found[1], status_code=302, headers=QUIET)


@router.get("/u/{token}", include_in_schema=False)
async def ask(ctx: Ctx, token: str, request: Request) -> HTMLResponse:
    """Show one button. A GET never unsubscribes: scanners fetch every link."""
    async with ctx.store.read() as work:
        found = await work.deliveries.link_target(token, "unsubscribe")
    if found is None:
        return unknown(request)
    return page(request, "unsubscribe.html", title="Unsubscribe", token=token)


@router.post("/u/{token}", include_in_schema=False)
async def unsubscribe(ctx: Ctx, token: str, request: Request) -> HTMLResponse:
    """RFC 8058: no login, no confirmation, the same answer however often it is called."""
    async with ctx.store.begin() as work:
        found = await work.deliveries.link_target(token, "unsubscribe")
        delivery = await work.deliveries.get(found[0]) if found else None
        if delivery is not None:
            await work.deliveries.opt_out(delivery.user_key, "unsubscribed", ctx.clock.now())
    if delivery is None:
        return unknown(request)
    ctx.background.start(tell_soon(ctx))
    return page(request, "message.html", title="You are unsubscribed", text=_DONE)


def unknown(request: Request) -> HTMLResponse:
    """The same page for a token nobody has and for one that was made for something else."""
    return page(request, "message.html", title="This link is not known", status=404, text=_UNKNOWN)


_UNKNOWN = "Perhaps it was cut in two by a mail program. Copy the whole link from the mail and try again."
_DONE = "You will get no more of these mails."

"""The links of a mail: the guide, and the way out. Tokens only; nothing is echoed, no cookie is set."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from handrail.flows.feedback import clicked
from web.api import Ctx
from web.pages import page

router = APIRouter()
_QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@router.api_route("/t/{token}", methods=["GET", "HEAD"], include_in_schema=False)
async def guide(ctx: Ctx, token: str, request: Request) -> Response:
    """Redirect to the place in the company's documentation that this token was made for.

    Of who asks, only whether it is a machine is kept.
    """
    async with ctx.store.read() as work:
        found = await work.deliveries.link_target(token, "click")
    if found is None:
        return page(request, "message.html", title="This link is not known", status=404, text=_UNKNOWN)
    await clicked(ctx, found[0], request.method, request.headers.get("user-agent", ""))
    return RedirectResponse(found[1], status_code=302, headers=_QUIET)


@router.get("/u/{token}", include_in_schema=False)
async def ask(ctx: Ctx, token: str, request: Request) -> HTMLResponse:
    """Show one button. A GET never unsubscribes: scanners fetch every link."""
    async with ctx.store.read() as work:
        found = await work.deliveries.link_target(token, "unsubscribe")
    if found is None:
        return page(request, "message.html", title="This link is not known", status=404, text=_UNKNOWN)
    return page(request, "unsubscribe.html", title="Unsubscribe", status=200, token=token)


@router.post("/u/{token}", include_in_schema=False)
async def unsubscribe(ctx: Ctx, token: str, request: Request) -> HTMLResponse:
    """RFC 8058: no login, no confirmation, the same answer however often it is called."""
    async with ctx.store.begin() as work:
        found = await work.deliveries.link_target(token, "unsubscribe")
        delivery = await work.deliveries.get(found[0]) if found else None
        if delivery is not None:
            await work.deliveries.opt_out(delivery.user_key, "unsubscribed", ctx.clock.now())
    if delivery is None:
        return page(request, "message.html", title="This link is not known", status=404, text=_UNKNOWN)
    return page(request, "message.html", title="You are unsubscribed", status=200, text=_DONE)


_UNKNOWN = "Perhaps it was cut in two by a mail program. Copy the whole link from the mail and try again."
_DONE = "You will get no more of these mails."

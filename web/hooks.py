"""What other services post here: signed, scrubbed, kept once."""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from handrail.errors import ConfigError
from handrail.flows.feedback import take
from handrail.services.mail import webhook
from web.api import Ctx
from web.bodies import body
from web.problems import problem

router = APIRouter()
log = logging.getLogger(__name__)
PATH = "/hooks/sendgrid"


@router.post(PATH, include_in_schema=False)
async def sendgrid(ctx: Ctx, request: Request) -> Response:
    """SendGrid's events. Any 2xx means that it need not tell them again."""
    keys = ctx.settings.sendgrid_webhook_key
    if not keys:
        raise ConfigError("HANDRAIL_SENDGRID_WEBHOOK_KEY is not set: events of the mail service are refused.")
    raw = await body(request, webhook.MOST_BYTES)
    headers = request.headers
    if not webhook.genuine(
        keys, raw, headers.get(webhook.SIGNATURE), headers.get(webhook.TIMESTAMP), ctx.clock.now()
    ):
        return problem(403, "The signature or its age is not right; nothing was kept.")
    try:
        events, unknown = webhook.read(raw)
    except ValueError:
        return problem(400, "The body is no list of events.")
    new = await take(ctx, events)
    if unknown:
        log.warning("%d events of the mail service were not understood", unknown)
    return JSONResponse({"kept": new})

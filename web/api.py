"""What every handler gets to work with, and whether the process is well."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from handrail.context import ToolContext, follow_connection
from handrail.errors import ConfigError

router = APIRouter(tags=["process"])


async def context(request: Request) -> ToolContext:
    """What the app works with, as narrow as the token that was given."""
    ctx: ToolContext = request.app.state.ctx
    await follow_connection(ctx)
    return ctx.seeing(getattr(request.state, "sees", None))


Ctx = Annotated[ToolContext, Depends(context)]


def from_here(request: Request) -> None:
    """A page of another site may not make a browser on this machine send commands."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", "")
    own = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    if site not in {"none", "same-origin"} or (origin and origin not in own):
        raise HTTPException(403, "Only this installation's own pages and programs may ask for this.")


FROM_HERE = [Depends(from_here)]
"""Of every route by which a page or a program changes something."""


class Wellness(BaseModel):
    status: str = Field(description="Always ok: what is not answers a problem.")


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Wellness:
    """Tell that the process answers."""
    return Wellness(status="ok")


@router.get("/readyz", operation_id="readyz")
async def readyz(ctx: Ctx) -> Wellness:
    """Tell that the database answers and a project is connected."""
    async with ctx.store.read() as work:
        await work.deliveries.pauses()
    if ctx.connected is None:
        raise ConfigError("No Mixpanel project is connected.")
    return Wellness(status="ok")

"""REST: a Mixpanel project is connected, and read anew."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict

from handrail.domain.connections import Connected, Credentials
from handrail.flows.connect import connect
from tools.sync_mixpanel import SyncAnswer, sync_mixpanel
from web.api import Ctx
from web.rest.accounts import written
from web.rest.route import COMMAND, RestRoute

router = APIRouter(route_class=RestRoute, tags=["mixpanel"])


class SyncDays(BaseModel):
    """Which days to read; without dates, those that are missing and the last five."""

    model_config = ConfigDict(extra="forbid")

    from_date: date | None = None
    to_date: date | None = None


@router.post("/api/integrations/mixpanel/connect", operation_id="connect_mixpanel", dependencies=COMMAND)
async def connect_mixpanel(ctx: Ctx, credentials: Credentials) -> Connected:
    """Check a service account live, keep it sealed, and tell what the project offers.

    The secret is in no answer and in no log. One question of the hour's budget is asked.
    """
    return await connect(ctx, credentials)


@router.post("/api/mixpanel/sync", status_code=202, operation_id="start_sync", dependencies=COMMAND)
async def start_sync(ctx: Ctx, response: Response, days: SyncDays | None = None) -> SyncAnswer:
    """Start a sync, or follow the one that is running: it goes on after the answer.

    `Location` says where it is followed.
    """
    asked = days or SyncDays()
    answer = await sync_mixpanel(ctx, from_date=written(asked.from_date), to_date=written(asked.to_date))
    response.headers["Location"] = f"/api/mixpanel/sync/{answer.id}"
    return answer


@router.get("/api/mixpanel/sync/{sync_id}", operation_id="get_sync")
async def follow_sync(
    ctx: Ctx, sync_id: Annotated[int, Path(ge=1, le=2**31 - 1, description="From starting it.", examples=[1])]
) -> SyncAnswer:
    """Tell how far a sync has come: running, done, failed or interrupted."""
    return await sync_mixpanel(ctx, sync_id=sync_id)

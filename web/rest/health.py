"""REST: how an account fares, and what a CSM feels about it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.health import Sentiment
from handrail.engine.cursors import page
from handrail.flows.health import feel, felt
from tools._answers import AccountRef, find, ref, which
from tools.get_account_health import AccountHealth, get_account_health
from web.api import Ctx
from web.problems import WhichAccount
from web.rest.accounts import CustomerId, of_one
from web.rest.lists import MOST, Cursor, Limit, Listed
from web.rest.route import COMMAND, RestRoute

router = APIRouter(route_class=RestRoute, tags=["accounts"])


class Feeling(BaseModel):
    """What a CSM feels about an account now."""

    model_config = ConfigDict(extra="forbid")

    value: int = Field(ge=1, le=5, description="1 bad to 5 good.")
    note: str = Field("", max_length=120)


class Sentiments(Listed[Sentiment]):
    """Newest first."""

    account: AccountRef


@router.get("/api/accounts/{customer_id}/health", operation_id="get_health")
async def health(
    ctx: Ctx,
    customer_id: CustomerId,
    weeks: Annotated[int, Query(ge=1, le=52, description="Weeks of history.")] = 12,
) -> AccountHealth:
    """Tell an account's engagement score: its components, what moved it, adoption, key persons.

    The same answer as the tool `get_account_health`.
    """
    return of_one(await get_account_health(ctx, account=customer_id, weeks=weeks))


@router.get("/api/accounts/{customer_id}/sentiment", operation_id="list_sentiments")
async def sentiments(ctx: Ctx, customer_id: CustomerId, limit: Limit = 50, cursor: Cursor = "") -> Sentiments:
    """List what CSMs felt about an account, newest first."""
    return await _told(ctx, await _one(ctx, customer_id), limit, cursor)


@router.post("/api/accounts/{customer_id}/sentiment", operation_id="keep_sentiment", dependencies=COMMAND)
async def keep_sentiment(ctx: Ctx, customer_id: CustomerId, feeling: Feeling) -> Sentiments:
    """Keep a CSM's feeling beside the engagement score; it is no part of the score."""
    who = await _one(ctx, customer_id)
    await feel(ctx, who, feeling.value, feeling.note)
    return await _told(ctx, who, MOST, "")


async def _one(ctx: ToolContext, asked: str) -> Account:
    who = await find(ctx, asked)
    if isinstance(who, list):
        raise WhichAccount(which(asked, who), who)
    return who


async def _told(ctx: ToolContext, who: Account, limit: int, cursor: str) -> Sentiments:
    found = await felt(ctx, who)
    part = page(found, cursor, limit, of=(who.id, "sentiments", found[:1]))
    return Sentiments(
        summary=f"{len(found)} sentiments.",
        account=ref(who),
        items=part.rows,
        next_cursor=part.cursor or None,
    )

"""REST: how an account fares, and what a CSM feels about it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.health import Sentiment
from handrail.errors import CallerError
from handrail.flows.health import feel, felt
from tools._answers import AccountRef, find, ref, which
from tools.get_account_health import AccountHealth, get_account_health
from web.api import Ctx, from_here

router = APIRouter()


class Feeling(BaseModel):
    """What a CSM feels about an account now."""

    model_config = ConfigDict(extra="forbid")

    value: int = Field(ge=1, le=5, description="1 bad to 5 good.")
    note: str = Field("", max_length=120)


class Sentiments(BaseModel):
    account: AccountRef
    sentiments: list[Sentiment] = Field(description="Newest first.")


@router.get("/api/accounts/{customer_id}/health")
async def health(ctx: Ctx, customer_id: str, weeks: Annotated[int, Query(ge=1, le=52)] = 12) -> AccountHealth:
    return await get_account_health(ctx, account=customer_id, weeks=weeks)


@router.get("/api/accounts/{customer_id}/sentiment")
async def sentiments(ctx: Ctx, customer_id: str) -> Sentiments:
    who = await find(ctx, customer_id)
    if isinstance(who, list):
        raise CallerError(which(customer_id, who))
    return Sentiments(account=ref(who), sentiments=await felt(ctx, who))


@router.post("/api/accounts/{customer_id}/sentiment", dependencies=[Depends(from_here)])
async def keep_sentiment(ctx: Ctx, customer_id: str, feeling: Feeling) -> Sentiments:
    """Keep it beside the engagement score; it is no part of the score."""
    who = await find(ctx, customer_id)
    if isinstance(who, list):
        raise CallerError(which(customer_id, who))
    await feel(ctx, who, feeling.value, feeling.note)
    return Sentiments(account=ref(who), sentiments=await felt(ctx, who))

"""REST: what became of tutorials, and what the help and the past say of churn."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from handrail.domain.churn import Separation, Survival
from handrail.engine.cursors import page
from tools._answers import Days
from tools.analyze_churn import Compared, SuggestedWeights, TrackRecord, analyze_churn
from tools.get_tutorial_results import TutorialResults, get_tutorial_results
from web.api import Ctx
from web.rest.accounts import Feature, Period, Since, Until, written
from web.rest.lists import MOST, Cursor, Limit, Listed
from web.rest.route import RestRoute

router = APIRouter(route_class=RestRoute)


class ChurnMetrics(Listed[Separation]):
    """Metrics that told churned from kept accounts, surest first."""

    period: Days | None = Field(None, description="Past days looked at.")
    compared: Compared
    survival: Survival | None = None
    track_record: TrackRecord | None = None
    suggested_weights: SuggestedWeights | None = None


@router.get("/api/churn", operation_id="analyze_churn", tags=["accounts"])
async def churn(
    ctx: Ctx,
    days_before: Annotated[int, Query(ge=7, le=180, description="Before leaving.")] = 30,
    survival_by: Annotated[str, Query(max_length=40, description="A metric.")] = "score",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> ChurnMetrics:
    """List the metrics that separated churned from kept accounts, with the score's track record.

    The same figures as the tool `analyze_churn`.
    """
    found = await analyze_churn(ctx, days_before=days_before, survival_by=survival_by, limit=MOST)
    part = page(found.metrics, cursor, limit, of=(days_before, found.as_of))
    return ChurnMetrics.of(found, part.rows, part.cursor)


@router.get("/api/tutorials", operation_id="get_tutorial_results", tags=["help"])
async def tutorials(
    ctx: Ctx,
    feature: Feature = "",
    period: Period = "last_90_days",
    from_date: Since = None,
    to_date: Until = None,
) -> TutorialResults:
    """Tell what became of tutorials, by feature: sent, withheld, clicked, completed after, lift.

    The same answer as the tool `get_tutorial_results`.
    """
    return await get_tutorial_results(
        ctx, feature=feature, period=period, from_date=written(from_date), to_date=written(to_date)
    )

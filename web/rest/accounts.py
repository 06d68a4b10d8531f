"""REST: the book of accounts, and what one account's users did, how far they came and who they are."""

from datetime import date
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query
from pydantic import Field

from handrail.domain.periods import PeriodName
from handrail.engine.book import Only, Sort
from tools._answers import AccountAnswer, Days
from tools._params import Detail
from tools.find_accounts import AccountRow, GapRow, Onboarding, find_accounts
from tools.get_user_segments import UserSegments, get_user_segments
from tools.query_events import AccountEvents, query_events
from tools.query_funnel import AccountFunnels, query_funnel
from web.api import Ctx
from web.problems import WhichAccount
from web.rest.lists import Cursor, Limit, Listed
from web.rest.route import RestRoute

router = APIRouter(route_class=RestRoute, tags=["accounts"])
A = TypeVar("A", bound=AccountAnswer)

CustomerId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="Handrail's id, Mixpanel's id, the domain, or the name where it means one account.",
        examples=["acct_1001"],
    ),
]
Since = Annotated[date | None, Query(description="With to_date, instead of period.")]
Until = Annotated[date | None, Query(description="Included.")]
Period = Annotated[PeriodName, Query(description="Complete days of the project's time zone.")]
Feature = Annotated[str, Query(max_length=100, description="A feature's slug. Empty: all.")]


class AccountList(Listed[AccountRow]):
    period: Days
    health_days: Days | None = Field(None, description="Of engagement and the columns after it.")
    onboarding: list[Onboarding] = Field(description="Of the same accounts; with detail=full.")
    adoption_gap: list[GapRow] = Field(description="Of all accounts; with detail=full.")


def written(day: date | None) -> str:
    """A day as the tools take it."""
    return day.isoformat() if day else ""


def of_one(answer: A) -> A:
    """Raises `WhichAccount` where the name fits several: a program reads the status, not the sentence."""
    if answer.candidates:
        raise WhichAccount(answer.summary, answer.candidates)
    return answer


@router.get("/api/accounts", operation_id="list_accounts")
async def accounts(
    ctx: Ctx,
    query: Annotated[str, Query(max_length=200, description="Part of a name, id or domain.")] = "",
    sort_by: Annotated[Sort, Query(description="Risks: worst first.")] = "users",
    only: Annotated[Only, Query(description="Narrow the list to what a question is about.")] = "all",
    threshold: Annotated[
        int, Query(ge=0, le=1_000_000, description="Percent, features, users or days for only.")
    ] = 0,
    feature: Feature = "",
    period: Period = "last_30_days",
    from_date: Since = None,
    to_date: Until = None,
    detail: Detail = "concise",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> AccountList:
    """Search, narrow and sort the book: use, decline, engagement, breadth, key persons, quiet users.

    The same figures as the tool `find_accounts`.
    """
    found = await find_accounts(
        ctx,
        query=query,
        sort_by=sort_by,
        only=only,
        threshold=threshold,
        feature=feature,
        period=period,
        from_date=written(from_date),
        to_date=written(to_date),
        detail=detail,
        limit=limit,
        cursor=cursor,
    )
    return AccountList.of(found, found.accounts, found.cursor)


@router.get("/api/mixpanel/events/{customer_id}", operation_id="get_events", tags=["mixpanel"])
async def events(
    ctx: Ctx,
    customer_id: CustomerId,
    period: Period = "last_30_days",
    from_date: Since = None,
    to_date: Until = None,
    breakdown: Annotated[str, Query(max_length=255, description="Also count by this property.")] = "",
) -> AccountEvents:
    """Count an account's events, users and sessions, by day, event and hour of the week.

    The same answer as the tool `query_events`.
    """
    return of_one(
        await query_events(
            ctx,
            account=customer_id,
            period=period,
            from_date=written(from_date),
            to_date=written(to_date),
            breakdown=breakdown,
        )
    )


@router.get("/api/mixpanel/funnels/{customer_id}", operation_id="get_funnels", tags=["mixpanel"])
async def funnels(
    ctx: Ctx,
    customer_id: CustomerId,
    funnel: Annotated[str, Query(max_length=255, description="Part of its name, or id. Empty: all.")] = "",
    period: Period = "last_30_days",
    from_date: Since = None,
    to_date: Until = None,
) -> AccountFunnels:
    """Measure an account's funnels: step rates, bottleneck, trend, and the fleet's median.

    The same answer as the tool `query_funnel`. Days that no night measured are asked of Mixpanel.
    """
    return of_one(
        await query_funnel(
            ctx,
            account=customer_id,
            funnel=funnel,
            period=period,
            from_date=written(from_date),
            to_date=written(to_date),
        )
    )


@router.get("/api/mixpanel/users/{customer_id}", operation_id="get_users", tags=["mixpanel"])
async def users(
    ctx: Ctx,
    customer_id: CustomerId,
    by: Annotated[str, Query(max_length=255, description="Only this property or cohort. Empty: all.")] = "",
) -> UserSegments:
    """Divide an account's users by profile property or cohort, in numbers without identities.

    The same answer as the tool `get_user_segments`. Groups of fewer than 5 users are never told.
    """
    return of_one(await get_user_segments(ctx, account=customer_id, by=by))

"""The book of accounts: searched, narrowed to what a question is about, and sorted by a figure."""

from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.periods import Period
from handrail.engine import book
from handrail.engine.book import Entry, Only, Sort
from handrail.engine.cursors import page
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.flows.book import Book, read_book
from tools._answers import Days, Figures, Paged, caveats, days, resolve, synced, users_reach
from tools._params import Cursor, Detail, FromDate, Limit, OptionalFeature, PeriodChoice, ToDate
from tools._tool import tool


class AccountRow(BaseModel):
    name: str
    mixpanel_id: str
    total_events: int | None = Field(description="Null, as of the next two: none in the period.")
    unique_users: int | None
    sessions: int | None
    change_of_events: float | None = Field(
        description="Against the period before, -0.2 is a fifth less; null without events before."
    )
    engagement: float | None = Field(description="0 to 100. Null, as of what follows: not known.")
    band: str
    features_used: int | None
    key_person_share: float | None = Field(description="Of events, by the most active user.")
    quiet_users: int | None = Field(description="Active before, not in the last 14 days.")


class Onboarding(BaseModel):
    """How far an account has come."""

    name: str
    days: int = Field(description="Since its first event; 112 stands for that and more.")
    adopted: list[str] = Field(description="Features.")
    tried: list[str]
    never_tried: list[str]
    seats: int | None = Field(description="Users with a profile.")
    seats_activated: int | None


class GapRow(BaseModel):
    feature: str
    healthy: str = Field(description="Accounts that adopted it, of all healthy ones.")
    at_risk: str
    gap: float | None = Field(description="Difference of the shares.")


class Accounts(Figures, Paged):
    period: Days
    health_days: Days | None = Field(None, description="Of engagement and the columns after it.")
    accounts: list[AccountRow]
    onboarding: list[Onboarding] = Field(default_factory=list)
    adoption_gap: list[GapRow] = Field(default_factory=list)


@tool(title="Find accounts", effect="read", reach="accounts")
async def find_accounts(
    ctx: ToolContext,
    query: Annotated[
        str, Field(description="Part of a name, id or domain. Empty: all.", max_length=200)
    ] = "",
    sort_by: Annotated[Sort, Field(description="Risks: worst first.")] = "users",
    only: Annotated[
        Only, Field(description="declined: 20 % fewer events; narrow: 1-2 features; key_person: 80 %.")
    ] = "all",
    threshold: Annotated[int, Field(description="Percent, features, users or days for only.", ge=0)] = 0,
    feature: OptionalFeature = "",
    period: PeriodChoice = "last_30_days",
    from_date: FromDate = "",
    to_date: ToDate = "",
    detail: Annotated[Detail, Field(description="full: also onboarding, and the adoption gap.")] = "concise",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Accounts:
    """Search or sort the book: engagement, decline, breadth, key-person share, quiet users, features tried.

    Use it for "who is down 20 %?", "who is onboarding?" or "adoption gap of healthy and at-risk accounts?".
    For one account, use get_account_health or query_events.
    """
    last = await synced(ctx)
    span = resolve(ctx, last, period, from_date, to_date)
    feature = _feature(ctx, feature, only)
    whole = await read_book(ctx, span)
    known = book.matching(whole.ordered(sort_by), query)
    found = book.chosen(known, only, threshold, feature=feature, first_day=whole.first_day)
    part = page(found, cursor, limit, of=(query, sort_by, only, threshold, feature, span, last.finished_at))
    as_of = next((each.facts.as_of for each in known if each.facts), None)
    full = detail == "full" or only == "onboarding"
    reach, uncompared = users_reach(last, span), _compared(span, whole, sort_by, only)
    by = "name (decline is not known)" if uncompared and sort_by == "decline" else sort_by.replace("_", " ")
    return Accounts(
        summary=_summary(
            len(found), query, only, threshold or book.THRESHOLDS.get(only, 0), feature, by, span
        ),
        as_of=last.finished_at,
        period=days(span),
        health_days=days(Period.of_days(28, as_of, last.zone)) if as_of else None,
        caveats=[*await caveats(ctx, last, span), *uncompared, *reach],
        next_step="Ask query_events or get_account_health about one of them." if found else "",
        showing=part.showing,
        cursor=part.cursor,
        accounts=[_row(each, users_known=not reach) for each in part.rows],
        onboarding=[row for each in part.rows for row in _onboarding(each)] if full else [],
        adoption_gap=[_gap(each) for each in book.gaps(known)] if detail == "full" else [],
    )


def _feature(ctx: ToolContext, asked: str, only: str) -> str:
    """Its slug. One that would choose nothing is refused: the whole book would pass for its accounts."""
    of_one = only in ("uses_feature", "never_tried")
    if asked and not of_one:
        raise CallerError("A feature goes with only: uses_feature or never_tried.")
    if of_one and not asked:
        raise CallerError(f"Name the feature for {only}: find its slug with search_feature_docs.")
    return ctx.kb.feature(asked).slug if asked else ""


def _row(one: Entry, *, users_known: bool) -> AccountRow:
    now, share = one.now, one.key_person_share
    return AccountRow(
        name=one.account.name,
        mixpanel_id=shown(one.account.mixpanel_id),
        total_events=now.total_events if now else None,
        unique_users=now.unique_users if now and users_known else None,
        sessions=now.sessions if now else None,
        change_of_events=one.change,
        engagement=None if one.engagement is None else round(one.engagement, 1),
        band=one.band,
        features_used=one.facts.features_used if one.facts else None,
        key_person_share=None if share is None else round(share, 3),
        quiet_users=one.quiet_users,
    )


def _onboarding(one: Entry) -> list[Onboarding]:
    facts = one.facts
    if facts is None:
        return []
    states = {each.feature: each.state for each in facts.adoption}
    people = facts.people
    return [
        Onboarding(
            name=one.account.name,
            days=facts.history_days,
            adopted=[name for name, state in states.items() if state in book.ADOPTED],
            tried=[name for name, state in states.items() if state in ("tried", "lapsed")],
            never_tried=list(facts.never_tried),
            seats=people.seats if people else None,
            seats_activated=people.seats_activated if people else None,
        )
    ]


def _gap(one: book.Gap) -> GapRow:
    return GapRow(
        feature=one.feature,
        healthy=f"{one.healthy_adopted} of {one.healthy}",
        at_risk=f"{one.at_risk_adopted} of {one.at_risk}",
        gap=None if one.gap is None else round(one.gap, 3),
    )


def _compared(span: Period, whole: Book, sort_by: str, only: str) -> list[str]:
    if whole.compared or "decline" not in (sort_by, only.removesuffix("d")):
        return []
    return [f"Nothing to compare with: figures do not reach back over {span.before().words()}."]


def _summary(found: int, query: str, only: str, threshold: int, feature: str, by: str, span: Period) -> str:
    like = f" like {query!r}" if query else ""
    bounds = {
        "declined": f" that lost {threshold} % of their events or more",
        "narrow": f" that use 1 to {threshold} features",
        "key_person": f" where one user makes {threshold} % of the events or more",
        "quiet_users": f" with {threshold} users or more gone quiet for 14 days",
        "onboarding": f" first seen in the last {threshold} days",
        "uses_feature": f" that use {feature}",
        "never_tried": f" that never tried {feature}",
    }
    narrowed = "" if only == "all" else bounds.get(only, f", {only.replace('_', ' ')}")
    return f"{found} accounts{like}{narrowed}, by {by}, {span.words()}."

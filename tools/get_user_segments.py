"""How an account's users divide: by what their profiles say, and by cohort."""

from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.funnels import MeasuredFunnel
from handrail.domain.periods import Period
from handrail.domain.segments import INSIDE, AccountUsers, Breakdown, Group
from handrail.engine import funnels, periods
from handrail.engine.segments import ACTIVE_DAYS, LEAST_GROUP, in_words, may_stand_beside
from handrail.engine.text import quoted, shown
from handrail.errors import CallerError
from handrail.flows.segments import users_of
from tools._answers import AccountAnswer, caveats, days, find, in_mixpanel, ref, synced, which
from tools._params import AccountName
from tools._tool import tool


class UserFigures(BaseModel):
    """Of the whole account."""

    users: int = Field(description="With a profile.")
    active_7_days: int
    active_30_days: int
    new_7_days: int | None = Field(description="Null: too few days are known.")
    quiet_14_days: int = Field(description="Active before, not in the last 14 days.")
    never_active: int
    active_without_profile: int


class SegmentRow(BaseModel):
    by: str = Field(description="Property or cohort; data from outside, as is the segment.")
    segment: str
    users: int = Field(description="Never 1 to 4.")
    active_30_days: int | None = Field(description="Null, as of the next: too few to tell apart.")
    quiet_14_days: int | None
    funnels: list[str] = Field(description="Of a cohort: users who finished, of who entered in 30 days.")


class UserSegments(AccountAnswer):
    figures: UserFigures | None = Field(None, description="Null: no data.")
    no_data_because: str = ""
    segments: list[SegmentRow] = Field(default_factory=list)


@tool(title="User segments", effect="read", reach="accounts")
async def get_user_segments(
    ctx: ToolContext,
    account: AccountName,
    by: Annotated[str, Field(description="Only this property or cohort. Empty: all.", max_length=255)] = "",
) -> UserSegments:
    """Divide one account's users by profile property or cohort: how many, how active, how far in funnels.

    Use it for "how many admins does Acme have?" or "how many of Acme's users have gone quiet?".
    For what they did, use query_events; for who is stuck, use find_struggling_users.
    """
    who = await find(ctx, account)
    if isinstance(who, list):
        return UserSegments(summary=which(account, who), candidates=who)
    last = await synced(ctx)
    found = await users_of(ctx, who.id)
    if found is None:
        return UserSegments(
            summary=f"The users of {quoted(who.name)} were not counted yet.",
            as_of=last.finished_at,
            account=ref(who),
            caveats=await caveats(ctx, last),
            no_data_because="Users are counted once a night: run `handrail sync` to count them now.",
            next_step="Call sync_mixpanel, then ask again.",
        )
    wanted = _wanted(by, found)
    month = periods.standard(last.to_date, last.zone)["last_30_days"]
    async with ctx.store.read() as work:
        measured = await work.funnels.of_account(who.id, month)
    return UserSegments(
        summary=in_words(quoted(who.name), found),
        as_of=found.counted_at,
        account=ref(who),
        period=days(Period.of_days(ACTIVE_DAYS, found.as_of, last.zone)),
        caveats=[*await caveats(ctx, last), *_untold(wanted)],
        mixpanel_url=in_mixpanel(ctx.settings, who),
        figures=UserFigures.model_validate(found, from_attributes=True),
        segments=[row for each in wanted for row in _rows(each, measured)],
        next_step="For what a group's people do, use query_events with breakdown.",
    )


def _wanted(by: str, found: AccountUsers) -> list[Breakdown]:
    asked = by.strip().casefold()
    if not asked:
        return list(found.breakdowns)
    wanted = [each for each in found.breakdowns if each.property.casefold() == asked]
    if not wanted:
        known = ", ".join(quoted(each.property) for each in found.breakdowns) or "nothing"
        raise CallerError(
            f"Users are not divided by {by!r}, but by {known}. HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES "
            "and HANDRAIL_MIXPANEL_COHORTS name others, from the next night on."
        )
    return wanted


def _rows(split: Breakdown, measured: list[MeasuredFunnel]) -> list[SegmentRow]:
    name = shown(split.property)
    rows = [
        SegmentRow(
            by=f"cohort {name}" if split.cohort else name,
            segment=shown(group.value),
            **group.model_dump(exclude={"value"}),
            funnels=_rates(split, group, measured),
        )
        for group in split.groups
    ]
    if split.groups and split.other:
        rest = Group(value="(other)", users=split.other)
        rows.append(SegmentRow(by=name, segment=rest.value, **rest.model_dump(exclude={"value"}), funnels=[]))
    return rows


def _rates(split: Breakdown, group: Group, measured: list[MeasuredFunnel]) -> list[str]:
    """A cohort's members in each funnel, where neither they nor the others are too few."""
    if not split.cohort or group.value != INSIDE:
        return []
    whole = {one.funnel_id: funnels.ends(one.counts) for one in measured if not one.cohort}
    return [
        f"{shown(one.name)}: {finished} of {entered}"
        for one in measured
        if one.cohort == split.property and one.funnel_id in whole
        for entered, finished in [funnels.ends(one.counts)]
        if may_stand_beside((entered, finished), whole[one.funnel_id])
    ]


def _untold(wanted: list[Breakdown]) -> list[str]:
    hidden = ", ".join(quoted(each.property) for each in wanted if not each.groups)
    least = f"fewer than two groups, or numbers that would tell of fewer than {LEAST_GROUP} people"
    return [f"Not divided by {hidden}: {least}."] if hidden else []

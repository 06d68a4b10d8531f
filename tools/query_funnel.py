"""How far an account's users get through a funnel, and where they stop."""

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.funnels import Bottleneck, Funnel, FunnelCounts, FunnelStep, MeasuredFunnel
from handrail.domain.metrics import SyncRecord
from handrail.domain.periods import Period, PeriodName
from handrail.engine import funnels, periods
from handrail.engine.access import enough_others
from handrail.engine.segments import may_stand_beside
from handrail.engine.text import quoted, shown
from handrail.errors import CallerError
from handrail.flows.measure import FRESH, measure
from tools import _charts
from tools._answers import (
    AccountAnswer,
    Days,
    caveats,
    days,
    find,
    in_mixpanel,
    ref,
    resolve,
    synced,
    which,
)
from tools._params import AccountName, FromDate, Output, PeriodChoice, ToDate
from tools._tool import View, tool
from tools._views import Viewed

if TYPE_CHECKING:
    from handrail.store import Work

LEAST_USERS = 5
"""Accounts with fewer entrants do not take part in the fleet's median: their rates are noise."""

WEEKS = 6


class FunnelAnswer(BaseModel):
    funnel: str
    entered: int = Field(description="Users with step 1 in the period.")
    finished: int
    conversion: float | None = Field(description="Finished over entered, 0 to 1; null: nobody entered.")
    before: float | None = Field(description="Conversion in the days of compared_period.")
    weekly: list[float | None] = Field(description="Last 6 weeks.")
    fleet_median: float | None = Field(description="Median of accounts with 5 entrants or more.")
    bottleneck: Bottleneck | None
    steps: list[FunnelStep]
    cohorts: dict[str, str]
    route: str = Field(description="export: raw events; else Mixpanel's count.")


class AccountFunnels(AccountAnswer, Viewed):
    compared_period: Days | None = None
    funnels: list[FunnelAnswer] = Field(default_factory=list)
    nobody_entered: list[str] = Field(default_factory=list)


@tool(title="Account funnels", effect="read", view=View("funnel"), reach="accounts")
async def query_funnel(
    ctx: ToolContext,
    account: AccountName,
    funnel: Annotated[str, Field(description="Part of its name, or id. Empty: all.", max_length=255)] = "",
    period: PeriodChoice = "last_30_days",
    from_date: FromDate = "",
    to_date: ToDate = "",
    output: Output = "text",
) -> AccountFunnels:
    """Measure one account's conversion, step by step, with the bottleneck and the fleet's median.

    Use it for "what's the funnel conversion for Acme?" or "where do Acme's users drop off?".
    For who is stuck, use find_struggling_users; for raw activity, use query_events.
    """
    who = await find(ctx, account)
    if isinstance(who, list):
        return AccountFunnels(summary=which(account, who), candidates=who)
    last = await synced(ctx)
    span = _span(ctx, last, period, from_date, to_date)
    wanted = _named(funnel, await ctx.mixpanel.known_funnels())
    await measure(ctx.whole, wanted, span)
    own, answers, samples = await _answers(ctx, who, wanted, span)
    entered = {one.funnel_id for one in own}
    return AccountFunnels(
        summary=_summary(who, answers, span),
        as_of=min((one.measured_at for one in own), default=last.finished_at),
        account=ref(who),
        period=days(span),
        caveats=await caveats(ctx, last, span),
        mixpanel_url=in_mixpanel(ctx.settings, who),
        next_step="For who is stuck at a step, use find_struggling_users.",
        compared_period=days(span.before()),
        funnels=answers,
        nobody_entered=[shown(one.name) for one in wanted if one.funnel_id not in entered],
    ).seen_as(_charts.conversion(who, span, own, [one.weekly for one in answers], samples))


def _span(ctx: ToolContext, last: SyncRecord, name: PeriodName, from_date: str, to_date: str) -> Period:
    """The days meant. Where the last sync is old, a named period ends yesterday: Mixpanel is asked."""
    now = ctx.clock.now()
    if from_date or to_date or now - last.finished_at < FRESH:
        return resolve(ctx, last, name, from_date, to_date)
    return periods.resolve(name, "", "", now=now, zone=last.zone)


def _named(asked: str, known: list[Funnel]) -> list[Funnel]:
    if not known:
        raise CallerError("This Mixpanel project has no saved funnel: save one in Mixpanel first.")
    wanted = asked.strip().casefold()
    if not wanted:
        return known
    found = [one for one in known if wanted in (str(one.funnel_id), one.name.casefold())]
    found = found or [one for one in known if wanted in one.name.casefold()]
    if not found:
        raise CallerError(f"There is no funnel {asked!r}. Known: {', '.join(one.name for one in known)}.")
    return found


async def _answers(
    ctx: ToolContext, who: Account, wanted: list[Funnel], span: Period
) -> tuple[list[MeasuredFunnel], list[FunnelAnswer], list[list[int]]]:
    """What is kept of these funnels, beside what it is compared with, and who entered week by week."""
    before, weeks = span.before(), Period.of_days(7 * WEEKS, span.to_date, span.zone)
    async with ctx.store.read() as work:
        kept = await work.funnels.of_account(who.id, span)
        earlier = await work.funnels.of_account(who.id, before) if await work.metrics.reaches(before) else []
        rates = await _medians(work, span, narrowed=ctx.sees is not None)
        by_day = await work.funnels.days(who.id, weeks)
    ids = {funnel.funnel_id for funnel in wanted}
    own = [one for one in kept if one.funnel_id in ids and not one.cohort]
    within = [one for one in kept if one.cohort]
    compared = {one.funnel_id: funnels.conversion(one.counts) for one in earlier}
    days = [[day[1:] for day in by_day if day[0] == one.funnel_id] for one in own]
    answers = [
        FunnelAnswer(
            funnel=shown(one.name),
            entered=one.counts.users[0],
            finished=one.counts.users[-1],
            conversion=funnels.conversion(one.counts),
            before=compared.get(one.funnel_id),
            weekly=funnels.weekly(own_days, weeks),
            fleet_median=rates.get(one.funnel_id),
            bottleneck=funnels.bottleneck(_shown(one.counts)),
            steps=funnels.steps(_shown(one.counts)),
            cohorts={
                shown(each.cohort): f"{each.counts.users[-1]} of {each.counts.users[0]} users"
                for each in within
                if each.funnel_id == one.funnel_id
                and may_stand_beside(funnels.ends(each.counts), funnels.ends(one.counts))
            },
            route=one.route,
        )
        for one, own_days in zip(own, days, strict=True)
    ]
    return own, answers, [funnels.weekly_entered(each, weeks) for each in days]


async def _medians(work: "Work", span: Period, *, narrowed: bool) -> dict[int, float | None]:
    """The fleet's, by funnel. Who sees some accounts is told none that few others stand behind."""
    rates = await work.funnels.rates(span, LEAST_USERS, of_all=True)
    own = await work.funnels.rates(span, LEAST_USERS) if narrowed else {}
    return {
        funnel_id: funnels.median(each)
        for funnel_id, each in rates.items()
        if not narrowed or enough_others(len(each), len(own.get(funnel_id, [])))
    }


def _shown(counts: FunnelCounts) -> FunnelCounts:
    return counts.model_copy(update={"events": tuple(map(shown, counts.events))})


def _summary(who: Account, answers: list[FunnelAnswer], span: Period) -> str:
    if not answers:
        return f"Nobody at {quoted(who.name)} entered a funnel, {span.words()}."
    told = "; ".join(
        f"{quoted(one.funnel)} {one.conversion:.1%} ({one.finished} of {one.entered} users)"
        for one in answers
        if one.conversion is not None
    )
    return f"{quoted(who.name)}, {span.words()}: {told}."

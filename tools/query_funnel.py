"""How far an account's users get through a funnel, and where they stop."""

from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.funnels import Bottleneck, Funnel, FunnelStep
from handrail.domain.metrics import MeasuredFunnel
from handrail.domain.periods import Period
from handrail.engine import funnels
from handrail.errors import CallerError
from handrail.flows.measure import measure
from tools._answers import AccountAnswer, caveats, days, find, ref, resolve, synced, which
from tools._params import AccountName, FromDate, PeriodChoice, ToDate
from tools._tool import tool

LEAST_USERS = 5
"""Accounts with fewer entrants do not take part in the fleet's median: their rates are noise."""


class FunnelAnswer(BaseModel):
    funnel: str
    entered: int = Field(description="Users who did step 1 inside the period.")
    finished: int
    conversion: float | None = Field(
        description="Users finished over users entered, 0 to 1; null: nobody entered."
    )
    before: float | None = Field(description="Conversion in the period before; null if not measured.")
    fleet_median: float | None = Field(description="Median conversion of accounts with at least 5 entrants.")
    bottleneck: Bottleneck | None = Field(description="The step that loses most users.")
    steps: list[FunnelStep]
    route: str = Field(description="funnels: Mixpanel's own count. export: counted from raw events.")


class AccountFunnels(AccountAnswer):
    funnels: list[FunnelAnswer] = Field(default_factory=list)
    nobody_entered: list[str] = Field(default_factory=list)


@tool(title="Account funnels", effect="read")
async def query_funnel(
    ctx: ToolContext,
    account: AccountName,
    funnel: Annotated[str, Field(description="Part of its name, or id. Empty: all.")] = "",
    period: PeriodChoice = "last_30_days",
    from_date: FromDate = "",
    to_date: ToDate = "",
) -> AccountFunnels:
    """Measure one account's conversion, step by step, with the bottleneck and the fleet's median.

    Use it for "what's the funnel conversion for Acme?" or "where do Acme's users drop off?".
    For who is stuck, use find_struggling_users; for raw activity, use query_events.
    """
    who = await find(ctx, account)
    if isinstance(who, list):
        return AccountFunnels(summary=which(account, who), candidates=who)
    last = await synced(ctx)
    span = resolve(ctx, last, period, from_date, to_date)
    wanted = _named(funnel, await ctx.mixpanel.funnels())
    measured = await measure(ctx, wanted, span)
    async with ctx.store.read() as work:
        before = span.before()
        earlier = await work.metrics.funnels(before) if await work.metrics.reaches(before) else []
    own = [one for one in measured if one.account_id == who.id]
    answers = [_answer(one, measured, earlier) for one in own]
    entered = {one.funnel_id for one in own}
    return AccountFunnels(
        summary=_summary(who, answers, span),
        as_of=min((one.measured_at for one in own), default=last.finished_at),
        account=ref(who),
        period=days(span),
        caveats=await caveats(ctx, last, span),
        funnels=answers,
        nobody_entered=[one.name for one in wanted if one.funnel_id not in entered],
    )


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


def _answer(one: MeasuredFunnel, fleet: list[MeasuredFunnel], earlier: list[MeasuredFunnel]) -> FunnelAnswer:
    peers = [each.counts for each in fleet if each.funnel_id == one.funnel_id]
    rates = [funnels.conversion(counts) for counts in peers if counts.users[0] >= LEAST_USERS]
    before = [
        each for each in earlier if (each.funnel_id, each.account_id) == (one.funnel_id, one.account_id)
    ]
    return FunnelAnswer(
        funnel=one.name,
        entered=one.counts.users[0],
        finished=one.counts.users[-1],
        conversion=funnels.conversion(one.counts),
        before=funnels.conversion(before[0].counts) if before else None,
        fleet_median=funnels.median([rate for rate in rates if rate is not None]),
        bottleneck=funnels.bottleneck(one.counts),
        steps=funnels.steps(one.counts),
        route=one.route,
    )


def _summary(who: Account, answers: list[FunnelAnswer], span: Period) -> str:
    if not answers:
        return f"Nobody at {who.name} entered a funnel, {span.words()}."
    told = "; ".join(
        f"{one.funnel} {one.conversion:.1%} ({one.finished} of {one.entered} users)"
        for one in answers
        if one.conversion is not None
    )
    return f"{who.name}, {span.words()}: {told}."

"""What is sent and what is not: the switches, the brakes, and why an account's people were not mailed."""

from typing import Annotated, Literal

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.guards import Fate, SwitchChange
from handrail.domain.periods import Period
from handrail.engine.periods import last_complete_day
from handrail.engine.text import quoted
from handrail.errors import CallerError, NotYours
from handrail.flows.deliver import reason_words
from tools._answers import AccountAnswer, days, find, ref, which
from tools._params import OptionalAccount, OptionalFeature
from tools._tool import tool

OF_ACCOUNT = "account:"
DAYS = 30
"""Nights whose decisions on an account's people are counted."""


class SendingControl(AccountAnswer):
    mode: str = Field("", description="off, review or auto.")
    paused: list[str] = Field(default_factory=list)
    brakes: list[str] = Field(default_factory=list, description="Those that hold, and why.")
    last_change: str = ""
    mailed: int = Field(0, description="People of the account.")
    withheld: dict[str, int] = Field(default_factory=dict, description="People of the account by reason.")


@tool(title="Control sending", effect="write", reach="accounts")
async def control_sending(
    ctx: ToolContext,
    action: Annotated[Literal["status", "pause", "resume"], Field(description="What to do.")] = "status",
    account: OptionalAccount = "",
    feature: OptionalFeature = "",
) -> SendingControl:
    """Tell what stops mail, or pause and resume it: all of it, one account's or one feature's.

    Use it for "why was nobody at Acme mailed?" (status with the account) or "stop all mail now".
    For what the mails did, use get_tutorial_results.
    """
    who = await find(ctx, account) if account.strip() else None
    if isinstance(who, list):
        return SendingControl(summary=which(account, who), candidates=who)
    if who and feature and action != "status":
        raise CallerError("Give an account or a feature, not both.")
    slug = ctx.kb.feature(feature).slug if feature else ""
    scope = f"{OF_ACCOUNT}{who.id}" if who else f"feature:{slug}" if slug else "all"
    now = ctx.clock.now()
    if action != "status":
        await _switch(ctx, action, scope)
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
        # Mixpanel is not asked: the switch has to work while it does not.
        zone = last.zone if last else "UTC"
        period = Period.of_days(DAYS, last_complete_day(now, zone), zone)
        scopes = await work.deliveries.pauses()
        change = await work.guards.last_change()
        named = [each for each in (*scopes, change.scope if change else "") if each.startswith(OF_ACCOUNT)]
        theirs = await work.accounts.by_ids([each.removeprefix(OF_ACCOUNT) for each in named])
        names = {f"{OF_ACCOUNT}{each.id}": each.name for each in theirs}
        report = await work.nights.report()
        brakes = [
            f"{each.kind.value}: {each.words} (night of {each.night})"
            for each in await work.guards.brakes()
            if each.holds(report.night if report else each.night)
        ]
        fate = await work.guards.fate(who.id, period) if who else Fate()
    mode = ctx.settings.send_mode.value
    paused = [names.get(each, each) for each in scopes]
    told = [quoted(names[each]) if each in names else each for each in scopes]
    return SendingControl(
        summary=_summary(mode, told, brakes, who, fate),
        as_of=now,
        account=ref(who) if who else None,
        period=days(period) if who else None,
        mode=mode,
        paused=paused,
        brakes=brakes,
        last_change=_last_change(change, names),
        mailed=fate.mailed,
        withheld=fate.withheld,
    )


async def _switch(ctx: ToolContext, action: Literal["pause", "resume"], scope: str) -> None:
    if ctx.sees and not scope.startswith(OF_ACCOUNT):
        raise NotYours("You may hold your own accounts: name one. Ask somebody who sees all for the rest.")
    now = ctx.clock.now()
    async with ctx.whole.store.begin() as work:
        if action == "pause":
            await work.deliveries.pause(scope, now)
        else:
            await work.deliveries.resume(scope)
            if scope == "all":
                await work.guards.release(now)
        await work.guards.record(SwitchChange(at=now, actor=ctx.actor, action=action, scope=scope))


def _last_change(change: SwitchChange | None, names: dict[str, str]) -> str:
    if change is None:
        return ""
    scope = names.get(change.scope, change.scope)
    return f"{change.action} {scope}, by {change.actor}, {change.at:%Y-%m-%d %H:%M} UTC"


def _summary(mode: str, paused: list[str], brakes: list[str], who: Account | None, fate: Fate) -> str:
    told = [
        f"Sending mode {mode}; paused: {', '.join(paused) or 'nothing'}; "
        f"brakes: {'; '.join(brakes) or 'none'}."
    ]
    if who:
        why = ", ".join(f"{people} {reason_words(reason)}" for reason, people in fate.withheld.items())
        told.append(
            f"At {quoted(who.name)} in the last {DAYS} days: people mailed {fate.mailed}; "
            f"not mailed, by reason: {why or 'nobody'}."
        )
    return " ".join(told)

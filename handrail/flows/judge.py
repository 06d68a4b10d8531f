"""Judging one mail: what is known of it, asked of the policy, and what the answer means for its row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.deliveries import Delivery, History, Reason, Status
from handrail.engine import holdout, keys, policy, send_hours
from handrail.engine.accounts import elsewhere
from handrail.flows import brakes
from handrail.flows.look import Case, Now
from handrail.settings import SendMode

if TYPE_CHECKING:
    from handrail.store import Work

KEPT_WAITING = timedelta(hours=24)
"""So long after its hours began, a mail that could not leave is withheld for good: its news is old."""

_PASSING = frozenset({Reason.BRAKED, Reason.NOT_CHECKED, Reason.RESTORED, Reason.SENDER_DOWN})


class Ask(NamedTuple):
    """A mail to decide on: the row to be, and what an earlier decision of the same night left."""

    case: Case
    planned: Delivery
    earlier: Delivery | None


async def judge(ctx: ToolContext, work: "Work", asked: Ask, now: Now) -> Delivery:
    """The row as the policy leaves it, inside the transaction that keeps it: sending, planned or withheld."""
    return (await judge_all(ctx, work, [asked], now))[0]


async def judge_all(ctx: ToolContext, work: "Work", asked: Sequence[Ask], now: Now) -> list[Delivery]:
    """Their rows as the policy leaves them. None of them counts for the caps of another: ask one at a time
    where more than one may leave.
    """
    rows = [each.planned for each in asked]
    histories = await work.histories.of(
        rows,
        now=ctx.clock.now(),
        cooldown=timedelta(days=ctx.settings.cooldown_days),
        feature_cooldown=timedelta(days=ctx.settings.feature_cooldown_days),
    )
    wanted = {account for each in rows for account in each.account_ids}
    accounts = {each.id: each for each in await work.accounts.by_ids(sorted(wanted))}
    braked = {night: await brakes.braked(work, night) for night in {each.night for each in rows}}
    troubled = {
        (night, feature): bool(await work.guards.problems(night, feature))
        for night, feature in {(each.night, each.feature) for each in rows}
    }
    old = await work.restores.holding(ctx.clock.now()) is not None
    decided = []
    for case, row, earlier in asked:
        at = row.decided_at
        opens = _opens(ctx, case, now, at)
        planned = row if earlier is None else row.model_copy(update={"review_id": earlier.review_id})
        facts = _facts(
            ctx,
            case,
            now,
            history=histories[row.id],
            told=await _suppressed(ctx, work, case, now),
            accounts=[accounts[each] for each in row.account_ids if each in accounts],
            approved=await _approved(ctx, work, case, planned),
            restored=old,
            braked=braked[row.night],
            data_problem=troubled[row.night, row.feature],
            in_hours=opens <= at and not _expired(earlier, at),
        )
        decided.append(await _decided(ctx, work, facts, planned, earlier, now, opens))
    return decided


async def _decided(
    ctx: ToolContext,
    work: "Work",
    facts: policy.Facts,
    planned: Delivery,
    earlier: Delivery | None,
    now: Now,
    opens: datetime,
) -> Delivery:
    limits = policy.Limits(account_cap=ctx.settings.account_cap, run_cap=ctx.settings.run_cap)
    decision = policy.decide(facts, limits)
    if isinstance(decision, policy.Send) and await brakes.pulls(work, planned.night, planned.decided_at):
        decision = policy.Withhold(Reason.BRAKED)
    if isinstance(decision, policy.Withhold):
        return _withheld(planned, decision.reason, opens, earlier, now)
    return planned


async def _suppressed(ctx: ToolContext, work: "Work", case: Case, now: Now) -> str | None:
    """Why the mail service will not deliver to this address, if it will not."""
    contact = now.contacts.get(case.struggle.user_key)
    if contact is None or not contact.email:
        return None
    return await work.feedback.suppressed(keys.address_key(ctx.secret, contact.email))


async def _approved(ctx: ToolContext, work: "Work", case: Case, planned: Delivery) -> bool:
    if case.tutorial is None or ctx.settings.send_mode is not SendMode.REVIEW:
        return False
    return await work.reviews.may_go(planned.review_id, planned.signature, keys.text_hash(case.tutorial))


def _withheld(
    planned: Delivery, reason: Reason, opens: datetime, earlier: Delivery | None, now: Now
) -> Delivery:
    """Not to be sent, or not yet: outside the person's hours, or while a neighbour fails a planned mail."""
    kept = earlier.expires_at if earlier else None
    expires = kept or opens + KEPT_WAITING
    was_planned = earlier is not None and earlier.status is Status.PLANNED
    waits = reason is Reason.QUIET_HOURS or (was_planned and reason in _PASSING)
    if reason is Reason.SENDER_DOWN and _busy(now, planned.decided_at) and not now.sender_down:
        return planned.model_copy(
            update={
                "status": Status.PLANNED,
                "reason": reason.value,
                "due_at": now.sender_busy_until,
                "expires_at": kept,
            }
        )
    if waits and planned.decided_at < expires:
        return planned.model_copy(
            update={"status": Status.PLANNED, "reason": reason.value, "due_at": opens, "expires_at": expires}
        )
    return planned.model_copy(update={"status": Status.WITHHELD, "reason": reason.value, "expires_at": kept})


def _busy(now: Now, at: datetime) -> bool:
    """Whether the mail service asked to be left alone for the moment."""
    return now.sender_busy_until is not None and at < now.sender_busy_until


def _expired(earlier: Delivery | None, at: datetime) -> bool:
    return earlier is not None and earlier.expires_at is not None and earlier.expires_at <= at


def _opens(ctx: ToolContext, case: Case, now: Now, at: datetime) -> datetime:
    """`at` if the person may be mailed at this hour, else when their hours begin."""
    hours = ctx.settings.send_hours
    if hours is None:
        return at
    contact = now.contacts.get(case.struggle.user_key)
    return send_hours.next_window(at, send_hours.known_zone(contact and contact.zone, now.zone), hours)


def _facts(
    ctx: ToolContext,
    case: Case,
    now: Now,
    *,
    history: History,
    told: str | None,
    accounts: Sequence[Account],
    approved: bool,
    restored: bool,
    braked: bool,
    data_problem: bool,
    in_hours: bool,
) -> policy.Facts:
    contact = now.contacts.get(case.struggle.user_key)
    address = contact.email if contact else ""
    struggle = case.struggle
    mails, active = _tightest(history, struggle.account_ids, ctx.settings.account_cap)
    return policy.Facts(
        paused=history.paused,
        mode=ctx.settings.send_mode.value,
        restored=restored,
        braked=braked,
        sender_down=now.sender_down or _busy(now, ctx.clock.now()),
        data_problem=data_problem,
        consent_refused=contact.consent_refused if contact else False,
        suppressed=history.suppressed or told in ("bounced", "complained"),
        unsubscribed=history.unsubscribed
        or told == "unsubscribed"
        or (contact.opted_out if contact else False),
        account_opted_out=any(account.opted_out for account in accounts),
        internal_address=any(account.internal for account in accounts) or _is_internal(ctx, address),
        domain_mismatch=ctx.settings.require_account_domain and elsewhere(address, accounts),
        already_sent=history.already_sent,
        mailed_within_cooldown=history.mailed_within_cooldown,
        account_mails_this_week=mails,
        account_active_users=active,
        run_mails=history.run_mails,
        succeeded_since=(struggle.user_key, struggle.feature) in now.succeeded,
        checked=now.checked,
        held_out=holdout.held_out(struggle.user_key, ctx.settings.holdout, volume=history.feature_volume),
        in_send_hours=in_hours,
        has_document=case.feature is not None,
        approved=approved,
        grounded=case.tutorial is not None,
        has_address=bool(address),
    )


def _tightest(history: History, accounts: Sequence[str], cap: float) -> tuple[int, int]:
    """Of several accounts the one with the least room counts: (mails this week, active users)."""
    rows = [
        (history.account_mails_this_week.get(each, 0), history.account_active_users.get(each, 0))
        for each in accounts
    ]
    return min(rows, key=lambda row: policy.weekly_cap(row[1], cap) - row[0], default=(0, 0))


def _is_internal(ctx: ToolContext, address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return bool(domain) and domain in ctx.settings.internal_domains

"""Sending: asked of the policy in one transaction, claimed before the request leaves, settled after."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, History, Reason, Status
from handrail.domain.features import Feature
from handrail.domain.struggles import Struggle
from handrail.domain.tutorials import Tutorial
from handrail.engine import holdout, keys, policy, send_hours
from handrail.errors import BrokenExport, CallerError, UpstreamError
from handrail.flows.sync import read_events
from handrail.settings import SendMode

if TYPE_CHECKING:
    from handrail.services.mail.compose import Mail
    from handrail.services.people import Contact

BLOCK = 25
"""People whose address and later success are asked for together, seconds before their mails leave."""

KEPT_WAITING = timedelta(hours=24)
"""So long after its hours began, a mail that could not leave is withheld for good: its news is old."""

_PASSING = frozenset({Reason.NOT_CHECKED, Reason.SENDER_DOWN})

STALE = timedelta(seconds=60)
"""What was asked longer ago is asked again before the next mail leaves."""


@dataclass(frozen=True)
class Case:
    """One mail to decide on: a struggle, its document, and the tutorial if there is one."""

    struggle: Struggle
    feature: Feature | None
    tutorial: Tutorial | None
    night: date


@dataclass
class Now:
    """What Mixpanel says seconds before the send. It lives in memory and is thrown away with the block."""

    checked: bool
    at: datetime
    zone: str = "UTC"
    """The project's; of people whose own zone is not known."""
    sender_down: bool = False
    contacts: "dict[str, Contact]" = field(default_factory=dict)
    succeeded: set[tuple[str, str]] = field(default_factory=set)
    """(user key, feature) of everybody who succeeded after their last attempt."""


@dataclass(frozen=True)
class Tokens:
    """The mail's own links; known to the person and to the `links` table only."""

    click: str = field(repr=False)
    unsubscribe: str = field(repr=False)


@dataclass(frozen=True)
class Delivered:
    delivery: Delivery
    stop: bool = False
    """No further mail of this run can get through."""


async def look_now(ctx: ToolContext, cases: Sequence[Case]) -> Now:
    """Ask Mixpanel again about these people: address, opt-out, and success since the last attempt."""
    at = ctx.clock.now()
    zone = await ctx.zone()
    try:
        contacts = await ctx.people.fetch({case.struggle.user_key for case in cases})
        return Now(checked=True, at=at, zone=zone, contacts=contacts, succeeded=await _succeeded(ctx, cases))
    except (UpstreamError, BrokenExport, CallerError):
        return Now(checked=False, at=at, zone=zone)


async def _succeeded(ctx: ToolContext, cases: Sequence[Case]) -> set[tuple[str, str]]:
    known = [case for case in cases if case.feature is not None]
    if not known:
        return set()
    zone = await ctx.zone()
    success = {case.feature.slug: case.feature.events.success for case in known if case.feature}
    first = min(case.struggle.last_attempt for case in known).astimezone(UTC).date() - timedelta(days=1)
    # Today's incomplete day counts here: a success of an hour ago must stop the mail.
    table = await read_events(
        ctx, zone, first, ctx.clock.now().date() + timedelta(days=1), events=sorted(set(success.values()))
    )
    try:
        latest: dict[tuple[str, str], int] = {}
        for user_key, events in table.by_user(sorted(set(success.values()))):
            for event in events:
                latest[user_key, event.name] = max(latest.get((user_key, event.name), 0), event.time)
    finally:
        table.close()
    return {
        (case.struggle.user_key, case.struggle.feature)
        for case in known
        if latest.get((case.struggle.user_key, success[case.struggle.feature]), 0)
        >= case.struggle.last_attempt.timestamp()
    }


async def deliver(ctx: ToolContext, case: Case, now: Now) -> Delivered:
    """Decide on one mail, and send it if nothing stands against it. Safe to repeat."""
    tokens = Tokens(click=secrets.token_urlsafe(16), unsubscribe=secrets.token_urlsafe(16))
    delivery, won = await _claim(ctx, case, now, tokens)
    if not won:
        return Delivered(delivery)
    contact = now.contacts[case.struggle.user_key]
    outcome = await ctx.mail.send(_mail(ctx, case, contact, tokens), contact, delivery.id)
    status = {"accepted": Status.SENT, "unclear": Status.UNKNOWN}.get(outcome.kind, Status.FAILED)
    async with ctx.store.begin() as work:
        await work.deliveries.settle(delivery.id, status, outcome.detail)
    return Delivered(_changed(delivery, status=status, detail=outcome.detail), stop=outcome.stop)


async def _claim(ctx: ToolContext, case: Case, now: Now, tokens: Tokens) -> tuple[Delivery, bool]:
    """Ask the policy and write its answer down in one transaction; True if this call may send."""
    planned = _planned(ctx, case)
    opens = _opens(ctx, case, now, planned.decided_at)
    async with ctx.store.begin() as work:
        earlier = await work.deliveries.get(planned.id)
        if earlier is not None and earlier.status in MAY_HAVE_ARRIVED:
            return earlier, False
        history = await work.deliveries.history(
            planned,
            now=planned.decided_at,
            cooldown=timedelta(days=ctx.settings.cooldown_days),
            feature_cooldown=timedelta(days=ctx.settings.feature_cooldown_days),
        )
        accounts = await work.accounts.by_ids(case.struggle.account_ids)
        decision = policy.decide(
            _facts(
                ctx,
                case,
                now,
                history=history,
                accounts=accounts,
                in_hours=opens <= planned.decided_at and not _expired(earlier, planned.decided_at),
            ),
            policy.Limits(account_cap=ctx.settings.account_cap, run_cap=ctx.settings.run_cap),
        )
        if isinstance(decision, policy.Withhold):
            planned = _withheld(planned, decision.reason, opens, earlier)
        await work.deliveries.keep(planned)
        if isinstance(decision, policy.Send):
            target = _guide_url(case)
            await work.deliveries.add_link(tokens.click, planned.id, "click", target, planned.decided_at)
            await work.deliveries.add_link(
                tokens.unsubscribe, planned.id, "unsubscribe", "", planned.decided_at
            )
    return planned, isinstance(decision, policy.Send)


def _withheld(planned: Delivery, reason: Reason, opens: datetime, earlier: Delivery | None) -> Delivery:
    """Not to be sent, or not yet: outside the person's hours, or while a neighbour fails a planned mail."""
    kept = earlier.expires_at if earlier else None
    expires = kept or opens + KEPT_WAITING
    was_planned = earlier is not None and earlier.status is Status.PLANNED
    waits = reason is Reason.QUIET_HOURS or (was_planned and reason in _PASSING)
    if waits and planned.decided_at < expires:
        return _changed(planned, status=Status.PLANNED, reason=reason.value, due_at=opens, expires_at=expires)
    return _changed(planned, status=Status.WITHHELD, reason=reason.value, expires_at=kept)


def _expired(earlier: Delivery | None, at: datetime) -> bool:
    return earlier is not None and earlier.expires_at is not None and earlier.expires_at <= at


def _opens(ctx: ToolContext, case: Case, now: Now, at: datetime) -> datetime:
    """`at` if the person may be mailed at this hour, else when their hours begin."""
    hours = ctx.settings.send_hours
    if hours is None:
        return at
    contact = now.contacts.get(case.struggle.user_key)
    return send_hours.next_window(at, send_hours.known_zone(contact and contact.zone, now.zone), hours)


def _guide_url(case: Case) -> str:
    """Where the mail's button leads: the stuck step in the company's own documentation."""
    if case.feature is None:
        return ""
    step = case.feature.step(case.struggle.stuck_step)
    return step.url if step else case.feature.url


def _mail(ctx: ToolContext, case: Case, contact: "Contact", tokens: Tokens) -> "Mail":
    from handrail.services.mail.compose import compose  # noqa: PLC0415  (templates, only when a mail leaves)

    if case.tutorial is None or case.feature is None:
        raise CallerError("There is no tutorial to send.")
    return compose(
        case.tutorial,
        case.feature,
        ctx.mail.sender,
        first_name=contact.first_name,
        click=tokens.click,
        unsubscribe=tokens.unsubscribe,
    )


def _planned(ctx: ToolContext, case: Case) -> Delivery:
    return Delivery(
        id=keys.delivery_id(case.night, case.struggle.user_key, case.struggle.feature),
        night=case.night,
        user_key=case.struggle.user_key,
        feature=case.struggle.feature,
        account_ids=case.struggle.account_ids,
        actor=ctx.actor,
        tutorial_id=case.tutorial.id if case.tutorial else "",
        signature=case.struggle.signature.key,
        status=Status.SENDING,
        reason="",
        detail="",
        decided_at=ctx.clock.now(),
    )


def _changed(delivery: Delivery, **values: Any) -> Delivery:
    return delivery.model_copy(update=values)


def _facts(
    ctx: ToolContext,
    case: Case,
    now: Now,
    *,
    history: History,
    accounts: Sequence[Account],
    in_hours: bool,
) -> policy.Facts:
    contact = now.contacts.get(case.struggle.user_key)
    address = contact.email if contact else ""
    struggle = case.struggle
    mails, active = _tightest(history, struggle.account_ids, ctx.settings.account_cap)
    return policy.Facts(
        paused=history.paused,
        mode=ctx.settings.send_mode.value,
        sender_down=now.sender_down,
        consent_refused=contact.consent_refused if contact else False,
        suppressed=history.suppressed,
        unsubscribed=history.unsubscribed or (contact.opted_out if contact else False),
        account_opted_out=any(account.opted_out for account in accounts),
        internal_address=any(account.internal for account in accounts) or _is_internal(ctx, address),
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


def needs_no_look(ctx: ToolContext) -> bool:
    """Whether the policy will say no before it asks about the person: then no address is fetched."""
    return ctx.settings.send_mode is SendMode.OFF


def reason_words(reason: str) -> str:
    """A withheld reason in a person's words."""
    return _WORDS.get(Reason(reason), reason) if reason in set(Reason) else reason


_WORDS = {
    Reason.PAUSED: "sending is paused",
    Reason.MODE_OFF: "sending is switched off (HANDRAIL_SEND_MODE)",
    Reason.SENDER_DOWN: "the mail service refused to send anything",
    Reason.NO_CONSENT_BASIS: "the person has refused product help mail",
    Reason.SUPPRESSED: "the address bounced or complained before",
    Reason.UNSUBSCRIBED: "the person unsubscribed",
    Reason.ACCOUNT_OPTED_OUT: "the account opted out",
    Reason.INTERNAL_ADDRESS: "one of our own people",
    Reason.ALREADY_SENT: "got this tutorial before",
    Reason.COOLDOWN: "was mailed within the cool-down",
    Reason.ACCOUNT_CAP: "the account had its mails for this week",
    Reason.RUN_CAP: "the night had its mails",
    Reason.ALREADY_SUCCEEDED: "succeeded since",
    Reason.NOT_CHECKED: "Mixpanel could not be asked again just before sending",
    Reason.HOLDOUT: "held out, to measure what the help does",
    Reason.QUIET_HOURS: "outside the person's working hours for a day",
    Reason.NO_DOCUMENT: "no feature document",
    Reason.NOT_GROUNDED: "no tutorial that the document carries",
    Reason.NEEDS_APPROVAL: "waits for a person's approval",
    Reason.NO_ADDRESS: "no address in Mixpanel",
}

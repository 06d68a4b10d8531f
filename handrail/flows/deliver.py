"""Sending: asked of the policy in one transaction, claimed before the request leaves, settled after."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Reason, Status
from handrail.domain.features import Feature
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys
from handrail.errors import CallerError
from handrail.flows.judge import Ask, judge, judge_all
from handrail.flows.look import Case, Now

if TYPE_CHECKING:
    from handrail.services.mail.compose import Mail
    from handrail.services.mail.sendgrid import Outcome
    from handrail.services.people import Contact

MOST_ATTEMPTS = 5
"""So often is a mail tried that the mail service certainly did not take."""

FIRST_PAUSE = timedelta(minutes=5)
"""Before the second attempt; each further pause is twice as long."""

LONGEST_WAIT = timedelta(hours=1)
"""The mail service may ask for more; it is asked again by then."""


AT_ONCE = 500
"""Decisions in one transaction where no mail can leave."""


def _token() -> str:
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Tokens:
    """The mail's own links, 128 random bits each; known to the person and to the `links` table only."""

    click: str = field(default_factory=_token, repr=False)
    page: str = field(default_factory=_token, repr=False)
    guide: str = field(default_factory=_token, repr=False)
    unsubscribe: str = field(default_factory=_token, repr=False)


@dataclass(frozen=True)
class Claimed:
    """The policy's answer, written down. `contact` is there if this call may send, and must settle it."""

    delivery: Delivery
    contact: "Contact | None" = None
    tokens: Tokens = field(default_factory=Tokens)

    @property
    def won(self) -> bool:
        return self.contact is not None


@dataclass(frozen=True)
class Delivered:
    delivery: Delivery
    stop: bool = False
    """No further mail of this run can get through."""
    busy_until: datetime | None = None
    """The mail service certainly did not take it, and may take it then."""


async def deliver(ctx: ToolContext, case: Case, now: Now) -> Delivered:
    """Decide on one mail, and send it if nothing stands against it. Safe to repeat."""
    claimed = await claim(ctx, case, now)
    return await dispatch(ctx, case, claimed)


async def claim(ctx: ToolContext, case: Case, now: Now) -> Claimed:
    """Ask the policy and write its answer down in one transaction; of several callers one wins the mail."""
    tokens = Tokens()
    row = planned(ctx, case)
    async with ctx.store.begin() as work:
        earlier = await work.deliveries.get(row.id)
        if earlier is not None and earlier.status in MAY_HAVE_ARRIVED:
            return Claimed(earlier)
        row = await judge(ctx, work, Ask(case, row, earlier), now)
        row = await work.deliveries.keep(row)
        if row.status is Status.SENDING:
            for token, purpose, target in _links(case, tokens):
                await work.deliveries.add_link(token, row.id, purpose, target, row.decided_at)
    if row.status is not Status.SENDING:
        return Claimed(row)
    return Claimed(row, now.contacts[case.struggle.user_key], tokens)


async def withhold(ctx: ToolContext, cases: Sequence[Case], now: Now) -> None:
    """Decide on many whom nobody looked up, so that no mail of them can leave; in few transactions."""
    for at in range(0, len(cases), AT_ONCE):
        some = cases[at : at + AT_ONCE]
        rows = [planned(ctx, case) for case in some]
        async with ctx.store.begin() as work:
            earlier = await work.deliveries.among([row.id for row in rows])
            asked = [
                Ask(case, row, before)
                for case, row in zip(some, rows, strict=True)
                if (before := earlier.get(row.id)) is None or before.status not in MAY_HAVE_ARRIVED
            ]
            judged = await judge_all(ctx, work, asked, now)
            if any(row.status is Status.SENDING for row in judged):
                raise RuntimeError("A mail may leave only after its person was looked up.")
            await work.deliveries.keep_all(judged)


async def dispatch(ctx: ToolContext, case: Case, claimed: Claimed) -> Delivered:
    """Send what was claimed, and settle it: sent, unknown, refused, or not taken and tried again later."""
    delivery = claimed.delivery
    if claimed.contact is None:
        return Delivered(delivery)
    mail = _mail(ctx, case, claimed.contact, claimed.tokens)
    outcome = await ctx.mail.send(mail, claimed.contact, delivery.id, fence=ctx.fence)
    again = _again(ctx.clock.now(), delivery, outcome) if outcome.kind == "not_sent" else None
    status = {"accepted": Status.SENT, "unclear": Status.UNKNOWN}.get(outcome.kind, Status.FAILED)
    settled = delivery.model_copy(
        update={
            "status": Status.PLANNED if again else status,
            "reason": Reason.SENDER_DOWN.value if again else "",
            "detail": outcome.detail,
            "due_at": again,
        }
    )
    async with ctx.store.begin() as work:
        await work.deliveries.settle(
            delivery.id, settled.status, settled.detail, reason=settled.reason, due_at=again
        )
    return Delivered(settled, stop=outcome.stop, busy_until=again)


def _again(now: datetime, delivery: Delivery, outcome: "Outcome") -> datetime | None:
    """When a mail that certainly did not leave is tried again; None once it was tried often enough."""
    if delivery.attempts >= MOST_ATTEMPTS:
        return None
    pause: timedelta = FIRST_PAUSE * 2 ** (delivery.attempts - 1)
    asked = timedelta(seconds=min(outcome.wait_seconds, LONGEST_WAIT.total_seconds()))
    return now + max(pause, asked)


def _links(case: Case, tokens: Tokens) -> list[tuple[str, str, str]]:
    """(token, purpose, target): the mail's button opens the page, the page's link opens the guide."""
    return [
        (tokens.click, "click", f"/tutorials/{tokens.page}"),
        (tokens.page, "page", ""),
        (tokens.guide, "guide", _guide_url(case)),
        (tokens.unsubscribe, "unsubscribe", ""),
    ]


def _guide_url(case: Case) -> str:
    """The stuck step in the company's own documentation."""
    if case.feature is None:
        return ""
    step = case.feature.step(case.struggle.stuck_step)
    return step.url if step else case.feature.url


def _mail(ctx: ToolContext, case: Case, contact: "Contact", tokens: Tokens) -> "Mail":
    if case.tutorial is None or case.feature is None:
        raise CallerError("There is no tutorial to send.")
    return mail_of(ctx, case.tutorial, case.feature, contact.first_name, tokens)


def mail_of(
    ctx: ToolContext, tutorial: Tutorial, feature: Feature, first_name: str, tokens: Tokens
) -> "Mail":
    """The mail as its reader gets it."""
    from handrail.services.channel import Channel, Content, Reader  # noqa: PLC0415
    from handrail.services.mail.compose import Email, Mail  # noqa: PLC0415  (only when a mail is formed)
    from handrail.services.mail.picture import picture_of  # noqa: PLC0415

    channel: Channel[Mail] = Email(ctx.mail.sender)
    return channel.form(
        Content(tutorial, feature, picture_of(ctx.kb, feature, tutorial.stuck_step)),
        Reader(first_name, click=tokens.click, unsubscribe=tokens.unsubscribe),
    )


def planned(ctx: ToolContext, case: Case) -> Delivery:
    """The row to be, before anything was asked: sending."""
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


def reason_words(reason: str) -> str:
    """A withheld reason in a person's words."""
    return _WORDS.get(Reason(reason), reason) if reason in set(Reason) else reason


_WORDS = {
    Reason.PAUSED: "sending is paused",
    Reason.MODE_OFF: "sending is switched off (HANDRAIL_SEND_MODE)",
    Reason.RESTORED: "a backup was restored, and what was sent since is not known yet",
    Reason.BRAKED: "a brake stopped the run: bounces, complaints, volume or errors",
    Reason.SENDER_DOWN: "the mail service refused to send anything",
    Reason.DATA_PROBLEM: "the data on this feature cannot be trusted",
    Reason.NO_CONSENT_BASIS: "the person has refused product help mail",
    Reason.SUPPRESSED: "the address bounced or complained before",
    Reason.UNSUBSCRIBED: "the person unsubscribed",
    Reason.ACCOUNT_OPTED_OUT: "the account opted out",
    Reason.INTERNAL_ADDRESS: "one of our own people",
    Reason.DOMAIN_MISMATCH: "the address is of another domain than the account",
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

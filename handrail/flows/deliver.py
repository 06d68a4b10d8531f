"""Sending: asked of the policy in one transaction, claimed before the request leaves, settled after."""

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Reason, Status
from handrail.engine import keys
from handrail.errors import CallerError
from handrail.flows.judge import judge
from handrail.flows.look import Case, Now

if TYPE_CHECKING:
    from handrail.services.mail.compose import Mail
    from handrail.services.people import Contact


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
class Delivered:
    delivery: Delivery
    stop: bool = False
    """No further mail of this run can get through."""


async def deliver(ctx: ToolContext, case: Case, now: Now) -> Delivered:
    """Decide on one mail, and send it if nothing stands against it. Safe to repeat."""
    tokens = Tokens()
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
    row = planned(ctx, case)
    async with ctx.store.begin() as work:
        earlier = await work.deliveries.get(row.id)
        if earlier is not None and earlier.status in MAY_HAVE_ARRIVED:
            return earlier, False
        row = await judge(ctx, work, case, now, row, earlier)
        await work.deliveries.keep(row)
        if row.status is Status.SENDING:
            for token, purpose, target in _links(case, tokens):
                await work.deliveries.add_link(token, row.id, purpose, target, row.decided_at)
    return row, row.status is Status.SENDING


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


def _changed(delivery: Delivery, **values: Any) -> Delivery:
    return delivery.model_copy(update=values)


def reason_words(reason: str) -> str:
    """A withheld reason in a person's words."""
    return _WORDS.get(Reason(reason), reason) if reason in set(Reason) else reason


_WORDS = {
    Reason.PAUSED: "sending is paused",
    Reason.MODE_OFF: "sending is switched off (HANDRAIL_SEND_MODE)",
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

"""One question a day after a mail, to who has not succeeded: did it work? Under the same rules, once."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, FollowUp, Reason, Status
from handrail.ending import ENDING
from handrail.engine.brakes import STREAK
from handrail.flows.judge import Ask, judge
from handrail.flows.look import BLOCK, STALE, Case, Now, look_now, needs_no_look

AFTER = timedelta(hours=24)

UNTIL = timedelta(hours=96)
"""Over a weekend the person's hours begin so late; after that nobody remembers the mail."""

AGAIN = timedelta(hours=1)
"""While a neighbour fails, a question waits so long."""

ABANDONED = timedelta(minutes=10)
"""What has been leaving for so long is not leaving any more."""

_WAITS = frozenset({Reason.NOT_CHECKED.value, Reason.SENDER_DOWN.value})


class Asked(BaseModel):
    """How many questions were decided on, and how many left."""

    model_config = ConfigDict(frozen=True)

    decided: int = 0
    sent: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Question:
    """A mail that left, and what its night kept of it."""

    delivery: Delivery
    case: Case | None


@dataclass(frozen=True)
class _Claim:
    """The row as it is kept, and the tokens of the mail that it asks about."""

    row: FollowUp
    won: bool = False
    """Whether this call may send it."""
    page: str = ""
    unsubscribe: str = ""


async def follow_up(ctx: ToolContext) -> Asked:
    """Decide on every question that is due, and send what may be sent. Safe to repeat: none leaves twice.

    Nothing is done unless HANDRAIL_FOLLOW_UP is on and mail may leave at all.
    """
    if not ctx.settings.follow_up or needs_no_look(ctx):
        return Asked()
    ctx.mail.require()
    questions = await _due(ctx)
    ctx.people.expect(each.delivery.user_key for each in questions)
    now, made = Now(checked=False, at=ctx.clock.now()), list[FollowUp]()
    for index, each in enumerate(questions):
        if index == 0 or ctx.clock.now() - now.at > STALE:
            now = await look_now(ctx, [one.case for one in questions[index:] if one.case])
        await ENDING.pass_by()
        with ENDING.leaving():
            made.append(await _ask(ctx, each, now))
        if made[-1].reason == Reason.SENDER_DOWN.value:
            return _asked(made, "The mail service refuses to send: the questions wait.")
        if _streak(made):
            return _asked(made, f"{STREAK} questions in a row failed or stayed unclear: the others wait.")
    return _asked(made)


def _streak(made: list[FollowUp]) -> bool:
    """Whether the newest that left were not taken, as the brake of a night counts its mails."""
    left = [each.status for each in made if each.status in (Status.SENT, Status.FAILED, Status.UNKNOWN)]
    return len(left) >= STREAK and Status.SENT not in left[-STREAK:]


def _asked(made: list[FollowUp], *notes: str) -> Asked:
    return Asked(decided=len(made), sent=sum(each.status is Status.SENT for each in made), notes=notes)


async def _due(ctx: ToolContext) -> list[_Question]:
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        await work.follow_ups.interrupted(now - ABANDONED)
    async with ctx.store.read() as work:
        ids = await work.follow_ups.due(now, after=AFTER, until=UNTIL, limit=BLOCK)
        mails = [mail for each in ids if (mail := await work.deliveries.get(each))]
        texts = {each: await work.nights.tutorial(each) for each in {mail.tutorial_id for mail in mails}}
        struggles = await work.nights.struggles_of([mail.id for mail in mails])
    found = []
    for mail in mails:
        one = struggles.get(mail.id)
        text = texts[mail.tutorial_id]
        case = Case(one, ctx.kb.find(mail.feature), text, mail.night) if one else None
        found.append(_Question(mail, case))
    return found


async def _ask(ctx: ToolContext, question: _Question, now: Now) -> FollowUp:
    from handrail.services.mail.compose import ask_after  # noqa: PLC0415  (templates, only when a mail leaves)

    claim = await _claim(ctx, question, now)
    if not claim.won or question.case is None or question.case.feature is None:
        return claim.row
    contact = now.contacts[question.delivery.user_key]
    mail = ask_after(
        question.case.feature.title,
        ctx.mail.sender,
        first_name=contact.first_name,
        page=claim.page,
        unsubscribe=claim.unsubscribe,
    )
    outcome = await ctx.mail.send(mail, contact, question.delivery.id, fence=ctx.fence)
    if outcome.stop or outcome.kind == "not_sent":
        changes = _waiting(ctx, Reason.SENDER_DOWN.value)
    else:
        status = {"accepted": Status.SENT, "unclear": Status.UNKNOWN}.get(outcome.kind, Status.FAILED)
        changes = {"status": status}
    row = claim.row.model_copy(update={**changes, "detail": outcome.detail})
    async with ctx.store.begin() as work:
        await work.follow_ups.keep(row)
    return row


async def _claim(ctx: ToolContext, question: _Question, now: Now) -> _Claim:
    """Ask the policy and write its answer down in one transaction, before anything leaves."""
    at, delivery = ctx.clock.now(), question.delivery
    row = FollowUp(delivery_id=delivery.id, status=Status.WITHHELD, decided_at=at)
    async with ctx.store.begin() as work:
        earlier = await work.follow_ups.get(delivery.id)
        if earlier is not None and earlier.status is not Status.PLANNED:
            return _Claim(earlier)
        if question.case is None or not await work.follow_ups.unanswered(delivery.id):
            row = row.model_copy(update={"detail": "nothing to ask"})
            await work.follow_ups.keep(row)
            return _Claim(row)
        # The mail itself does not count for its own cool-down, and what its night mailed not for this run.
        new = {"status": Status.SENDING, "reason": "", "night": at.date(), "decided_at": at}
        ask = Ask(question.case, delivery.model_copy(update=new), None)
        judged = await judge(ctx, work, ask, now)
        row = _row(ctx, row, judged)
        await work.follow_ups.keep(row)
        page = await work.deliveries.link(delivery.id, "page")
        unsubscribe = await work.deliveries.link(delivery.id, "unsubscribe")
    return _Claim(row, row.status is Status.SENDING, page or "", unsubscribe or "")


def _row(ctx: ToolContext, row: FollowUp, judged: Delivery) -> FollowUp:
    """What the policy says of the mail, as it holds for the question."""
    if judged.reason in _WAITS:
        return row.model_copy(update=_waiting(ctx, judged.reason))
    return row.model_copy(update={"status": judged.status, "reason": judged.reason, "due_at": judged.due_at})


def _waiting(ctx: ToolContext, reason: str) -> dict[str, object]:
    return {"status": Status.PLANNED, "reason": reason, "due_at": ctx.clock.now() + AGAIN}

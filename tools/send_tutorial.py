"""Send one person the tutorial for what they are stuck at, if the policy allows it."""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.struggles import Struggle
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.flows.deliver import deliver, reason_words
from handrail.flows.look import Case, look_now
from handrail.settings import SendMode
from tools._answers import Answer
from tools._params import FeatureSlug
from tools._tool import Question, tool
from tools.draft_tutorial import draft_tutorial


class SentTutorial(Answer):
    status: Status | None = Field(None, description="Null: it waits for the person's yes.")
    reason: str = Field("", description="Why it was withheld, as a code; empty if it was not.")
    delivery_id: str = ""
    mail: str = Field("", description="What waits for a yes: show it whole.")
    confirm: str = Field("", description="The code of a yes to this very mail.")


Confirm = Annotated[
    str, Field(description="The code of an earlier answer, only after the person said yes.", max_length=60)
]
UserKey = Annotated[str, Field(description="From find_struggling_users.", min_length=12, max_length=64)]


async def _ask(ctx: ToolContext, user_key: str, feature: str, confirm: str) -> Question:
    """The question that goes with the arguments. `confirm` is what a yes makes good for."""
    case, tutorial = await _case(ctx, user_key, feature)
    return Question(await _words(ctx, case, tutorial), _code(ctx, case, tutorial))


@tool(title="Send a tutorial", effect="send", ask=_ask, reach="accounts")
async def send_tutorial(
    ctx: ToolContext, user_key: UserKey, feature: FeatureSlug, confirm: Confirm = ""
) -> SentTutorial:
    """Mail one struggling person the checked tutorial. Asks the sending rules first; sends at most once.

    Use it for "yes, send it to them". The person you talk to is asked before anything leaves.
    To read the text first, use draft_tutorial.
    """
    case, tutorial = await _case(ctx, user_key, feature)
    if not confirm:
        return SentTutorial(
            summary="Nothing was sent. Show the mail; if the person agrees, call again with this code in "
            f"`confirm` within {keys.CONFIRMED_FOR // timedelta(minutes=1)} minutes.",
            mail=await _words(ctx, case, tutorial),
            confirm=_code(ctx, case, tutorial),
        )
    if not keys.confirms(ctx.secret, confirm, *_bound(case, tutorial), ctx.clock.now()):
        raise CallerError(
            "Nothing was sent: the code is of another text or person, or too old. "
            "Call again without `confirm` and show the mail anew."
        )
    # The person is of an account that the caller sees; the rules go by all of the person's.
    done = (await deliver(ctx.whole, case, await look_now(ctx.whole, [case]))).delivery
    return SentTutorial(
        summary=_summary(done),
        as_of=done.decided_at,
        status=done.status,
        reason=done.reason,
        delivery_id=done.id,
    )


async def _case(ctx: ToolContext, user_key: str, feature: str) -> tuple[Case, Tutorial]:
    """The mail that would leave."""
    if ctx.settings.send_mode is not SendMode.OFF:
        ctx.mail.require()
    night, struggle = await _struggle(ctx, user_key, feature)
    drafted = await draft_tutorial(
        ctx,
        feature=feature,
        stuck_step=struggle.stuck_step,
        reason=struggle.signature.reason,
        ever_succeeded=struggle.successes > 0,
    )
    document, tutorial = ctx.kb.feature(feature), drafted.tutorial
    return Case(struggle=struggle, feature=document, tutorial=tutorial, night=night), tutorial


async def _words(ctx: ToolContext, case: Case, tutorial: Tutorial) -> str:
    """Whom the mail would go to, and all of its words."""
    async with ctx.store.read() as work:
        accounts = await work.accounts.by_ids(case.struggle.account_ids)
    at = ", ".join(shown(each.name) for each in accounts) or "no account"
    steps = (f"{number}. {step.text}" for number, step in enumerate(tutorial.steps, 1))
    return "\n".join(
        [
            f"Send this mail to one person ({case.struggle.user_key[:12]}, {at})?",
            "",
            f"Subject: {tutorial.subject}",
            tutorial.intro,
            *steps,
        ]
    )


def _bound(case: Case, tutorial: Tutorial) -> tuple[str, str, str]:
    """What a yes is bound to: person, feature, and every word of the text."""
    return case.struggle.user_key, case.struggle.feature, keys.text_hash(tutorial)


def _code(ctx: ToolContext, case: Case, tutorial: Tutorial) -> str:
    return keys.confirmation(ctx.secret, *_bound(case, tutorial), ctx.clock.now())


async def _struggle(ctx: ToolContext, user_key: str, feature: str) -> tuple[date, Struggle]:
    """What the last night that judged anybody found of the person, and that night."""
    async with ctx.store.read() as work:
        night = await work.nights.last_struggle_night()
        found = await work.nights.struggles(night, feature, key=user_key, limit=2) if night else []
    if night is None or len(found) != 1:
        raise CallerError(
            f"Nobody with that key struggles with {feature!r}. Ask find_struggling_users first."
        )
    return night, found[0]


def _summary(done: Delivery) -> str:
    if done.status is Status.WITHHELD:
        return f"Not sent: {reason_words(done.reason)}."
    return {
        Status.PLANNED: "Planned: it leaves when the person's working hours begin, if the rules allow it.",
        Status.SENT: "Sent: SendGrid has taken the mail.",
        Status.SENDING: "Another process is sending this very mail.",
        Status.UNKNOWN: "Unclear whether it left; it will not be sent again blindly.",
    }.get(done.status, f"Not sent: the mail service refused it ({done.detail}).")

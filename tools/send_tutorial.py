"""Send one person the tutorial for what they are stuck at, if the policy allows it."""

from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.struggles import Struggle
from handrail.errors import CallerError
from handrail.flows.deliver import deliver, reason_words
from handrail.flows.look import Case, look_now
from handrail.settings import SendMode
from tools._answers import Answer
from tools._params import FeatureSlug
from tools._tool import tool
from tools.draft_tutorial import draft_tutorial


class SentTutorial(Answer):
    status: Status
    reason: str = Field(description="Why it was withheld, as a code; empty if it was not.")
    delivery_id: str


@tool(title="Send a tutorial", effect="send")
async def send_tutorial(
    ctx: ToolContext,
    user_key: Annotated[str, Field(description="From find_struggling_users.", min_length=12, max_length=64)],
    feature: FeatureSlug,
    confirm: Annotated[bool, Field(description="True only after the person you talk to said yes.")] = False,
) -> SentTutorial:
    """Mail one struggling person the checked tutorial. Asks the sending rules first; sends at most once.

    Use it only after the person you talk to has read the draft and agreed: "yes, send it to them".
    To read the text first, use draft_tutorial.
    """
    if not confirm:
        raise CallerError(
            "Nothing was sent. Show the draft; if the person agrees, call again with confirm=true."
        )
    if ctx.settings.send_mode is not SendMode.OFF:
        ctx.mail.require()
    struggle = await _struggle(ctx, user_key, feature)
    document = ctx.kb.feature(feature)
    drafted = await draft_tutorial(
        ctx,
        feature=feature,
        stuck_step=struggle.stuck_step,
        reason=struggle.signature.reason,
        ever_succeeded=struggle.successes > 0,
    )
    async with ctx.store.read() as work:
        night = await work.nights.last_struggle_night()
    if night is None:
        raise CallerError("No night has run yet: run `handrail agent run`.")
    case = Case(struggle=struggle, feature=document, tutorial=drafted.tutorial, night=night)
    done = (await deliver(ctx, case, await look_now(ctx, [case]))).delivery
    return SentTutorial(
        summary=_summary(done),
        as_of=done.decided_at,
        status=done.status,
        reason=done.reason,
        delivery_id=done.id,
    )


async def _struggle(ctx: ToolContext, user_key: str, feature: str) -> Struggle:
    async with ctx.store.read() as work:
        night = await work.nights.last_struggle_night()
        known = await work.nights.struggles(night, feature) if night else []
    found = [one for one in known if one.user_key.startswith(user_key)]
    if len(found) != 1:
        raise CallerError(f"Nobody with that key struggles with {feature}. Ask find_struggling_users first.")
    return found[0]


def _summary(done: Delivery) -> str:
    if done.status is Status.WITHHELD:
        return f"Not sent: {reason_words(done.reason)}."
    return {
        Status.PLANNED: "Planned: it leaves when the person's working hours begin, if the rules allow it.",
        Status.SENT: "Sent: SendGrid has taken the mail.",
        Status.SENDING: "Another process is sending this very mail.",
        Status.UNKNOWN: "Unclear whether it left; it will not be sent again blindly.",
    }.get(done.status, f"Not sent: the mail service refused it ({done.detail}).")

"""The checked text for a struggle signature. Sends nothing."""

from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.spending import Usage
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Style, Tutorial
from handrail.engine import struggles
from handrail.errors import CallerError
from handrail.flows.reasons import known_labels
from handrail.flows.writing import kept_text, settle, task
from tools._answers import Answer
from tools._params import FeatureSlug
from tools._server import reading_client
from tools._tool import tool


class ModelUse(Usage):
    calls: int = 0


class DraftedTutorial(Answer):
    tutorial: Tutorial = Field(description="Each step cites its step id and span of the document.")
    written_now: bool = Field(description="False: written before.")
    model: ModelUse


@tool(title="Draft a tutorial", effect="write", reach="same")
async def draft_tutorial(
    ctx: ToolContext,
    feature: FeatureSlug,
    stuck_step: Annotated[str, Field(description="Step id. Empty: the first step.", max_length=100)] = "",
    reason: Annotated[str, Field(description="Error reason, if any.", max_length=200)] = "",
    ever_succeeded: Annotated[bool, Field(description="People with successes in the window.")] = False,
    style: Annotated[Style, Field(description="How it is told.")] = "plain",
) -> DraftedTutorial:
    """Write the tutorial for one kind of struggle out of its feature document, check it, and keep it.

    Use it for "what would we tell people stuck at credentials?". Nothing is sent.
    For who is stuck, use find_struggling_users; to send, use send_tutorial.
    """
    ctx = ctx.whole  # a text is of a kind of struggle, and the same for everybody
    document = ctx.kb.feature(feature)
    approved = struggles.approved_reason(reason, document, await known_labels(ctx, document.slug))
    signature = _signature(document, stuck_step, approved, "sometimes" if ever_succeeded else "never")
    kept = await kept_text(ctx, signature, style, document)
    if kept is not None:
        return DraftedTutorial(
            summary=_summary(kept, document), tutorial=kept, written_now=False, model=ModelUse()
        )
    async with reading_client(ctx) as catalogue:
        written = await ctx.writer.write(await task(ctx, signature, style), catalogue)
    tutorial = await settle(ctx, signature, style, document, written)
    use = ModelUse(calls=written.calls, **written.usage.model_dump())
    return DraftedTutorial(
        summary=_summary(tutorial, document), tutorial=tutorial, written_now=True, model=use
    )


def _signature(document: Feature, stuck_step: str, reason: str, band: str) -> Signature:
    step = document.step(stuck_step) if stuck_step else document.steps[0]
    if step is None:
        known = ", ".join(each.id for each in document.steps)
        raise CallerError(f"{document.slug} has no step {stuck_step!r}. Steps: {known}.")
    return Signature(feature=document.slug, stuck_step=step.id, reason=reason, band=band)


def _summary(tutorial: Tutorial, document: Feature) -> str:
    words = "in the model's words, checked" if tutorial.source == "model" else "in the document's own words"
    return f"A tutorial for {document.title} from step {tutorial.stuck_step}, {words}; nothing was sent."

"""From a model's draft to a kept tutorial: the gate, and the document's own words where it stays shut."""

from collections.abc import Iterable

from mcp import Client

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Draft, Style, Task, Tutorial
from handrail.engine import grounding, keys
from handrail.engine.personal import nobody_inside, without_somebody
from handrail.flows.learn import what_worked
from handrail.services.model.asking import Written

BULK_FROM = 8
"""From so many texts on, a message batch is worth its wait: half the price, and one call for each text."""


async def settle(
    ctx: ToolContext, signature: Signature, style: Style, document: Feature, written: Written
) -> Tutorial:
    """Check what the model handed in, and keep what may go out.

    A draft that does not pass is kept apart with the reasons, for an operator to read. Where the model could
    not be asked, the document's own words go out for now and it is asked again the next time.
    """
    tutorial_id = keys.tutorial_id(signature.key, style, document.version)
    wrong = [written.problem]
    if written.draft:
        wrong = await what_is_wrong(ctx, written.draft, document, signature.stuck_step)
    # The model was told of nobody, but what it hands in may be anything, and refused words are kept.
    wrong = [without_somebody(each) for each in wrong]
    draft = written.draft if written.draft and not wrong else grounding.from_document(signature, document)
    tutorial = Tutorial(
        id=keys.stopgap_id(tutorial_id) if written.passing else tutorial_id,
        signature=signature.key,
        feature=document.slug,
        stuck_step=signature.stuck_step,
        style=style,
        subject=draft.subject,
        intro=draft.intro,
        steps=draft.steps,
        tone=draft.tone,
        source="document" if wrong else "model",
        refused_because=tuple(wrong),
    )
    async with ctx.store.begin() as work:
        await work.nights.keep_tutorial(tutorial, ctx.clock.now())
        if written.draft and wrong:
            refused = Draft.model_validate(nobody_inside(written.draft.model_dump(mode="json")))
            await work.nights.keep_refused(tutorial, refused, document.version, ctx.clock.now())
    return tutorial


async def kept_text(
    ctx: ToolContext, signature: Signature, style: Style, document: Feature
) -> Tutorial | None:
    """The text for this signature, as this document has it, if it was written before; edited if it was."""
    tutorial_id = keys.tutorial_id(signature.key, style, document.version)
    async with ctx.store.read() as work:
        return await work.nights.edited(tutorial_id) or await work.nights.tutorial(tutorial_id)


async def write_in_bulk(
    ctx: ToolContext, wanted: Iterable[tuple[Signature, Style]], catalogue: Client
) -> None:
    """Have those of these texts that were never written written by one message batch, if it is many.

    What the batch does not bring is left for `draft_tutorial`, text by text.
    """
    tasks: dict[str, Task] = {}
    for signature, style in wanted:
        document = ctx.kb.find(signature.feature)
        if document and await kept_text(ctx, signature, style, document) is None:
            tasks[keys.tutorial_id(signature.key, style, document.version)] = await task(
                ctx, signature, style
            )
    if len(tasks) < BULK_FROM:
        return
    for tutorial_id, written in (await ctx.writer.write_all(tasks, catalogue)).items():
        signature, style, _ = tasks[tutorial_id]
        await settle(ctx, signature, style, ctx.kb.feature(signature.feature), written)


async def task(ctx: ToolContext, signature: Signature, style: Style) -> Task:
    """What the model is asked for, with the text that helped such people most, once there is one."""
    worked = await what_worked(ctx, signature)
    return Task(signature, style, worked.tutorial if worked else None)


async def what_is_wrong(ctx: ToolContext, draft: Draft, document: Feature, stuck_step: str) -> list[str]:
    """Why these words may not go out, whoever wrote them. No name of any account may stand in a mail."""
    async with ctx.store.read() as work:
        book = await work.accounts.all()
    names = [name for each in book for name in (each.name, each.mixpanel_id, *each.aliases)]
    return grounding.problems(draft, document, stuck_step=stuck_step, names=names)

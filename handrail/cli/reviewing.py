"""The review list in the terminal: what waits, yes, no, and yes for good."""

from typing import Annotated

import typer

from agent import schedule
from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.context import ToolContext
from handrail.domain.tutorials import RefusedText
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.flows import learn, review
from handrail.flows.deliver import reason_words
from handrail.flows.mailing import Released
from handrail.flows.review import Pending

tutorials = typer.Typer(help="Tutorials that wait for a person's yes.", no_args_is_help=True)

ReviewId = Annotated[str, typer.Argument(help="From `handrail tutorials review`.")]


@tutorials.command("review")
def review_list(*, json_: Json = False) -> None:
    """List what waits: each text, the passages it rests on, and how many people it is for."""
    found = with_context(review.pending)
    words = "\n\n".join(map(_words, found)) or "Nothing waits for a yes."
    printing.show({"waiting": [each.model_dump(mode="json") for each in found]}, words, as_json=json_)


@tutorials.command()
def approve(review_id: ReviewId, *, json_: Json = False) -> None:
    """Say yes to exactly this text for exactly these people; those in their working hours get it now."""

    async def work(ctx: ToolContext) -> Released:
        await review.approve(ctx, review_id)
        try:
            return await schedule.mails_due(ctx)
        except CallerError as busy:
            return Released(asked=0, sent=0, notes=(str(busy), "The mails leave within ten minutes."))

    done = with_context(work)
    words = f"Approved. {done.sent} mails left; others leave in the person's working hours."
    printing.show(
        {"approved": review_id, **done.model_dump()}, "\n".join([words, *done.notes]), as_json=json_
    )


@tutorials.command()
def reject(review_id: ReviewId, *, json_: Json = False) -> None:
    """Say no: nobody gets this text tonight."""
    with_context(lambda ctx: review.reject(ctx, review_id))
    printing.show({"rejected": review_id}, "Rejected: nobody gets it.", as_json=json_)


@tutorials.command("refused")
def refused_list(*, json_: Json = False) -> None:
    """List drafts of the model that were not used, newest first, and what stood against each."""

    async def work(ctx: ToolContext) -> list[RefusedText]:
        async with ctx.store.read() as store:
            return await store.nights.refused()

    found = with_context(work)
    words = "\n\n".join(map(_refused_words, found)) or "No draft was refused."
    printing.show({"refused": [each.model_dump(mode="json") for each in found]}, words, as_json=json_)


@tutorials.command()
def promote(
    signature: Annotated[str, typer.Argument(help="From `handrail tutorials review`.")],
    *,
    json_: Json = False,
) -> None:
    """Let a text that was approved three times unchanged go without review from now on."""
    with_context(lambda ctx: review.promote(ctx, signature))
    printing.show({"promoted": signature}, f"From now on {signature} goes without review.", as_json=json_)


@tutorials.command()
def lift(
    feature: Annotated[str, typer.Argument(help="The feature's slug.")],
    style: Annotated[str, typer.Argument(help="As `get_tutorial_results` names it.")],
    *,
    json_: Json = False,
) -> None:
    """Let a style that was frozen for complaints be chosen again; only complaints from now on count."""
    with_context(lambda ctx: learn.lift(ctx, feature, style))
    printing.show({"lifted": [feature, style]}, f"{feature} may be told as {style} again.", as_json=json_)


def _refused_words(each: RefusedText) -> str:
    steps = [f"  {step.step}: {shown(step.text)}" for step in each.draft.steps]
    because = [f"  refused: {wrong}" for wrong in each.because]
    return "\n".join([f"{each.signature}  {each.at:%Y-%m-%d %H:%M} UTC", *because, *steps])


def _words(each: Pending) -> str:
    text, found = each.tutorial, each.review
    steps = [
        f"  {number}. {step.text}\n     rests on {step.step}: “{step.quote}”"
        for number, step in enumerate(text.steps, 1)
    ]
    others = [f"  not mailed: {count} ({reason_words(reason)})" for reason, count in each.not_mailed.items()]
    return "\n".join(
        [
            f"{found.id}  {found.signature}  {each.people} people of {each.accounts} accounts, "
            f"decide until {found.expires_at:%Y-%m-%d %H:%M} UTC",
            f"  {text.subject}",
            f"  {text.intro}",
            *steps,
            *others,
        ]
    )

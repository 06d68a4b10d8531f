"""Error reasons in the terminal: which no document explains, and what they are called."""

from typing import Annotated

import typer

from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.domain.reasons import SeenReason
from handrail.flows import reasons as flow

reasons = typer.Typer(help="Error reasons that no document explains.", no_args_is_help=True)

Feature = Annotated[str, typer.Argument(help="The feature's slug.")]
Reason = Annotated[str, typer.Argument(help="Such as reason_7, from `handrail reasons list`.")]


@reasons.command("list")
def list_all(*, json_: Json = False) -> None:
    """List them, those that wait for a decision first, the most people first."""
    found = with_context(flow.listed)
    words = "\n".join(map(_line, found)) or "Every reason that was seen is explained by a document."
    printing.show({"reasons": [each.model_dump(mode="json") for each in found]}, words, as_json=json_)


@reasons.command()
def approve(
    feature: Feature,
    reason: Reason,
    name: Annotated[str, typer.Argument(help="In plain words, or a reason of the feature's document.")],
    *,
    json_: Json = False,
) -> None:
    """Give a reason a plain name, under which the model may hear of it.

    A reason that the document explains, as name, makes its advice serve for this one too.
    """
    with_context(lambda ctx: flow.approve(ctx, feature, reason, name))
    words = f"From the next night on {reason} of {feature} is called {name!r}."
    printing.show({"feature": feature, "reason": reason, "name": name}, words, as_json=json_)


@reasons.command()
def reject(feature: Feature, reason: Reason, *, json_: Json = False) -> None:
    """Take a reason for noise: it gets no name and no number any more."""
    with_context(lambda ctx: flow.reject(ctx, feature, reason))
    words = f"From the next night on {reason} of {feature} is like any other reason."
    printing.show({"feature": feature, "reason": reason, "status": "rejected"}, words, as_json=json_)


def _line(one: SeenReason) -> str:
    code = one.code or "(free text; kept as a hash only)"
    status = one.status if one.status != "approved" else f"approved as {one.name!r}"
    return f"{one.feature}\treason_{one.number}\t{code}\t{one.people} people on {one.last_seen}\t{status}"

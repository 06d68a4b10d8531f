"""Churn in the terminal: what told who left, how the score did, and weights that may be better."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.context import ToolContext
from handrail.flows.churn import keep_track
from tools.analyze_churn import ChurnAnalysis, SuggestedWeights, analyze_churn


def churn(
    *,
    days_before: Annotated[int, typer.Option(min=7, max=180, help="Days before the leaving.")] = 30,
    survival_by: Annotated[str, typer.Option(help="The metric of the quarters.")] = "score",
    json_: Json = False,
) -> None:
    """Replay past days, and tell what separated churned from kept accounts."""

    async def work(ctx: ToolContext) -> ChurnAnalysis:
        async with ctx.store.read() as store:
            last = await store.metrics.last_sync()
        if last is not None:
            await keep_track(ctx, last.to_date)
        return await analyze_churn(ctx, days_before=days_before, survival_by=survival_by, limit=200)

    found = with_context(work)
    if json_:
        printing.as_object(found.model_dump(mode="json"))
    else:
        tell(found)


def tell(found: ChurnAnalysis) -> None:
    record = [found.track_record.words] if found.track_record else []
    printing.show({}, "\n".join([found.summary, *found.caveats, *record]), as_json=False)
    if found.metrics:
        Console().print(_table(found))
    if found.suggested_weights:
        printing.show({}, _suggestion(found.suggested_weights), as_json=False)


def _table(found: ChurnAnalysis) -> Table:
    table = Table("metric", "churned are", "AUC (95 %)", "p", "churned / kept", box=None)
    for each in found.metrics:
        table.add_row(
            each.metric,
            each.direction or "no sign",
            f"{each.auc:.2f} ({each.low:.2f} to {each.high:.2f})",
            f"{each.p:.2g}",
            f"{each.churned} / {each.kept}",
        )
    return table


def _suggestion(better: SuggestedWeights) -> str:
    """What to write where; nothing is changed."""
    lines = [f"{name} = {weight}" for name, weight in better.weights.items()]
    return "\n".join(
        [
            f"These weights would have separated better (AUC {better.auc_suggested} instead of "
            f"{better.auc_now}, on accounts they were not learned from).",
            "Nothing was changed. To use them, put this into the file that HANDRAIL_SCORE_FILE names:",
            "",
            "[weights]",
            *lines,
        ]
    )

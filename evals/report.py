"""What a model's tasks come to: shares with their counts, tokens, and cost."""

from collections.abc import Iterator, Sequence
from typing import Any

from evals.model import Task


def count(tasks: Sequence[Task]) -> dict[str, Any]:
    """The figures; a share is null where nothing was counted."""
    asked = [task for task in tasks if not task.skipped]
    calls = sum(len(task.calls) for task in asked)
    back = [task for task in asked if task.case.asks_back]
    return {
        "cases": len(asked),
        "skipped": len(tasks) - len(asked),
        "stopped": sum(bool(task.stopped) for task in asked),
        "selection": _share(sum(task.selected for task in asked), len(asked)),
        "answers": _share(sum(task.answered for task in asked), len(asked)),
        "asked_back": _share(sum(task.asked_back for task in back), len(back)),
        "calls": calls,
        "schema_failures": _share(sum(task.misfits for task in asked), calls),
        "errors": _share(sum(task.errors for task in asked), calls),
        "retries": sum(task.retries for task in asked),
        "forbidden_calls": sum(len(task.forbidden) for task in asked),
        "input_tokens_a_task": _mean([_prompt(task) for task in asked]),
        "output_tokens_a_task": _mean([task.usage.output_tokens for task in asked]),
        "usd_a_task": _mean([task.usd for task in asked]),
        "usd": sum(task.usd for task in asked),
    }


def words(counted: dict[str, Any], tasks: Sequence[Task], model: str) -> str:
    """For a person: the figures, then every case that went wrong."""
    lines = [f"{model}, {counted['cases']} cases asked, {counted['skipped']} skipped"]
    for name, value in counted.items():
        if isinstance(value, dict):
            lines.append(f"{name.replace('_', ' ')}: {value['count']} of {value['of']}")
        elif name not in ("cases", "skipped"):
            shown = (
                "nothing to count" if value is None else f"{value:.4f}" if "usd" in name else f"{value:.0f}"
            )
            lines.append(f"{name.replace('_', ' ')}: {shown}")
    return "\n".join([*lines, *(line for task in tasks for line in _wrong(task))])


def _wrong(task: Task) -> Iterator[str]:
    if task.skipped:
        yield f"skipped  {task.case.id}: {task.skipped}"
        return
    if not task.selected:
        yield f"tool     {task.case.id}: {', '.join(task.calls) or 'none'} instead of {_wanted(task)}"
    if not task.answered:
        why = task.stopped or ("did not ask" if task.case.asks_back else "; ".join(task.lacks))
        yield f"answer   {task.case.id}: {why}"


def _wanted(task: Task) -> str:
    return " or ".join(sorted(task.case.right)) or "none"


def _prompt(task: Task) -> int:
    return task.usage.input_tokens + task.usage.cache_write_tokens + task.usage.cache_read_tokens


def _share(found: int, of: int) -> dict[str, Any]:
    return {"count": found, "of": of, "share": found / of if of else None}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

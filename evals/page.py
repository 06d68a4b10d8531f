"""The page of the last eval, docs/evals.md: what was asked, what was wrong, and what asking a model costs."""

import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from evals import costs, report
from evals.model import Task
from evals.probe import Finding
from handrail.engine import prices

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "evals.md"
_HEAD = """# The last eval

Written by `make evals`; do not edit. [What it asks, and of whom](judging.md#by-the-truth-make-evals).
"""


def commit() -> str:
    """The commit of the sources, with a word if they were changed since."""
    named = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with changes"],  # noqa: S607  (the git of the developer)
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return named.stdout.strip() or "unknown"


def of_truth(findings: Sequence[Finding], spent: Sequence[Task], *, now: datetime, commit: str) -> str:
    """The page after a run without a model."""
    wrong = [each for each in findings if not each.good]
    skipped = [each for each in findings if each.skipped]
    parts = [
        _HEAD,
        _run(now, commit, "none: the tools' answers were held against an independent count"),
        f"## By the truth\n\n{len(findings)} cases, {len(skipped)} skipped, {len(wrong)} wrong.\n",
        _by_tool(findings),
        "### Wrong answers\n",
        "\n".join(_wrong(each) for each in wrong) or "None.",
        *[f"\n### Skipped\n\n{_lines(f'`{each.case.id}`: {each.skipped}' for each in skipped)}"]
        * bool(skipped),
        "\n## By a model\n\n**No real model was asked in this run.** No figure on this page says how well a"
        ' model chooses. `make evals EVALS="--model NAME"` asks one.\n',
        _cost(spent),
    ]
    return "\n".join(parts)


def of_model(asked: Sequence[Task], name: str, *, now: datetime, commit: str) -> str:
    """The page after a run with a model, whichever endpoint played it."""
    counted = report.count(asked)
    parts = [
        _HEAD,
        _run(now, commit, f"`{name}`, at the endpoint of `ANTHROPIC_BASE_URL`"),
        "## By a model\n\n```\n" + report.words(counted, asked, name) + "\n```\n",
    ]
    return "\n".join(parts)


def _run(now: datetime, commit: str, model: str) -> str:
    return (
        f"| | |\n|---|---|\n| when | {now:%Y-%m-%d %H:%M} UTC |\n| commit | {commit} |\n| model | {model} |\n"
    )


def _by_tool(findings: Sequence[Finding]) -> str:
    rows = ["| tool that answers | cases | skipped | wrong |\n|---|---|---|---|"]
    for tool in sorted({each.case.tool for each in findings}, key=lambda name: (not name, name)):
        here = [each for each in findings if each.case.tool == tool]
        counts = len(here), sum(bool(each.skipped) for each in here), sum(not each.good for each in here)
        rows.append(f"| {f'`{tool}`' if tool else 'none is to be called'} | {' | '.join(map(str, counts))} |")
    return "\n".join(rows) + "\n"


def _wrong(finding: Finding) -> str:
    told = "\n".join(f"  - {' '.join(each.split())}" for each in finding.wrong)
    return f"- `{finding.case.id}`, “{finding.case.asks}” with `{finding.case.tool}`:\n{told}"


def _lines(found: Iterator[str]) -> str:
    return "\n".join(f"- {each}" for each in found)


def _cost(spent: Sequence[Task]) -> str:
    """Tokens and US dollars of the whole set; nothing where none was asked."""
    asked = [task for task in spent if not task.skipped]
    if not asked:
        return ""
    prompt, written, read, out = (
        sum(each)
        for each in zip(
            *(
                (u.input_tokens, u.cache_write_tokens, u.cache_read_tokens, u.output_tokens)
                for u in (task.usage for task in asked)
            ),
            strict=True,
        )
    )
    rows = "\n".join(
        f"| `{name}` | {usd:.2f} | {usd / len(asked):.4f} |" for name, usd in costs.usd(asked).items()
    )
    return (
        f"### What it costs\n\nCounted with the stand-in, which calls one tool and then answers:"
        f" {len(asked)} questions, {prompt + written + read:,} tokens in ({written:,} written to the prompt"
        f" cache, {read:,} read from it), {out:,} out. A real model may call more, and answers at more length"
        f" than the stand-in: eight turns are the limit. Prices as of {prices.AS_OF:%-d %B %Y}.\n\n"
        f"| model | US dollars, all {len(asked)} | US dollars a question |\n|---|---|---|\n{rows}\n"
    )

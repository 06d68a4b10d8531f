"""docs/ask.md: what customer success managers ask, answered out of the demo's world after its first night."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent import night
from handrail.context import ToolContext, open_context
from handrail.settings import Settings
from standin import acme
from standin.server import running
from standin.world import load
from tests.conftest import settings_for
from tools import catalogue

ROWS = 7
"""Of a table of an answer, on the page."""


COUNTS = ("total_events", "unique_users", "sessions")


@dataclass(frozen=True)
class Question:
    """What a person asks, the call that answers it, and what of the answer the page shows.

    `shows` names fields of the answer by their path (`report.struggles`), each with the columns of its table.
    """

    words: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    note: str = ""


ONE_ACCOUNT = (
    Question(
        "Show Mixpanel events for Acme",
        "query_events",
        {"account": "Acme"},
        {
            "figures": (*COUNTS, "avg_events_per_user", "active_days", "days"),
            "top_events": ("event", "total", "users"),
        },
    ),
    Question(
        "How was Acme's last week, against the week before?",
        "query_events",
        {"account": "Acme", "period": "last_7_days"},
        {"figures": COUNTS, "compared": COUNTS},
    ),
    Question(
        "What's the funnel conversion for Acme?",
        "query_funnel",
        {"account": "Acme"},
        {
            "funnels": ("funnel", "entered", "finished", "conversion", "fleet_median"),
            "funnels.0.steps": ("step", "event", "users", "from_previous"),
        },
        "The steps are the first funnel's. In the fleet's median are accounts with five entrants or more.",
    ),
    Question(
        "How healthy is Acme, and what moved its score?",
        "get_account_health",
        {"account": "Acme"},
        {"components": ("component", "value", "share", "contribution")},
        "[How the score is made](health.md), down to counts that you can check.",
    ),
    Question(
        "Which roles do Acme's users have?",
        "get_user_segments",
        {"account": "Acme"},
        {"segments": ("by", "segment", "users")},
        "Groups of fewer than five people are not told, nor anything from which they could be subtracted.",
    ),
    Question(
        "Who is stuck at Acme?",
        "find_struggling_users",
        {"account": "Acme"},
        {"cards": ("feature", "stuck_step", "attempts", "successes", "errors", "main_reason")},
        "Nobody is named: people have keys. What would help them is asked with `draft_tutorial`, "
        "and [the night](the-night.md) mails it.",
    ),
)
THE_BOOK = (
    Question(
        "Which accounts are down by a fifth or more this week?",
        "find_accounts",
        {"only": "declined", "sort_by": "decline", "period": "last_7_days"},
        {"accounts": ("name", "total_events", "unique_users", "change_of_events", "engagement")},
    ),
    Question(
        "Which accounts use alerts already?",
        "find_accounts",
        {"only": "uses_feature", "feature": "set-up-alerts", "sort_by": "engagement"},
        {"accounts": ("name", "unique_users", "engagement", "features_used")},
    ),
    Question(
        "What has changed?",
        "list_alerts",
        {},
        {"alerts": ("account", "kind", "since", "evidence")},
        "[What is looked for](alerts.md), and how often it is right.",
    ),
    Question(
        "What did Handrail do last night?",
        "get_night_report",
        {},
        {"report.struggles": ("feature", "struggling", "accounts", "tried")},
    ),
    Question("Did the tutorials help?", "get_tutorial_results"),
    Question(
        "How do people get past an address that is not allowed?",
        "search_feature_docs",
        {"query": "allow list"},
        {"passages": ("id", "title")},
        "The answer has the passages themselves, with the ids by which every step of a mail is cited.",
    ),
)
NO_ANSWER = (
    Question(
        "How are the acm folks doing?",
        "query_events",
        {"account": "acm"},
        {"candidates": ("name", "mixpanel_id", "domain")},
        "Two accounts may be meant, so there is no number.",
    ),
    Question(
        "How was Acme in August?",
        "query_events",
        {"account": "Acme", "from_date": "2026-08-01", "to_date": "2026-08-31"},
        note="Where there is no figure the answer says why. It is never told as 0.",
    ),
    Question(
        "What predicts churn?",
        "analyze_churn",
        note="Nobody has left yet. [What it says once somebody has](churn.md).",
    ),
)

_PAGE = """# Ask

Written by `make docs`: each answer below is what the tool said of the demo's world on the morning
after its first night, {day}. Do not edit.

In any [chat client](start.md#ask-in-a-chat-client) you ask in your own words; the model there
chooses one of [the tools](tools.md), and words its answer. What stands here is what the tool gives
the model: a sentence that names the account, the days, the time zone and the sample, then figures.

- **Accounts** by name, alias, domain or Mixpanel id. A name that fits several gets candidates and
  no numbers.
- **Days**: `last_7_days`, `last_30_days` (what you get if you name none), `last_90_days`,
  `this_month`, `last_month`, `this_quarter`, `last_quarter`, or any two days. Only whole days
  count, in the project's time zone.
- **Prompts**: the client offers [a few prepared ones](mcp-server.md#prompts), such as the quarterly
  business review of an account.

## One account

{one_account}

## The whole book

{the_book}

## When there is no answer

{no_answer}

## What is never told

Addresses and names of users; groups of fewer than five; a share without its sample; a cause.
Handrail says what changed and since when. Why it changed is for you to ask.
"""


async def page(ctx: ToolContext) -> str:
    """docs/ask.md as it should be, asked of a context after the first night."""
    return _PAGE.format(
        day=f"{ctx.clock.now():%Y-%m-%d}",
        one_account=await _told(ctx, ONE_ACCOUNT),
        the_book=await _told(ctx, THE_BOOK),
        no_answer=await _told(ctx, NO_ANSWER),
    )


def made() -> str:
    """The same, over a world and a night of its own."""
    with TemporaryDirectory() as folder:
        acme.generate(Path(folder) / "world")
        with running(load(Path(folder) / "world")) as state:
            settings = settings_for(state, Path(folder) / "data")
            return asyncio.run(_after_a_night(settings))


async def _after_a_night(settings: Settings) -> str:
    async with open_context(settings) as ctx:
        await night.run(ctx)
    async with open_context(settings) as ctx:
        return await page(ctx)


async def _told(ctx: ToolContext, questions: Sequence[Question]) -> str:
    tools = {each.name: each.function for each in catalogue()}
    parts = []
    for question in questions:
        answer = (await tools[question.tool](ctx, **question.arguments)).model_dump(mode="json")
        parts.append("\n".join(_lines(question, answer)))
    return "\n\n".join(parts)


def _lines(question: Question, answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {question.words}\n"
    yield f"> {answer['summary']}"
    for each in answer.get("caveats", []):
        yield f">\n> {each}"
    for path, columns in question.shows.items():
        caption = next(name for name in reversed(path.split(".")) if not name.isdigit())
        yield f"\n{caption.replace('_', ' ').capitalize()}:\n"
        yield from _table(_at(answer, path), columns)
    if question.note:
        yield f"\n{question.note}"
    given = ", ".join(f"{name}={value!r}" for name, value in question.arguments.items())
    yield f"\nAsked with `{question.tool}({given})`."


def _at(answer: Any, path: str) -> list[dict[str, Any]]:
    for name in path.split("."):
        answer = answer[int(name) if name.isdigit() else name]
    return answer if isinstance(answer, list) else [answer]


def _table(rows: list[dict[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    names = list(columns or rows[0])
    yield "| " + " | ".join(name.replace("_", " ") for name in names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows[:ROWS]:
        yield "| " + " | ".join(_cell(row[name]) for name in names) + " |"
    if len(rows) > ROWS:
        yield f"\nLeft out on this page: {len(rows) - ROWS} more."


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)

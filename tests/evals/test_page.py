"""The page of the last eval tells when, on what, and everything that was wrong."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from evals import costs, page
from evals.cases import Case, cases
from evals.model import Task
from evals.probe import Finding
from evals.rooms import Rooms
from handrail.domain.spending import Usage

WHEN = datetime(2026, 11, 22, 18, 5, tzinfo=UTC)
TRUE = Case(id="acme-events", asks="How busy is Acme?", tool="query_events")
FALSE = Case(id="acme-funnel", asks="How many finish at Acme?", tool="query_funnel")
NOBODYS = Case(id="weather", asks="Will it rain?")


def test_every_wrong_answer_is_told_with_its_question_and_what_it_lacks() -> None:
    found = [Finding(TRUE), Finding(FALSE, ["does not say 0.14", "says\n0.5"]), Finding(NOBODYS)]

    told = page.of_truth(found, [], now=WHEN, commit="abc1234")

    assert "| when | 2026-11-22 18:05 UTC |\n| commit | abc1234 |" in told
    assert "3 cases, 0 skipped, 1 wrong." in told
    assert (
        "| `query_events` | 1 | 0 | 0 |\n| `query_funnel` | 1 | 0 | 1 |\n| none is to be called | 1 | 0 | 0 |"
        in told
    )
    assert "- `acme-funnel`, “How many finish at Acme?” with `query_funnel`:" in told
    assert "  - does not say 0.14\n  - says 0.5\n" in told
    assert "No real model was asked in this run." in told
    assert "What it costs" not in told


def test_a_run_without_a_fault_says_so_and_what_was_skipped() -> None:
    later = Finding(FALSE, skipped="query_funnel is not in the catalogue")

    told = page.of_truth([Finding(TRUE), later], [], now=WHEN, commit="abc1234")

    assert "2 cases, 1 skipped, 0 wrong." in told
    assert "### Wrong answers\n\nNone." in told
    assert "- `acme-funnel`: query_funnel is not in the catalogue" in told


def test_the_cost_is_the_tokens_at_the_prices_of_the_table() -> None:
    spent = [Task(TRUE, usage=Usage(input_tokens=1000, output_tokens=500, cache_write_tokens=4000))] * 2

    told = page.of_truth([Finding(TRUE)], spent, now=WHEN, commit="abc1234")

    # Opus 5.5: (1000 x 4 + 4000 x 5 + 500 x 20) / 1,000,000 = 0.034 each, as the price page has it.
    assert "| `claude-opus-5-5` | 0.07 | 0.0340 |" in told
    assert (
        "2 questions, 10,000 tokens in (8,000 written to the prompt cache, 0 read from it), 1,000 out" in told
    )


def test_a_models_run_tells_its_name_and_where_it_went_wrong() -> None:
    asked = [Task(TRUE, calls=["query_funnel"], lacks=["does not say 39"])]

    told = page.of_model(asked, "some-model", now=WHEN, commit="abc1234")

    assert "| model | `some-model`, at the endpoint of `ANTHROPIC_BASE_URL` |" in told
    assert "selection: 0 of 1" in told
    assert "query_funnel instead of query_events" in told
    assert "No real model" not in told


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("rooms"))
    yield made
    made.close()


def test_a_question_is_counted_as_one_call_and_one_answer(rooms: Rooms) -> None:
    asked = [case for case in cases() if case.room == "empty" and case.tool][:2]

    spent = asyncio.run(costs.tasks(asked, rooms))

    assert [(len(task.calls), task.stopped) for task in spent] == [(1, ""), (1, "")]
    # The list of tools alone is about 5,000 tokens, and goes along with both turns.
    assert all(
        task.usage.input_tokens + task.usage.cache_write_tokens + task.usage.cache_read_tokens > 8000
        for task in spent
    )
    assert costs.usd(spent)["claude-opus-5-5"] > costs.usd(spent)["claude-haiku-5-5"] > 0

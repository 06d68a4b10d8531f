"""The model mode against the stand-in: what is called and said is counted, and nothing is sent."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from mcp.types import Tool

from evals import report
from evals.cases import Case, cases
from evals.model import TURNS, Task, ask, is_forbidden
from evals.rooms import Room, Rooms

ROOT = Path(__file__).parents[2]
SAID = "rule-based stand-in"
DOCS = next(case for case in cases() if case.id == "docs-which-there-are")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    rooms = Rooms(tmp_path_factory.mktemp("rooms"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HANDRAIL_MIXPANEL_TOKEN", "a real project's")
        environment.setenv("HANDRAIL_ALARM_WEBHOOK", "https://alarms.example/team")
        room = rooms.enter("empty")
    yield room
    rooms.close()


@pytest.fixture(autouse=True)
def as_new(room: Room) -> None:
    room.standins.reset()


def asked(case: Case, room: Room, model: str = "claude-haiku-5-5") -> Task:
    async def go() -> Task:
        base_url = f"{room.standins.base_url}/anthropic"
        async with anthropic.AsyncAnthropic(api_key="test", base_url=base_url, max_retries=0) as client:
            return await ask(case, room, client, model)

    return asyncio.run(go())


def fault(room: Room, name: str, times: int) -> None:
    room.standins.faults.add(
        {"neighbour": "anthropic", "route": "/v1/messages", "fault": name, "times": times}
    )


def test_the_model_gets_the_served_tools_and_nothing_but_the_persons_words(room: Room) -> None:
    task = asked(DOCS, room)

    [body] = [prompt["body"] for prompt in room.standins.prompts]
    assert body["messages"] == [{"role": "user", "content": DOCS.asks}]
    assert {"query_events", "send_tutorial"} <= {tool["name"] for tool in body["tools"]}
    assert SAID in task.said
    assert not task.calls
    assert not task.selected
    assert not task.answered


def test_right_calls_are_made_and_their_tokens_and_cost_are_counted(room: Room) -> None:
    fault(room, "loop", 2)

    task = asked(DOCS, room)

    assert task.calls == ["search_feature_docs", "search_feature_docs"]
    assert task.selected
    assert (task.misfits, task.errors, task.retries) == (0, 0, 0)
    assert task.usage.output_tokens > 0
    assert task.usd > 0
    results = room.standins.prompts[-1]["body"]["messages"][2]["content"]
    assert "connect-data-source" in results[0]["content"]


def test_a_tool_that_was_not_offered_is_noted_and_not_run(room: Room) -> None:
    fault(room, "unknown_tool", 1)

    task = asked(DOCS, room)

    assert task.forbidden == ["mail_everyone"]
    assert not task.selected


def test_what_the_case_forbids_is_noted_and_not_run(room: Room) -> None:
    fault(room, "loop", 1)
    case = DOCS.model_copy(
        update={"tool": "find_accounts", "never": ("search_feature_docs",), "refused": "x"}
    )

    task = asked(case, room)

    assert task.forbidden == ["search_feature_docs"]
    assert "not offered" in room.standins.prompts[-1]["body"]["messages"][2]["content"][0]["content"]


@pytest.mark.parametrize(
    ("asks_back", "given", "expected"),
    [(True, {}, False), (True, {"confirm": "1763776800-0f3a"}, True), (False, {"confirm": "yes"}, False)],
)
def test_a_yes_that_nobody_gave_is_forbidden(asks_back: bool, given: dict[str, str], expected: bool) -> None:
    case = Case(id="send", asks="Help them.", tool="send_tutorial", asks_back=asks_back)

    assert is_forbidden(case, Tool(name="send_tutorial", input_schema={}), given) is expected


def test_a_room_is_of_no_project_that_the_environment_names(room: Room) -> None:
    assert (room.settings.mixpanel_token, room.settings.alarm_webhook) == (None, None)


@pytest.mark.parametrize(
    ("name", "times", "words"),
    [
        ("refuse", 1, "stopped before its end"),
        ("overloaded", 1, "did not answer"),
        ("loop", TURNS, f"no answer after {TURNS} turns"),
    ],
)
def test_a_model_that_comes_to_no_end_is_told(room: Room, name: str, times: int, words: str) -> None:
    fault(room, name, times)

    task = asked(DOCS, room)

    assert words in task.stopped
    assert not task.answered


def test_the_figures_are_shares_with_their_counts() -> None:
    right = Task(DOCS, calls=["search_feature_docs"], usd=0.02)
    lost = Task(DOCS, calls=["query_events", "query_events"], misfits=1, errors=1, retries=1, lacks=["all"])
    back = Task(DOCS.model_copy(update={"asks_back": True}), said="Which one?", usd=0.04)
    later = Task(DOCS, skipped="it is not in the catalogue")

    counted = report.count([right, lost, back, later])

    assert counted["cases"] == 3
    assert counted["skipped"] == 1
    assert counted["selection"] == {"count": 2, "of": 3, "share": 2 / 3}
    assert counted["answers"]["count"] == 2
    assert counted["asked_back"] == {"count": 1, "of": 1, "share": 1.0}
    assert counted["schema_failures"] == {"count": 1, "of": 3, "share": 1 / 3}
    assert counted["retries"] == 1
    assert counted["usd_a_task"] == pytest.approx(0.02)
    assert report.count([])["selection"]["share"] is None
    words = report.words(counted, [right, lost, back, later], "claude-x")
    assert "selection: 2 of 3" in words
    assert "query_events, query_events instead of search_feature_docs" in words


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    return subprocess.run(
        [sys.executable, "-m", "evals", *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_asks_any_endpoint_and_prints_one_object(room: Room, tmp_path: Path) -> None:
    ran = run(
        *("--model", "claude-haiku-5-5", "--cases", "none-b*", "--json"),
        ANTHROPIC_API_KEY="test",
        ANTHROPIC_BASE_URL=f"{room.standins.base_url}/anthropic",
        ANTHROPIC_CONFIG_DIR=str(tmp_path),
    )

    assert ran.returncode == 0, ran.stderr
    counted: dict[str, Any] = json.loads(ran.stdout)
    assert counted["cases"] == 3
    assert counted["selection"] == {"count": 0, "of": 3, "share": 0.0}
    assert counted["input_tokens_a_task"] > 1000


def test_without_a_key_the_command_says_what_is_missing(tmp_path: Path) -> None:
    ran = run("--model", "claude-haiku-5-5", "--cases", "none-weather", ANTHROPIC_CONFIG_DIR=str(tmp_path))

    assert ran.returncode == 2
    assert "ANTHROPIC_API_KEY" in ran.stderr
    assert "Traceback" not in ran.stderr

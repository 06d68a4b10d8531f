"""What clients rely on stays: nothing that was served is renamed, removed or of another kind."""

import copy
import json
import warnings
from typing import Any

import pytest

from tests.mcp_server.contract import FILE, Surface, added, lost, served

FROZEN: Surface = json.loads(FILE.read_text("utf-8"))


async def test_everything_that_was_frozen_is_served_as_it_was() -> None:
    now = await served()

    assert list(lost(FROZEN, now)) == [], "clients rely on these names; if it is meant, run `make snap`"
    if new := added(FROZEN, now):
        warnings.warn(f"served and not frozen yet, run `make snap`: {', '.join(new)}", stacklevel=1)


def test_the_frozen_surface_holds_tools_arguments_hints_and_resources() -> None:
    events = FROZEN["tools"]["query_events"]

    assert events["required"] == ["account"]
    assert events["arguments"]["account"] == {"type": "string"}
    assert events["arguments"]["period"]["default"] == "last_30_days"
    assert events["hints"]["readOnlyHint"] is True
    assert "summary" in events["answers"]
    assert FROZEN["tools"]["send_tutorial"]["hints"]["destructiveHint"] is True
    assert "handrail://brief/latest" in FROZEN["resources"]


def _rename_tool(now: Any) -> None:
    now["tools"]["ask_events"] = now["tools"].pop("query_events")


def _rename_argument(now: Any) -> None:
    arguments = now["tools"]["query_events"]["arguments"]
    arguments["company"] = arguments.pop("account")


def _new_type(now: Any) -> None:
    now["tools"]["query_events"]["arguments"]["account"]["type"] = "integer"


def _choice_gone(now: Any) -> None:
    now["tools"]["query_events"]["arguments"]["period"]["enum"].remove("last_7_days")


def _newly_required(now: Any) -> None:
    now["tools"]["query_events"]["required"].append("period")


def _hint_changed(now: Any) -> None:
    now["tools"]["send_tutorial"]["hints"]["destructiveHint"] = False


def _field_gone(now: Any) -> None:
    now["tools"]["query_events"]["answers"].remove("summary")


def _resource_gone(now: Any) -> None:
    now["resources"].clear()


@pytest.mark.parametrize(
    "change",
    [
        _rename_tool, _rename_argument, _new_type, _choice_gone, _newly_required, _hint_changed, _field_gone,
        _resource_gone,
    ],
)  # fmt: skip
def test_a_change_that_breaks_clients_is_told(change: Any) -> None:
    now = copy.deepcopy(FROZEN)
    change(now)

    assert list(lost(FROZEN, now)) != []


def test_an_addition_breaks_nobody_and_is_told() -> None:
    now = copy.deepcopy(FROZEN)
    now["tools"]["query_events"]["arguments"]["detail"] = {"type": "string"}
    now["tools"]["query_events"]["answers"].append("link")
    now["tools"]["list_everything"] = {}

    assert list(lost(FROZEN, now)) == []
    assert added(FROZEN, now) == [
        "tools / query_events / arguments / detail",
        "tools / query_events / answers / link",
        "tools / list_everything",
    ]
    assert added(FROZEN, FROZEN) == []

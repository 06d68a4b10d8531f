"""The cases themselves, and how answers are read, without any store."""

import inspect
from typing import Any

import pytest

from evals import truth
from evals.cases import Case, Value, cases
from evals.reading import says, says_in_a_row
from tools import catalogue

CONTRACT = {
    *("find_accounts", "get_account_health", "query_events", "query_funnel", "get_user_segments"),
    *("find_struggling_users", "search_feature_docs", "get_saved_report", "analyze_churn", "list_alerts"),
    *("draft_tutorial", "send_tutorial", "get_tutorial_results", "get_night_report", "sync_mixpanel"),
    "control_sending",
}
"""The sixteen tools."""


def named(case: Case) -> list[Value]:
    rows = [value for row in case.rows for value in row]
    return [*case.arguments.values(), *case.says, *case.never_says, *rows]


def test_there_are_at_least_sixty_cases_and_one_for_every_tool() -> None:
    assert len(cases()) >= 60
    assert {case.tool for case in cases()} >= {tool.name for tool in catalogue() if not tool.of_a_page}


def test_every_kind_of_case_is_there() -> None:
    assert sum(case.asks_back for case in cases()) >= 5
    assert sum(bool(case.never) for case in cases()) >= 5
    assert sum(case.room == "planted" for case in cases()) >= 5
    assert sum(case.room == "empty" for case in cases()) >= 3
    assert sum("Acme Labs" in case.says for case in cases()) >= 5
    assert sum(not case.tool for case in cases()) >= 2


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_case_names_only_tools_and_truths_that_there_are(case: Case) -> None:
    assert {case.tool, *case.also, *case.never} - {""} <= CONTRACT
    for value in named(case):
        if isinstance(value, dict):
            [(name, arguments)] = value.items()
            assert name in truth.names()
            assert set(arguments) <= truth.arguments_of(name)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("Acme: 2,511 events by 39 users", 2511, True),
        ("Acme: 2,511 events by 39 users", 39, True),
        ("Acme: 2,511 events by 39 users", 11, False),
        ("2026-10-21 to 2026-11-19", 21, False),
        ("14 % finish", 1 / 7, True),
        ("14.3%", 1 / 7, True),
        ("14.2%", 1 / 7, False),
        ("0.142857", 1 / 7, True),
        ("0", 1 / 7, False),
        ("half of them, 50 %", 0.5, True),
        ("down 20 %, by -0.2", -0.2, True),
        ("ACME labs", "Acme Labs", True),
        ("Acme", "Acme Labs", False),
        ("acct_1001", 1001, False),
        ("39.0", 39, True),
    ],
)
def test_a_value_is_found_as_a_person_would_find_it(text: str, value: Any, expected: bool) -> None:
    assert says(text, value) is expected


def test_a_row_says_all_of_it_in_one_item_of_a_list() -> None:
    answer = {"total": 7, "rows": [{"name": "Acme", "users": 39}, ["Labs", {"users": 9}]]}

    assert says_in_a_row(answer, ["Acme", 39])
    assert says_in_a_row(answer, ["Labs", 9])
    assert not says_in_a_row(answer, ["Acme", 9])
    assert not says_in_a_row(answer, [7])


def test_the_truths_share_no_code_with_the_product() -> None:
    source = inspect.getsource(truth)

    assert "from handrail" not in source
    assert "from tools" not in source

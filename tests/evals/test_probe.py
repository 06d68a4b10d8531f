"""Every case's own call: its arguments fit, and its answer says what an independent count says."""

import asyncio
from collections.abc import Iterator

import pytest

from evals.cases import Case, cases
from evals.probe import Finding, probe
from evals.rooms import Rooms

CASES = [case for case in cases() if case.tool]


async def _all(chosen: list[Case], rooms: Rooms) -> list[Finding]:
    return [finding async for finding in probe(chosen, rooms)]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    made = Rooms(tmp_path_factory.mktemp("rooms"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def findings(rooms: Rooms) -> dict[str, Finding]:
    return {finding.case.id: finding for finding in asyncio.run(_all(CASES, rooms))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_expected_call_fits_and_its_answer_is_true(case: Case, findings: dict[str, Finding]) -> None:
    finding = findings[case.id]
    assert (finding.wrong, finding.skipped) == ([], "")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"arguments": {"account": 5}}, "does not take this"),
        ({"arguments": {"acount": "Acme"}}, "does not take this"),
        ({"says": (2512,)}, "does not say 2512"),
        ({"never_says": (39,)}, "says 39"),
        ({"rows": (("Acme", 767),)}, "has no row with"),
        ({"refused": "ask again"}, "is no refusal"),
        ({"arguments": {"account": "nobody at all like this"}}, "is an error"),
    ],
)
def test_a_wrong_case_is_told_with_what_is_wrong(
    rooms: Rooms, changed: dict[str, object], wrong: str
) -> None:
    case = next(case for case in CASES if case.id == "events-of-acme").model_copy(update=changed)

    [finding] = asyncio.run(_all([case], rooms))

    assert wrong in " ".join(finding.wrong)


def test_a_case_of_a_tool_that_is_not_there_is_skipped_with_the_reason(rooms: Rooms) -> None:
    case = Case(id="later", asks="Is it later?", tool="get_later")

    [finding] = asyncio.run(_all([case], rooms))

    assert finding.skipped == "get_later is not in the catalogue"
    assert finding.good


def test_a_case_that_changes_something_leaves_the_room_as_it_was(rooms: Rooms) -> None:
    pause = next(case for case in CASES if case.id == "sending-stop-one-account")
    status = Case(id="after", asks="What is paused?", tool="control_sending", never_says=("Marigold",))

    findings = asyncio.run(_all([pause, status], rooms))

    assert [finding.wrong for finding in findings] == [[], []]

"""Pages that are made: what stands in them is what the code says today."""

import tomllib

import pytest

from docs import commands, floors, generated
from tests.test_docs import ROOT


@pytest.mark.parametrize("name", generated.READ)
def test_a_page_that_is_read_from_the_code_is_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == generated.READ[name](), "run `make docs`"


def test_every_command_argument_and_option_says_what_it_is() -> None:
    assert commands.undescribed() == []


def test_the_drawing_shows_every_room_of_the_contract_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    named = {room.strip() for room in "|".join(contracts[0]["layers"]).split("|")}
    drawn = (ROOT / "docs" / "images" / "floors.svg").read_text("utf-8")

    assert sorted(room for room in named if f">{room.replace('.', '/')}</text>" not in drawn) == []
    assert drawn.count('class="name"') == len(named)
    monkeypatch.delitem(floors.WORDS, "tools")
    with pytest.raises(ValueError, match="differ in: tools"):
        floors.svg()


def test_every_decision_is_in_the_list() -> None:
    listed = (ROOT / "docs" / "decisions" / "index.md").read_text("utf-8")
    records = list((ROOT / "docs" / "decisions").glob("0*.md"))

    assert len(records) > 10
    assert all(f"]({path.name})" in listed for path in records)

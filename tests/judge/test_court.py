"""How judges are asked: what they say counts, and one that is not there is no verdict."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.judge.__main__ import complaints
from tests.judge.court import PACKAGES, Court, Unavailable, node_judges
from tests.judge.judges import HERE
from tools import catalogue


@pytest.fixture
def court(tmp_path: Path) -> Court:
    return Court(node=tmp_path, folder=tmp_path, ours="http://127.0.0.1:1/mcp", fixture="")


@pytest.mark.parametrize(("code", "good"), [(0, True), (1, False)])
def test_a_judge_is_content_if_it_ends_with_0(court: Court, code: int, good: bool) -> None:
    program = f"print('said'); raise SystemExit({code})"

    verdict = court.hear("judge", "a thing", sys.executable, "-c", program)

    assert verdict.good is good
    assert "said" in verdict.words


def test_a_judge_sees_none_of_our_settings(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_MIXPANEL_SECRET", "real")

    verdict = court.hear("judge", "a thing", sys.executable, "-c", "import os; print(dict(os.environ))")

    assert "HANDRAIL_" not in verdict.words


def test_judges_that_cannot_be_installed_are_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no npm"):
        node_judges("no-such-npm", tmp_path / "judges")
    with pytest.raises(Unavailable, match="could not install"):
        node_judges("false", tmp_path / "judges")


def test_versions_are_exact_and_no_address_is_kept() -> None:
    text = PACKAGES.read_text("utf-8")

    assert all(re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", v) for v in json.loads(text)["dependencies"].values())
    assert "://" not in text


def test_what_is_not_offered_on_purpose_is_a_list_of_scenarios() -> None:
    kept = yaml.safe_load((HERE / "not_offered.yml").read_text("utf-8"))

    assert set(kept) == {"server"}
    assert len(kept["server"]) == 5


def test_every_tool_that_takes_something_is_probed_with_real_arguments() -> None:
    given = json.loads((HERE / "arguments.json").read_text("utf-8"))
    needs_nothing = {"control_sending", "get_night_report", "get_tutorial_results", "sync_mixpanel"}

    probed = {tool.name for tool in catalogue() if tool.effect != "send" and not tool.of_a_page}
    assert probed <= set(given) | needs_nothing


def test_a_complaint_is_shown_without_colours_and_praise() -> None:
    assert complaints("✓ fine\n\x1b[31m✗ not fine\x1b[0m\n") == ["✗ not fine"]
    assert complaints("only\nwords") == ["only", "words"]

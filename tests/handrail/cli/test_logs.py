"""Logs as lines for a person, or as JSON for a machine."""

import json
import logging
from collections.abc import Iterator

import pytest

from agent import night
from handrail.cli.logs import JsonLines, set_up_logging
from handrail.context import ToolContext


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, formatters = root.level, [handler.formatter for handler in root.handlers]
    yield
    root.setLevel(level)
    for handler, formatter in zip(root.handlers, formatters, strict=False):
        handler.setFormatter(formatter)


async def test_a_finished_night_is_one_json_line_with_the_figures_of_the_specification(
    ctx: ToolContext, caplog: pytest.LogCaptureFixture
) -> None:
    set_up_logging(logging.INFO, "json")
    caplog.set_level("INFO")

    report = await night.run(ctx)

    [record] = [each for each in caplog.records if each.name == "handrail.flows.help_figures"]
    line = JsonLines().format(record)
    told = json.loads(line)
    assert "\n" not in line
    assert told["message"] == "night of 2026-11-19 finished: 41 people struggle, 26 mailed, 16 withheld"
    assert (told["level"], told["night"]) == ("INFO", "2026-11-19")
    assert told["seconds"] == (report.finished_at - report.started_at).total_seconds()  # type: ignore[operator]
    assert {name: told[name] for name in ("users_identified", "sent", "drafts", "drafts_passed")} == {
        "users_identified": 41,
        "sent": 26,
        "drafts": 21,
        "drafts_passed": 21,
    }
    assert told["content_success_rate"] == 1.0
    assert told["click_rate"] is None
    assert told["withheld"]["account_opted_out"] == 3


def test_a_line_names_what_went_wrong_and_never_its_text(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("handrail.test")
    try:
        raise ValueError("ana@acme.example")
    except ValueError:
        log.exception("it\nfailed")

    line = JsonLines().format(caplog.records[-1])
    told = json.loads(line)

    assert (told["message"], told["error"]) == ("it\nfailed", "ValueError")
    assert "ana@" not in line
    assert "\n" not in line


def test_the_format_can_be_changed_after_the_first_call() -> None:
    set_up_logging()
    set_up_logging(logging.INFO, "json")

    assert all(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)

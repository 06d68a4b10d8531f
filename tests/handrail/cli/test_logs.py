"""Logs as lines for a person, or as JSON for a machine."""

import json
import logging
from collections.abc import Iterator

import pytest

from agent import night
from handrail.cli.logs import FORMAT, JsonLines, Lines, set_up_logging
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


def test_a_line_for_a_person_tells_where_it_broke_and_never_with_which_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        try:
            raise KeyError("ana@acme.example")
        except KeyError as first:
            raise ValueError("+49 1577 7310031") from first
    except ValueError:
        logging.getLogger("handrail.test").exception("it failed")

    told = Lines(FORMAT).format(caplog.records[-1])

    assert "it failed" in told
    assert __file__ in told
    assert told.endswith("ValueError")
    assert "ana@acme" not in told
    assert "1577 7310031" not in told.replace('raise ValueError("+49 1577 7310031")', ""), (
        "but for our source"
    )


def test_libraries_are_told_from_warnings_on_at_whatever_level_we_are() -> None:
    set_up_logging(logging.DEBUG)

    assert logging.getLogger("handrail.flows.sync").isEnabledFor(logging.DEBUG)
    for name in ("mcp.server", "aiosqlite", "httpx2", "sqlalchemy.engine", "dbos", "one.that.comes.later"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
        assert logging.getLogger(name).isEnabledFor(logging.WARNING), name
    set_up_logging()


def test_the_format_can_be_changed_after_the_first_call() -> None:
    set_up_logging()
    set_up_logging(logging.INFO, "json")

    assert all(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)

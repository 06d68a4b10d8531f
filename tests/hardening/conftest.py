"""One line a promise, with its figure, under the results."""

from collections.abc import Callable

import pytest
from _pytest.terminal import TerminalReporter

PROMISE = "promise"
Promise = Callable[[str], None]


@pytest.fixture
def promise(record_property: Callable[[str, object], None]) -> Promise:
    """Say in one line what held, with its figure: `promise("mails to nobody who opted out: 0 of 1,200")`."""
    return lambda line: record_property(PROMISE, line)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    reports = [each for each in terminalreporter.stats.get("passed", []) if each.when == "call"]
    lines = [str(line) for each in reports for name, line in each.user_properties if name == PROMISE]
    if lines:
        terminalreporter.section("what held")
        for line in sorted(lines):
            terminalreporter.write_line(line)

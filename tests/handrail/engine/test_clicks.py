"""Readers and machines that follow a mail's link."""

from datetime import timedelta

import pytest

from handrail.engine.clicks import by_machine

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36"
)
LATER = timedelta(hours=1)


@pytest.mark.parametrize(
    ("method", "agent", "after", "machine"),
    [
        ("GET", BROWSER, LATER, False),
        ("GET", PHONE, LATER, False),
        ("GET", BROWSER, timedelta(seconds=10), False),
        ("GET", BROWSER, timedelta(seconds=9.9), True),
        ("HEAD", BROWSER, LATER, True),
        ("GET", "", LATER, True),
        ("GET", "  ", LATER, True),
        ("GET", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", LATER, True),
        ("GET", "python-requests/2.32", LATER, True),
        ("GET", BROWSER.replace("Chrome", "HeadlessChrome"), LATER, True),
        ("GET", "Barracuda Sentinel (EE)", LATER, True),
    ],
)
def test_a_click_is_a_persons_or_a_machines(method: str, agent: str, after: timedelta, machine: bool) -> None:
    assert by_machine(method, agent, after) == machine

"""When a mail may leave: hours of the person's own zone, on weekdays, over changes of the clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.engine.send_hours import known_zone, next_window

OFFICE = (time(9), time(17))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "zone", "leaves"),
    [
        # The night of Thursday, 02:00 UTC, is Wednesday evening in New York and Thursday morning in Tokyo.
        ("2026-11-19T02:00Z", "America/New_York", "2026-11-19T14:00Z"),
        ("2026-11-19T02:00Z", "Asia/Tokyo", "2026-11-19T02:00Z"),
        ("2026-11-19T02:00Z", "Europe/Berlin", "2026-11-19T08:00Z"),
        ("2026-11-19T02:00Z", "Asia/Kathmandu", "2026-11-19T03:15Z"),
        # From Friday after hours to Monday.
        ("2026-11-20T22:00Z", "America/New_York", "2026-11-23T14:00Z"),
        ("2026-11-21T02:00Z", "America/New_York", "2026-11-23T14:00Z"),
        ("2026-11-22T12:00Z", "Europe/Berlin", "2026-11-23T08:00Z"),
        # The edges: 09:00 is in, 17:00 is not.
        ("2026-11-19T14:00Z", "America/New_York", "2026-11-19T14:00Z"),
        ("2026-11-19T21:59Z", "America/New_York", "2026-11-19T21:59Z"),
        ("2026-11-19T22:00Z", "America/New_York", "2026-11-20T14:00Z"),
        # The Monday after the clocks went forward (8 March) and back (1 November) in New York.
        ("2026-03-07T12:00Z", "America/New_York", "2026-03-09T13:00Z"),
        ("2026-10-31T12:00Z", "America/New_York", "2026-11-02T14:00Z"),
    ],
)
def test_a_mail_leaves_at_once_or_when_the_persons_hours_begin(now: str, zone: str, leaves: str) -> None:
    assert next_window(at(now), zone, OFFICE) == at(leaves)


@given(
    st.integers(0, 3 * 365 * 24 * 60),
    st.sampled_from(["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
)
def test_it_always_leaves_in_hours_on_a_weekday_and_at_the_first_such_instant(
    minutes: int, zone: str
) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    leaves = next_window(now, zone, OFFICE)

    local = leaves.astimezone(ZoneInfo(zone))
    assert local.weekday() < 5
    assert time(9) <= local.time() < time(17)
    assert leaves >= now
    quarter = now
    while quarter < leaves - timedelta(minutes=15):
        there = quarter.astimezone(ZoneInfo(zone))
        assert there.weekday() >= 5 or not time(9) <= there.time() < time(17)
        quarter += timedelta(minutes=15)


@pytest.mark.parametrize("name", ["", None, 7, "Nowhere/Town", "../../etc/passwd", "europe/berlin"])
def test_a_zone_nobody_knows_is_the_projects(name: object) -> None:
    assert known_zone(name, "Europe/Berlin") == "Europe/Berlin"


def test_a_known_zone_is_taken() -> None:
    assert known_zone("Asia/Tokyo", "Europe/Berlin") == "Asia/Tokyo"

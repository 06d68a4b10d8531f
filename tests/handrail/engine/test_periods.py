"""Which days a period means: complete days of the project's zone."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.periods import Period, PeriodName
from handrail.engine.periods import compared, last_complete_day, nightly, resolve
from handrail.errors import CallerError

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
YEAR = 366 * 86_400
MOMENTS = st.integers(50 * YEAR, 65 * YEAR).map(lambda epoch: datetime.fromtimestamp(epoch, UTC))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def days(name: PeriodName, now: datetime, zone: str = "UTC") -> tuple[str, str]:
    period = resolve(name, "", "", now=now, zone=zone)
    return period.from_date.isoformat(), period.to_date.isoformat()


@pytest.mark.parametrize(
    ("now", "zone", "day"),
    [
        ("2026-11-21T12:00:00", "UTC", "2026-11-20"),
        ("2026-11-21T00:00:00", "UTC", "2026-11-20"),
        ("2026-11-20T23:59:59", "UTC", "2026-11-19"),
        ("2026-11-21T02:00:00", "America/New_York", "2026-11-19"),
        ("2026-11-21T04:59:59", "America/New_York", "2026-11-19"),
        ("2026-11-21T05:00:00", "America/New_York", "2026-11-20"),
        ("2026-11-20T10:00:00", "Pacific/Kiritimati", "2026-11-20"),
        ("2026-11-21T10:59:59", "Pacific/Pago_Pago", "2026-11-19"),
        # Berlin's clocks go back on 25 October: the 25th began at 22:00 UTC, the 26th begins at 23:00.
        ("2026-10-24T21:59:59", "Europe/Berlin", "2026-10-23"),
        ("2026-10-24T22:00:00", "Europe/Berlin", "2026-10-24"),
        ("2026-10-25T22:00:00", "Europe/Berlin", "2026-10-24"),
        ("2026-10-25T23:00:00", "Europe/Berlin", "2026-10-25"),
        # They go forward on 29 March: midnight of the 30th is 22:00 UTC.
        ("2026-03-28T23:00:00", "Europe/Berlin", "2026-03-28"),
        ("2026-03-29T21:59:59", "Europe/Berlin", "2026-03-28"),
        ("2026-03-29T22:00:00", "Europe/Berlin", "2026-03-29"),
        ("2027-01-01T00:30:00", "America/New_York", "2026-12-30"),
    ],
)
def test_a_day_is_complete_once_it_is_over_in_the_projects_zone(now: str, zone: str, day: str) -> None:
    assert last_complete_day(datetime.fromisoformat(now).replace(tzinfo=UTC), zone).isoformat() == day


@given(MOMENTS, st.sampled_from(ZONES))
def test_the_last_complete_day_is_over_and_the_next_is_not(now: datetime, zone: str) -> None:
    day = last_complete_day(now, zone)

    def begins(which: date) -> datetime:
        return datetime(which.year, which.month, which.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    assert begins(day + timedelta(days=1)) <= now < begins(day + timedelta(days=2))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("last_7_days", "2026-11-14", "2026-11-20"),
        ("last_30_days", "2026-10-22", "2026-11-20"),
        ("last_90_days", "2026-08-23", "2026-11-20"),
        ("this_month", "2026-11-01", "2026-11-20"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("this_quarter", "2026-10-01", "2026-11-20"),
        ("last_quarter", "2026-07-01", "2026-09-30"),
    ],
)
def test_named_periods_end_with_the_last_complete_day_or_their_own(
    name: PeriodName, first: str, last: str
) -> None:
    assert days(name, NOON) == (first, last)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("this_month", "2026-12-01", "2026-12-31"),
        ("last_month", "2026-11-01", "2026-11-30"),
        ("this_quarter", "2026-10-01", "2026-12-31"),
        ("last_quarter", "2026-07-01", "2026-09-30"),
    ],
)
def test_on_the_first_of_a_month_this_month_is_still_the_one_that_just_ended(
    name: PeriodName, first: str, last: str
) -> None:
    assert days(name, datetime(2027, 1, 1, 12, tzinfo=UTC)) == (first, last)


@pytest.mark.parametrize(
    ("name", "now", "first", "last"),
    [
        ("last_month", "2027-01-02", "2026-12-01", "2026-12-31"),
        ("last_month", "2028-03-15", "2028-02-01", "2028-02-29"),
        ("last_quarter", "2027-02-10", "2026-10-01", "2026-12-31"),
        ("last_quarter", "2026-04-02", "2026-01-01", "2026-03-31"),
        ("this_quarter", "2026-04-02", "2026-04-01", "2026-04-01"),
        ("this_month", "2026-03-02", "2026-03-01", "2026-03-01"),
        ("last_7_days", "2028-03-04", "2028-02-26", "2028-03-03"),
    ],
)
def test_months_and_quarters_keep_their_edges_over_years_and_leap_days(
    name: PeriodName, now: str, first: str, last: str
) -> None:
    assert days(name, datetime.fromisoformat(now).replace(hour=12, tzinfo=UTC)) == (first, last)


def test_the_zone_decides_which_day_is_the_last() -> None:
    late = datetime(2026, 11, 1, 2, tzinfo=UTC)

    assert days("last_month", late, "UTC") == ("2026-09-01", "2026-09-30")
    assert days("this_month", late, "UTC") == ("2026-10-01", "2026-10-31")
    assert days("this_month", late, "America/New_York") == ("2026-10-01", "2026-10-30")


@given(
    MOMENTS,
    st.sampled_from(ZONES),
    st.sampled_from(get_args(PeriodName)),
)
def test_a_named_period_is_never_empty_and_never_reaches_into_today(
    now: datetime, zone: str, name: PeriodName
) -> None:
    period = resolve(name, "", "", now=now, zone=zone)

    assert period.from_date <= period.to_date < now.astimezone(ZoneInfo(zone)).date()
    assert period.zone == zone


def test_two_days_are_taken_as_given_both_included() -> None:
    period = resolve("last_7_days", "2026-10-24", "2026-10-26", now=NOON, zone="Europe/Berlin")

    assert period == Period(from_date=date(2026, 10, 24), to_date=date(2026, 10, 26), zone="Europe/Berlin")
    assert period.days == 3


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-11-01", "", "both from_date and to_date"),
        ("", "2026-11-01", "both from_date and to_date"),
        ("yesterday", "2026-11-01", "days such as 2026-11-01"),
        ("2026-11-01", "2026-11-31", "days such as 2026-11-01"),
        ("2026-11-05", "2026-11-04", "swap them"),
        ("2026-11-05", "2026-11-21", "the last complete day in America/New_York is 2026-11-20"),
        ("2026-11-05", "2027-01-01", "not complete yet"),
    ],
)
def test_days_that_cannot_be_used_are_refused_with_what_to_do(first: str, last: str, says: str) -> None:
    with pytest.raises(CallerError, match=says):
        resolve("last_7_days", first, last, now=NOON, zone="America/New_York")


def test_the_period_before_has_the_same_length_and_ends_the_day_before() -> None:
    month = Period.of_days(30, date(2026, 11, 20), "UTC")

    assert (month.from_date, month.days) == (date(2026, 10, 22), 30)
    assert month.before() == Period(from_date=date(2026, 9, 22), to_date=date(2026, 10, 21), zone="UTC")
    assert month.words() == "2026-10-22 to 2026-11-20 (UTC)"


def test_a_night_measures_standard_periods_those_before_them_within_its_reach_and_each_day() -> None:
    spans = nightly(date(2026, 11, 20), "UTC", 90)

    assert {(span.from_date, span.to_date) for span in spans if span.days > 1} == {
        (date(2026, 11, 14), date(2026, 11, 20)),
        (date(2026, 11, 7), date(2026, 11, 13)),
        (date(2026, 10, 22), date(2026, 11, 20)),
        (date(2026, 9, 22), date(2026, 10, 21)),
        (date(2026, 8, 23), date(2026, 11, 20)),
        (date(2026, 11, 1), date(2026, 11, 20)),
        (date(2026, 10, 12), date(2026, 10, 31)),
        (date(2026, 10, 1), date(2026, 10, 31)),
        (date(2026, 8, 31), date(2026, 9, 30)),
        (date(2026, 10, 1), date(2026, 11, 20)),
        (date(2026, 7, 1), date(2026, 9, 30)),
    }
    alone = [span.from_date for span in spans if span.days == 1]
    assert (len(alone), min(alone), max(alone)) == (90, date(2026, 8, 23), date(2026, 11, 20))


def test_on_the_first_of_a_month_the_month_is_a_day_and_is_measured_once() -> None:
    spans = nightly(date(2026, 10, 1), "UTC", 7)

    assert spans.count(Period.of_days(1, date(2026, 10, 1), "UTC")) == 1


@pytest.mark.parametrize(
    ("name", "first", "last", "other_first", "other_last"),
    [
        ("this_quarter", "2026-10-01", "2026-11-19", "2026-07-01", "2026-08-19"),
        ("last_quarter", "2026-07-01", "2026-09-30", "2026-04-01", "2026-06-30"),
        ("this_month", "2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
        ("last_month", "2026-01-01", "2026-01-31", "2025-12-01", "2025-12-31"),
        ("last_7_days", "2026-11-13", "2026-11-19", "2026-11-06", "2026-11-12"),
        (None, "2026-10-01", "2026-11-19", "2026-08-12", "2026-09-30"),
    ],
)
def test_a_month_or_quarter_is_compared_with_the_same_days_of_the_one_before(
    name: PeriodName | None, first: str, last: str, other_first: str, other_last: str
) -> None:
    span = Period(from_date=date.fromisoformat(first), to_date=date.fromisoformat(last), zone="Europe/Berlin")

    other = compared(name, span)

    assert (str(other.from_date), str(other.to_date), other.zone) == (
        other_first,
        other_last,
        "Europe/Berlin",
    )

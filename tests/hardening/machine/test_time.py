"""Clocks that jump a day, and local clocks that skip or repeat an hour."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta

import pytest

from agent import night
from handrail.context import open_context
from handrail.engine.send_hours import next_window
from handrail.errors import HandrailError
from handrail.flows.mailing import release
from handrail.settings import Settings
from standin.state import Standin
from tests.hardening.conftest import Promise
from tests.hardening.machine.conftest import PEOPLE

DAY = timedelta(days=1)
HOURS = (time(9), time(17))


async def test_a_clock_that_jumps_a_day_back_and_forth_mails_nobody_twice(
    settings: Settings, standins: Standin, promise: Promise
) -> None:
    start = standins.world.start()
    told = []
    for jump in (0, -1, 1, -1, 2):
        now = start + jump * DAY
        standins.clock.set(now)
        async with open_context(settings.model_copy(update={"now": now}), actor="nightly") as ctx:
            try:
                await night.run(ctx)
                await release(ctx)
            except HandrailError as error:
                told.append(str(error))

    mailed = Counter(mail["to"] for mail in standins.mails)
    assert (len(mailed), set(mailed.values())) == (PEOPLE, {1})
    assert all(words.endswith(".") for words in told)
    promise(f"clock a day back and forth, 5 nights: {PEOPLE} people mailed once, 0 twice")


@pytest.mark.parametrize(
    ("zone", "now", "opens"),
    [
        # Spring: 02:00 becomes 03:00 on Sunday the 8th; Monday at nine is an hour earlier in UTC.
        ("America/New_York", "2026-03-06T22:00+00:00", "2026-03-09T13:00+00:00"),
        # Autumn: the 1st of November has 25 hours.
        ("America/New_York", "2026-10-30T21:00+00:00", "2026-11-02T14:00+00:00"),
        ("Europe/Berlin", "2026-03-27T16:00+00:00", "2026-03-30T07:00+00:00"),
        ("Europe/Berlin", "2026-10-23T15:00+00:00", "2026-10-26T08:00+00:00"),
        # Half an hour of summer time: +11:00 and +10:30.
        ("Australia/Lord_Howe", "2026-04-03T06:00+00:00", "2026-04-05T22:30+00:00"),
        ("Australia/Lord_Howe", "2026-10-02T07:00+00:00", "2026-10-04T22:00+00:00"),
        # South of the equator: -03:00 in summer, -04:00 in winter; changes at midnight of a Sunday.
        ("America/Santiago", "2026-04-03T21:00+00:00", "2026-04-06T13:00+00:00"),
        ("America/Santiago", "2026-09-04T21:30+00:00", "2026-09-07T12:00+00:00"),
        # Changes on a Friday, a day on which mail leaves: +02:00, from 00:00 of 24 April +03:00.
        ("Africa/Cairo", "2026-04-23T15:00+00:00", "2026-04-24T06:00+00:00"),
        ("Africa/Cairo", "2026-10-29T14:30+00:00", "2026-10-30T07:00+00:00"),
        # No summer time at all.
        ("Asia/Kolkata", "2026-03-27T12:00+00:00", "2026-03-30T03:30+00:00"),
    ],
)
def test_working_hours_begin_at_nine_by_the_wall_also_after_clocks_change(
    zone: str, now: str, opens: str
) -> None:
    found = next_window(datetime.fromisoformat(now), zone, HOURS)

    assert found == datetime.fromisoformat(opens)
    assert found.tzinfo is UTC

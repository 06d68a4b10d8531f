"""When a person may be mailed: on weekdays, within hours of their own zone."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

SATURDAY = 5


Hours = tuple[time, time]
"""From the first (included) to the second (not included), Monday to Friday."""


def next_window(now: datetime, zone: str, hours: Hours) -> datetime:
    """`now` if a mail may leave, else the next instant at which it may (UTC)."""
    place = ZoneInfo(zone)
    first = now.astimezone(place).date()
    for ahead in range(8):
        day = first + timedelta(days=ahead)
        if day.weekday() >= SATURDAY:
            continue
        # Compared in UTC: two wall-clock times of one zone would be compared without their offsets.
        opens = datetime.combine(day, hours[0], place).astimezone(UTC)
        closes = datetime.combine(day, hours[1], place).astimezone(UTC)
        if now < closes:
            return max(now, opens)
    raise AssertionError("A week without a weekday.")


def known_zone(name: object, otherwise: str) -> str:
    """The zone of that name, or the other one: profiles can hold anything."""
    return name if isinstance(name, str) and name in _zones() else otherwise


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())

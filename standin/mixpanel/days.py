"""Dates of a query: reading them, and cutting a range into buckets of the project's calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from standin.mixpanel.call import Call
from standin.mixpanel.events import Event
from standin.mixpanel.refusal import RefusalError

Buckets = tuple[list[str], Callable[[Event], str]]
UNITS = {"minute", "hour", "day", "week", "month"}


def parse(call: Call, name: str) -> date:
    text = call.required(name)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusalError(400, f"Error in {name}: invalid date, must be yyyy-mm-dd") from None
    if day.year < 2000:
        raise RefusalError(400, f"Error in {name}: invalid date, bad year")
    return day


def period(call: Call, today: date) -> tuple[date, date]:
    """`from_date` and `to_date`, inclusive, the later of them not after `today`."""
    first, last = parse(call, "from_date"), parse(call, "to_date")
    if last > today:
        raise RefusalError(400, "to_date cannot be later than today")
    if first > last:
        raise RefusalError(400, "from_date cannot be later than to_date")
    return first, last


def start_of(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def cut(first: date, last: date, unit: str) -> Buckets:
    """The keys of all buckets from `first` to `last`, and the key of an event's bucket."""
    if unit not in UNITS:
        raise RefusalError(400, f"Error in unit: invalid unit {unit}")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if unit in {"minute", "hour"}:
        length = 60 if unit == "minute" else 3600
        start = int(datetime.combine(first, datetime.min.time(), UTC).timestamp())
        keys = [_wall(start + step) for step in range(0, len(days) * 86400, length)]
        return keys, lambda event: _wall(event.local // length * length)
    keys = list(dict.fromkeys(start_of(day, unit).isoformat() for day in days))
    return keys, lambda event: start_of(event.day, unit).isoformat()


def every(first: date, last: date, interval: int) -> Buckets:
    """Buckets of `interval` days, the first of which begins on `first`."""
    if interval < 1:
        raise RefusalError(400, "Error in interval: must be at least 1")
    starts = [first + timedelta(days=number) for number in range(0, (last - first).days + 1, interval)]
    keys = [start.isoformat() for start in starts]
    return keys, lambda event: keys[(event.day - first).days // interval]


def _wall(local: float) -> str:
    return datetime.fromtimestamp(local, UTC).strftime("%Y-%m-%d %H:%M:%S")

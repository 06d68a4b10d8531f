"""Which days a period means: complete days of the project's zone only."""

from datetime import date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from handrail.domain.periods import Period, PeriodName
from handrail.errors import CallerError

FIRST = date(2000, 1, 1)
"""No day before it is asked about: periods are compared with those before them, and the calendar begins."""
LAST = date(2100, 1, 1)

_LAST_DAYS: dict[str, int] = {"last_7_days": 7, "last_30_days": 30, "last_90_days": 90}


def last_complete_day(now: datetime, zone: str) -> date:
    """The project day before today."""
    return now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def resolve(name: PeriodName, from_date: str, to_date: str, *, now: datetime, zone: str) -> Period:
    """Turn a named period, or two ISO days (both inclusive), into days.

    Raises `CallerError` for days that do not parse, are in the wrong order or not over yet.
    """
    last = last_complete_day(now, zone)
    if not from_date and not to_date:
        start, end = _named(name, last)
        return Period(from_date=start, to_date=end, zone=zone)
    if not (from_date and to_date):
        raise CallerError("Give both from_date and to_date as YYYY-MM-DD, or a period such as last_30_days.")
    try:
        start, end = date.fromisoformat(from_date), date.fromisoformat(to_date)
    except ValueError:
        raise CallerError("from_date and to_date must be days such as 2026-11-01.") from None
    if start > end:
        raise CallerError(f"from_date {start} lies after to_date {end}; swap them.")
    if start < FIRST:
        raise CallerError(f"from_date {start} lies before {FIRST}; no project has figures that old.")
    if end > last:
        raise CallerError(f"{end} is not complete yet; the last complete day in {zone} is {last}.")
    return Period(from_date=start, to_date=end, zone=zone)


def compared(name: PeriodName | None, span: Period) -> Period:
    """What a period is compared with: as many days before it.

    A month or quarter that has begun is compared with as many days from the beginning of the one before, a
    whole one with the whole one before. `name` is None for days that were given one by one.
    """
    if name is None or name in _LAST_DAYS:
        return span.before()
    end = span.from_date - timedelta(days=1)
    start = _quarter(end) if name.endswith("quarter") else end.replace(day=1)
    if name.startswith("this_"):
        end = min(end, start + timedelta(days=span.days - 1))
    return Period(from_date=start, to_date=end, zone=span.zone)


def given_day(text: str, name: str) -> date | None:
    """The day that was written, None for none. Raises `CallerError` that names the parameter."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not FIRST <= day <= LAST:
        raise CallerError(f"{name} must be a day such as 2026-11-20, not {text[:40]!r}.")
    return day


def day_of(value: object) -> date | None:
    """The day that a property's value begins with, as Mixpanel writes days and moments; None for others."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def standard(last: date, zone: str) -> dict[PeriodName, Period]:
    """Every named period as it is meant when `last` is the last complete day."""
    spans = {name: _named(name, last) for name in get_args(PeriodName)}
    return {name: Period(from_date=start, to_date=end, zone=zone) for name, (start, end) in spans.items()}


def nightly(last: date, zone: str, reach: int) -> list[Period]:
    """What a night measures: every standard period, and of the last `reach` days each day alone, too.

    The period before a standard one is measured where it lies inside those days.
    """
    named = standard(last, zone).values()
    first = last - timedelta(days=reach - 1)
    before = [each.before() for each in named if each.before().from_date >= first]
    alone = [Period.of_days(1, last - timedelta(days=ago), zone) for ago in range(reach)]
    return list(dict.fromkeys([*named, *before, *alone]))


def midnight(day: date, zone: str) -> datetime:
    """The beginning of a project day."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone))


def _named(name: str, last: date) -> tuple[date, date]:
    if name in _LAST_DAYS:
        return last - timedelta(days=_LAST_DAYS[name] - 1), last
    month, quarter = last.replace(day=1), _quarter(last)
    starts = {"this_month": month, "this_quarter": quarter}
    if name in starts:
        return starts[name], last
    if name == "last_month":
        end = month - timedelta(days=1)
        return end.replace(day=1), end
    end = quarter - timedelta(days=1)
    return _quarter(end), end


def _quarter(day: date) -> date:
    """The first day of its quarter."""
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)

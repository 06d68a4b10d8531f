"""The answers of Mixpanel's query endpoints, checked and turned into our words."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from math import isfinite
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from handrail.domain.queries import (
    OVERALL,
    Activity,
    Cohort,
    Frequency,
    Point,
    PropertyUse,
    RetentionCohort,
    Series,
    TopEvent,
)
from handrail.errors import UpstreamError
from handrail.services.mixpanel.answers import Answer, enveloped, read


class _Answer(Answer):
    model_config = ConfigDict(strict=True)


class _Table(_Answer):
    values: dict[str, dict[str, float | None]]


class _Segmented(_Answer):
    data: _Table


class _Results(_Answer):
    results: dict[str, float | None]


class _Top(_Answer):
    event: str
    amount: float
    percent_change: float | None = None


class _TopList(_Answer):
    events: list[_Top]


class _Use(_Answer):
    count: int | None = None


class _Cohort(_Answer):
    id: int
    name: str
    description: str | None = None
    count: int | None = None


class Returned(_Answer):
    """The people of one retention cohort."""

    first: int
    counts: list[int | None]


class _Done(_Answer):
    event: str
    properties: dict[str, Any]


class _DoneList(_Answer):
    events: list[_Done]


class _Stream(_Answer):
    results: _DoneList


class _When(_Answer):
    time: float
    distinct_id: Annotated[str, Field(coerce_numbers_to_str=True, strict=False)] = ""
    dollar_id: Annotated[str, Field(alias="$distinct_id", coerce_numbers_to_str=True, strict=False)] = ""


_segmented = TypeAdapter(_Segmented)
_results = TypeAdapter(_Results)
_top = TypeAdapter(_TopList)
_uses = TypeAdapter(dict[str, _Use])
_texts = TypeAdapter(list[str])
_values = TypeAdapter(list[str | int | float | bool | None])
_frequency = TypeAdapter(dict[str, list[int | None]])
_object = TypeAdapter(dict[str, Any])
_cohorts = TypeAdapter(list[_Cohort])
_returned = TypeAdapter(Returned)
_stream = TypeAdapter(_Stream)
_when = TypeAdapter(_When)


def series(raw: object, what: str) -> tuple[Series, ...]:
    """A table of counts by name and bucket."""
    values = read(_segmented, raw, what).data.values
    return tuple(Series(name=name, points=points(buckets)) for name, buckets in values.items())


def results(raw: object, name: str, what: str) -> Series:
    """One number a bucket."""
    return Series(name=name, points=points(read(_results, raw, what).results))


def points(buckets: Mapping[str, float | None]) -> tuple[Point, ...]:
    """The buckets in order of time; a null says nothing about its bucket, so that is left out."""
    return tuple(Point(start=start, count=buckets[start] or 0) for start in sorted(told(buckets)))


def told(buckets: Mapping[str, float | None]) -> Iterator[str]:
    return (start for start, count in buckets.items() if count is not None)


def top(raw: object, what: str) -> tuple[TopEvent, ...]:
    return tuple(
        TopEvent(event=one.event, count=one.amount, change=one.percent_change)
        for one in read(_top, raw, what).events
    )


def uses(raw: object, what: str) -> tuple[PropertyUse, ...]:
    return tuple(PropertyUse(name=name, events=use.count) for name, use in read(_uses, raw, what).items())


def leaf(raw: object, what: str, *, adds_up: bool = False) -> float | None:
    """The one number of a report's leaf: bare, under `all`, or under its date; None where there is none.

    Several dates make one number only where they add up, as events do and users do not.
    """
    if not isinstance(raw, dict):
        return number(raw, what)
    found = [number(value, what) for value in raw.values()]
    known = [one for one in found if one is not None]
    return sum(known) if known and (adds_up or len(found) == 1) else None


def number(value: object, what: str) -> float | None:
    """A number, or nothing where Mixpanel has none."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)):
        return value
    raise UpstreamError(
        f"Mixpanel answered {what} in a shape Handrail does not know: try again, or update Handrail."
    )


def texts(raw: object, what: str) -> tuple[str, ...]:
    found: list[str] = read(_texts, raw, what)
    return tuple(found)


def values(raw: object, what: str) -> tuple[str, ...]:
    """Values of a property as texts; numbers arrive now and then as numbers."""
    return tuple(str(value) for value in read(_values, raw, what) if value is not None)


def retention(raw: object, what: str) -> tuple[RetentionCohort, ...]:
    """Cohorts by date, and by segment where there is one, whichever of the two stands above."""
    return tuple(sorted(_retention((), raw, what), key=lambda cohort: cohort.start))


def _retention(path: tuple[str, ...], raw: object, what: str) -> Iterator[RetentionCohort]:
    for key, value in read(_object, raw, what).items():
        if isinstance(value, dict) and "counts" not in value:
            yield from _retention((*path, key), value, what)
        else:
            yield cohort((*path, key), value, what)


def cohort(path: Iterable[str], raw: object, what: str) -> RetentionCohort:
    found = read(_returned, raw, what)
    start = next((key for key in path if is_date(key)), "")
    segment = next((key for key in path if not is_date(key)), OVERALL)
    returned = tuple(count or 0 for count in found.counts)
    return RetentionCohort(start=start, size=found.first, returned=returned, segment=segment)


def is_date(key: str) -> bool:
    try:
        date.fromisoformat(key[:10])
    except ValueError:
        return False
    return True


def frequency(raw: object, what: str) -> tuple[Frequency, ...]:
    """With or without the wrapper that Mixpanel's own pages disagree on."""
    body = read(_object, raw, what)
    table = read(_frequency, body.get("data", body), what)
    return tuple(
        Frequency(start=start, users=tuple(count or 0 for count in table[start])) for start in sorted(table)
    )


def cohorts(raw: object, what: str) -> tuple[Cohort, ...]:
    """The list of the query API, or that of the app API in its envelope."""
    found = enveloped(_cohorts, raw, what) if isinstance(raw, dict) else read(_cohorts, raw, what)
    return tuple(
        Cohort(cohort_id=one.id, name=one.name, description=one.description or "", count=one.count)
        for one in found
    )


def activity(raw: object, what: str) -> tuple[Activity, ...]:
    return tuple(_activity(done, what) for done in read(_stream, raw, what).results.events)


def _activity(done: _Done, what: str) -> Activity:
    when = read(_when, done.properties, what)
    who = when.distinct_id or when.dollar_id
    return Activity(event=done.event, distinct_id=who, time=when.time, properties=done.properties)

"""Mixpanel's query endpoints: counts over time, names and values, retention, saved reports, activity."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from handrail.domain.periods import Period
from handrail.domain.queries import (
    Activity,
    Coarse,
    Cohort,
    Counting,
    Frequency,
    PropertyUse,
    RetentionCohort,
    SavedReport,
    Segmentation,
    Series,
    TopEvent,
    Unit,
)
from handrail.errors import CallerError, NotOffered
from handrail.services.mixpanel import query_answers, saved_reports
from handrail.services.mixpanel.expressions import Condition, property_of_event
from handrail.services.mixpanel.wire import Wire

MOST_SEGMENTS = 10_000
IDS_A_REQUEST = 100
"""Ids travel in the address, which proxies cut at some 8 KB."""

Measured = Literal["sum", "average"]
HourOrDay = Literal["hour", "day"]


class Queries:
    """One project's queries. Each call costs one of the hour, save where it says otherwise."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._project_id = project_id

    async def segmentation(
        self,
        event: str,
        period: Period,
        *,
        by: str = "",
        where: Condition | None = None,
        unit: Unit = "day",
        counting: Counting = "general",
        limit: int = MOST_SEGMENTS,
    ) -> Segmentation:
        """One event over time, in one series; or with `by` in one for each value of that property."""
        asked = {"event": event, **_dates(period), **_where(where), "unit": unit, "type": counting}
        if by:
            asked |= {"on": property_of_event(by), "limit": str(limit)}
        found = query_answers.series(await self._get("segmentation", asked, "counts"), "counts")
        return Segmentation(series=found, complete=not by or len(found) < limit)

    async def segmentation_sum(
        self,
        event: str,
        period: Period,
        *,
        of: str,
        where: Condition | None = None,
        unit: HourOrDay = "day",
    ) -> Series:
        """The sum of a number that the events carry; what is no number counts as 0."""
        return await self._measured("sum", event, period, of, where, unit)

    async def segmentation_average(
        self,
        event: str,
        period: Period,
        *,
        of: str,
        where: Condition | None = None,
        unit: HourOrDay = "day",
    ) -> Series:
        """The mean of a number that the events carry."""
        return await self._measured("average", event, period, of, where, unit)

    async def segmentation_numeric(
        self,
        event: str,
        period: Period,
        *,
        of: str,
        where: Condition | None = None,
        unit: HourOrDay = "day",
        counting: Counting = "general",
    ) -> Segmentation:
        """One event over time in ranges of a number, which are named like "2,000 - 2,100"."""
        asked = {**self._numbers(event, period, of, where, unit), "type": counting}
        raw = await self._get("segmentation/numeric", asked, "counts by number")
        return Segmentation(series=query_answers.series(raw, "counts by number"))

    async def event_counts(
        self, events: Sequence[str], period: Period, *, unit: Unit = "day", counting: Counting = "general"
    ) -> Segmentation:
        """Several events over time for one query. Mixpanel counts no users by the hour here."""
        if counting == "unique" and unit in ("minute", "hour"):
            raise CallerError("Users of several events cannot be counted by the hour: ask by the day.")
        asked = {"event": json.dumps(list(events)), **_dates(period), "unit": unit, "type": counting}
        return Segmentation(
            series=query_answers.series(await self._get("events", asked, "events over time"), "the events")
        )

    async def event_names(self, *, limit: int = 255) -> tuple[str, ...]:
        """The most common events of the last 31 days."""
        raw = await self._get("events/names", {"type": "general", "limit": str(limit)}, "event names")
        return query_answers.texts(raw, "event names")

    async def top_events(self, *, counting: Counting = "general", limit: int = 100) -> tuple[TopEvent, ...]:
        """Today's most common events."""
        raw = await self._get("events/top", {"type": counting, "limit": str(limit)}, "today's events")
        return query_answers.top(raw, "today's events")

    async def event_properties(self, event: str, *, limit: int = 255) -> tuple[PropertyUse, ...]:
        """The properties that most of these events have."""
        raw = await self._get("events/properties/top", {"event": event, "limit": str(limit)}, "properties")
        return query_answers.uses(raw, "properties")

    async def property_values(self, event: str, name: str, *, limit: int = 255) -> tuple[str, ...]:
        """The most common values of a property. They may be personal: treat them as raw data."""
        asked = {"event": event, "name": name, "limit": str(limit)}
        return query_answers.values(await self._get("events/properties/values", asked, "values"), "values")

    async def retention(
        self,
        born_event: str,
        event: str,
        period: Period,
        *,
        intervals: int = 7,
        unit: Coarse = "day",
        born_where: Condition | None = None,
        where: Condition | None = None,
        by: str = "",
        unbounded: bool = False,
    ) -> tuple[RetentionCohort, ...]:
        """Who did `born_event` for the first time, and how many of them came back for `event`.

        An empty `event` is any event. `unbounded` counts who came back in interval k or later.
        """
        asked = {
            **_dates(period),
            "retention_type": "birth",
            "born_event": born_event,
            **_where(born_where, "born_where"),
            **self._coming_back(event, intervals, unit, where, by, unbounded),
        }
        return query_answers.retention(await self._get("retention", asked, "retention"), "retention")

    async def recurring(
        self,
        event: str,
        period: Period,
        *,
        intervals: int = 7,
        unit: Coarse = "day",
        where: Condition | None = None,
        by: str = "",
        unbounded: bool = False,
    ) -> tuple[RetentionCohort, ...]:
        """Who did `event` in each bucket, however often before, and how many of them did it again."""
        asked = {
            **_dates(period),
            "retention_type": "compounded",
            **self._coming_back(event, intervals, unit, where, by, unbounded),
        }
        return query_answers.retention(await self._get("retention", asked, "retention"), "retention")

    async def frequency(
        self,
        period: Period,
        *,
        event: str = "",
        unit: Coarse = "week",
        within: HourOrDay = "day",
        where: Condition | None = None,
    ) -> tuple[Frequency, ...]:
        """In how many hours or days of each bucket people were active; an empty `event` is any event."""
        asked = {**_dates(period), "unit": unit, "addiction_unit": within, **_where(where)}
        if event:
            asked["event"] = event
        raw = await self._get("retention/addiction", asked, "the frequency")
        return query_answers.frequency(raw, "the frequency")

    async def cohorts(self) -> tuple[Cohort, ...]:
        """Saved cohorts: free of charge from the app API, else from the query API."""
        what = "saved cohorts"
        path = f"/api/app/projects/{self._project_id}/cohorts"
        with contextlib.suppress(NotOffered):
            return query_answers.cohorts(await self._wire.send("GET", self._query_url, path, what), what)
        return query_answers.cohorts(await self._get("cohorts/list", {}, what), what)

    async def saved_report(self, bookmark_id: int) -> SavedReport:
        """A saved report with the dates, filters and breakdowns that were saved with it; no flows."""
        raw = await self._get("insights", {"bookmark_id": str(bookmark_id)}, saved_reports.WHAT)
        return saved_reports.saved_report(raw)

    async def activity(self, distinct_ids: Iterable[str], period: Period) -> tuple[Activity, ...]:
        """What these people did: one query for a hundred of them. Of the very busy Mixpanel drops some."""
        ids = list(dict.fromkeys(distinct_ids))
        found: list[Activity] = []
        for at in range(0, len(ids), IDS_A_REQUEST):
            asked = {"distinct_ids": json.dumps(ids[at : at + IDS_A_REQUEST]), **_dates(period)}
            raw = await self._get("stream/query", asked, "the activity of users")
            found.extend(query_answers.activity(raw, "the activity of users"))
        return tuple(found)

    def _coming_back(
        self,
        event: str,
        intervals: int,
        unit: Coarse,
        where: Condition | None,
        by: str,
        unbounded: bool,
    ) -> dict[str, str]:
        asked = {"unit": unit, "interval_count": str(intervals), **_where(where)}
        if event:
            asked["event"] = event
        if unbounded:
            asked["unbounded_retention"] = "true"
        if by:
            asked |= {"on": property_of_event(by), "limit": str(MOST_SEGMENTS)}
        return asked

    async def _measured(
        self, how: Measured, event: str, period: Period, of: str, where: Condition | None, unit: HourOrDay
    ) -> Series:
        asked = self._numbers(event, period, of, where, unit)
        what = f"the {how} of a property"
        return query_answers.results(await self._get(f"segmentation/{how}", asked, what), event, what)

    def _numbers(
        self, event: str, period: Period, of: str, where: Condition | None, unit: HourOrDay
    ) -> dict[str, str]:
        return {"event": event, **_dates(period), "on": property_of_event(of), **_where(where), "unit": unit}

    async def _get(self, endpoint: str, asked: Mapping[str, str], what: str) -> object:
        path, params = f"/api/query/{endpoint}", {"project_id": str(self._project_id), **asked}
        return await self._wire.send("GET", self._query_url, path, what, params=params)


def _dates(period: Period) -> dict[str, str]:
    return {"from_date": period.from_date.isoformat(), "to_date": period.to_date.isoformat()}


def _where(condition: Condition | None, name: str = "where") -> dict[str, str]:
    return {} if condition is None else {name: condition.text}

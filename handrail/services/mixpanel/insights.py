"""Reports asked ad hoc: funnels and counts of all accounts at once, for one query each.

Mixpanel's own clients ask so; it is not in its public documentation. What is asked goes out as structured
data, never as an expression, so no name of an account or an event can change the question.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from handrail.domain.funnels import Funnel, FunnelCounts
from handrail.domain.periods import Period
from handrail.domain.queries import (
    OVERALL,
    EventCount,
    Figures,
    FunnelTable,
    InCohort,
    Narrowing,
    OneOf,
    Property,
)
from handrail.errors import CallerError, UpstreamError
from handrail.services.mixpanel.answers import Answer, read
from handrail.services.mixpanel.query_answers import leaf
from handrail.services.mixpanel.saved_reports import steps_of
from handrail.services.mixpanel.wire import Wire

MOST_SEGMENTS = 50_000
MOST_FIGURES = 40
MOST_VALUES = 1000
FUNNEL_STEPS = range(2, 101)
"""A funnel's steps: as many as Mixpanel takes."""

Json = dict[str, Any]


class _Meta(Answer):
    is_segmentation_limit_hit: bool | None = None


class _Report(Answer):
    """`series` nests by metric and by segment where there is a breakdown."""

    series: dict[str, Any]
    meta: _Meta | None = None

    @property
    def complete(self) -> bool:
        return not (self.meta and self.meta.is_segmentation_limit_hit)


_report = TypeAdapter(_Report)
_segments = TypeAdapter(dict[str, Any])
_steps = TypeAdapter(dict[str, dict[str, Any] | None])


class Insights:
    """One project's ad-hoc reports. Each call costs one of the hour, whatever it shows."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._project_id = project_id

    async def funnel(
        self, funnel: Funnel, period: Period, *, by: Property | None = None, only: Sequence[Narrowing] = ()
    ) -> FunnelTable:
        """Users per step of one funnel, whether it is saved or not; entries inside the period.

        Each user counts once, and once in every segment of `by`.
        """
        what = "a funnel"
        report = await self._ask([_funnel(funnel, "0")], "funnel-steps", period, by, only, what)
        tables = _by_segment(_only_one(report, what), by, what)
        counted = {segment: _counts(funnel, table, what) for segment, table in tables.items()}
        known = {segment: counts for segment, counts in counted.items() if counts is not None}
        if counted and not known:
            raise UpstreamError(f"Mixpanel answered {what} without the users of its steps.")
        return FunnelTable(segments=known, complete=report.complete and len(known) == len(counted))

    async def figures(
        self,
        shown: Sequence[Funnel | EventCount],
        period: Period,
        *,
        by: Property | None = None,
        only: Sequence[Narrowing] = (),
    ) -> Figures:
        """One figure each over the whole period: a funnel's conversion (0 to 1), or an event's count."""
        if not 1 <= len(shown) <= MOST_FIGURES:
            raise CallerError(f"Ask for 1 to {MOST_FIGURES} figures at once.")
        what = "figures"
        metrics = [
            _funnel(one, str(at)) if isinstance(one, Funnel) else _event(one, str(at))
            for at, one in enumerate(shown)
        ]
        report = await self._ask(metrics, "table", period, by, only, what)
        if unknown := report.series.keys() - {metric["name"] for metric in metrics}:
            raise UpstreamError(f"Mixpanel answered {len(unknown)} figures that nobody asked for.")
        rows = tuple(
            {
                segment: leaf(value, what, adds_up=_adds_up(one))
                for segment, value in _by_segment(report.series.get(str(at), {}), by, what).items()
            }
            for at, one in enumerate(shown)
        )
        return Figures(rows=rows, complete=report.complete)

    async def _ask(
        self,
        show: list[Json],
        chart: str,
        period: Period,
        by: Property | None,
        only: Sequence[Narrowing],
        what: str,
    ) -> _Report:
        dates = [period.from_date.isoformat(), period.to_date.isoformat()]
        sections = {
            "show": show,
            "time": [{"dateRangeType": "between", "unit": "day", "value": dates}],
            "filter": [_filter(one) for one in only],
            "group": [_group(by)] if by else [],
            "formula": [],
        }
        body = {
            "project_id": self._project_id,
            "queryLimits": {"limit": MOST_SEGMENTS},
            "bookmark": {
                "sections": sections,
                "displayOptions": {"chartType": chart, "analysis": "linear"},
            },
        }
        raw = await self._wire.send(
            "POST", self._query_url, "/api/query/insights", what, body=body, gone=(402, 403, 404, 405)
        )
        return read(_report, raw, what)


def _funnel(funnel: Funnel, name: str) -> Json:
    if len(funnel.steps) not in FUNNEL_STEPS or funnel.window_seconds < 2:
        raise CallerError(f"Funnel {funnel.name} needs its steps and a window to be asked for.")
    behavior = {
        "type": "funnel",
        "resourceType": "events",
        "behaviors": [
            {"type": "event", "id": None, **_selected(step), "funnelOrder": "loose"} for step in funnel.steps
        ],
        "conversionWindowDuration": funnel.window_seconds,
        "conversionWindowUnit": "second",
        "funnelOrder": "loose",
        "exclusions": [],
        "aggregateBy": [],
        "filter": [],
    }
    measurement = {"math": "conversion_rate_unique", "property": None, "stepIndex": None}
    return {"type": "metric", "name": name, "behavior": behavior, "measurement": measurement}


def _event(asked: EventCount, name: str) -> Json:
    behavior = {"type": "event", "resourceType": "events", **_selected(asked.event)}
    math = "unique" if asked.counting == "unique" else "total"
    return {"type": "metric", "name": name, "behavior": behavior, "measurement": {"math": math}}


def _selected(event: str) -> Json:
    return {"name": event, "filters": [], "filtersDeterminer": "all"}


def _adds_up(asked: Funnel | EventCount) -> bool:
    return isinstance(asked, EventCount) and asked.counting == "general"


def _resource(of: Property) -> str:
    return "people" if of.of_users else "events"


def _group(by: Property) -> Json:
    return {
        "value": by.name,
        "propertyName": by.name,
        "resourceType": _resource(by),
        "propertyType": "string",
        "propertyDefaultType": "string",
    }


def _filter(one: Narrowing) -> Json:
    if isinstance(one, InCohort):
        cohort = {"negated": False, "name": "", "id": one.cohort_id}
        asked: Json = {
            "resourceType": "events",
            "value": "$cohorts",
            "filterOperator": "contains" if one.inside else "does not contain",
            "filterValue": [{"cohort": cohort}],
        }
        kind = "list"
    else:
        asked, kind = _one_of(one), "string"
    return {**asked, "filterType": kind, "defaultType": kind}


def _one_of(one: OneOf) -> Json:
    if not 1 <= len(one.values) <= MOST_VALUES:
        raise CallerError(f"Name 1 to {MOST_VALUES} values to look for.")
    return {
        "resourceType": _resource(one.property),
        "value": one.property.name,
        "filterOperator": "equals",
        "filterValue": list(one.values),
    }


def _only_one(report: _Report, what: str) -> object:
    """What is told of the one metric asked for, under whatever name; nothing if nothing was counted."""
    if len(report.series) > 1:
        raise UpstreamError(
            f"Mixpanel answered {what} in a shape Handrail does not know: try again, or update Handrail."
        )
    return next(iter(report.series.values()), {})


def _by_segment(metric: object, by: Property | None, what: str) -> dict[str, Any]:
    return read(_segments, metric, what) if by else {OVERALL: metric}


def _counts(funnel: Funnel, table: object, what: str) -> FunnelCounts | None:
    """The users of each step; None where Mixpanel tells nothing of a segment."""
    counts = read(_steps, table, what).get("count")
    if not counts:
        return None
    steps = steps_of(counts, what)
    if len(steps) != len(funnel.steps):
        raise UpstreamError(f"Mixpanel answered {what} with other steps than those asked for.")
    users = [step.users for step in steps if step.users is not None]
    if len(users) != len(steps):
        return None
    return FunnelCounts(events=funnel.steps, users=tuple(users))

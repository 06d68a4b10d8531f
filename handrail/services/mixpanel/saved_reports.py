"""Saved reports: insights, funnels and retention come from one endpoint, each in its own nesting."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from handrail.domain.queries import ReportRow, ReportStep, RetentionCohort, SavedReport
from handrail.services.mixpanel import query_answers
from handrail.services.mixpanel.answers import Answer, read
from handrail.services.mixpanel.query_answers import leaf, number

Path = tuple[str, ...]

WHAT = "the saved report"
_NOT_A_PROPERTY = frozenset({"$metric", "$event", "$funnel", "$retention"})
_STEP = re.compile(r"(\d+)\. (.*)\Z", re.DOTALL)


class _Report(Answer):
    """`series` nests by metric and segment; its leaves depend on the kind of report."""

    series: dict[str, Any]
    headers: list[str] | None = None
    computed_at: str | None = None
    date_range: dict[str, str | None] | None = None
    meta: dict[str, Any] | None = None


_report = TypeAdapter(_Report)


def saved_report(raw: object) -> SavedReport:
    found = read(_report, raw, WHAT)
    kind = _kind(found)
    rows = {"insights": _points, "funnels": _steps, "retention": _cohorts}[kind]
    dates = found.date_range or {}
    return SavedReport(
        kind=kind,
        by=tuple(name for name in found.headers or [] if name not in _NOT_A_PROPERTY),
        computed_at=found.computed_at or "",
        from_date=dates.get("from_date") or "",
        to_date=dates.get("to_date") or "",
        rows=tuple(rows((), found.series)),
        complete=not (found.meta or {}).get("is_segmentation_limit_hit"),
    )


def _kind(report: _Report) -> Literal["insights", "funnels", "retention"]:
    """The headers tell; retention answers have been seen without any."""
    headers = report.headers or []
    if "$funnel" in headers:
        return "funnels"
    return "retention" if "$retention" in headers or _holds_cohorts(report.series) else "insights"


def _holds_cohorts(node: object) -> bool:
    if not isinstance(node, dict):
        return False
    return _is_cohort(node) or any(_holds_cohorts(child) for child in node.values())


def _is_cohort(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get("counts"), list)


def _points(path: Path, node: Mapping[str, Any]) -> Iterator[ReportRow]:
    """Numbers side by side are the buckets of one row; whatever has children is a level of the path."""
    numbers = {key: number(value, WHAT) for key, value in node.items() if not isinstance(value, dict)}
    if numbers and not path:
        for key, count in numbers.items():
            yield ReportRow(path=(key,), points=query_answers.points({"all": count}))
    elif numbers or not node:
        yield ReportRow(path=path, points=query_answers.points(numbers))
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _points((*path, key), value)


def _steps(path: Path, node: Mapping[str, Any]) -> Iterator[ReportRow]:
    """A table of steps has its counts by "1. Event"; of a segment without counts nothing is known."""
    counts = node.get("count")
    if isinstance(counts, dict) and all(_STEP.match(key) for key in counts):
        yield ReportRow(path=path, steps=steps_of(counts, WHAT))
        return
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _steps((*path, key), value)


def steps_of(counts: Mapping[str, Any], what: str) -> tuple[ReportStep, ...]:
    """In order of the number before the event, which as text would put 10 before 2."""
    numbered = []
    for key, value in counts.items():
        match = _STEP.match(key)
        users = leaf(value, what)
        numbered.append((int(match[1]) if match else 0, match[2] if match else key, users))
    return tuple(
        ReportStep(event=event, users=None if users is None else int(users))
        for _, event, users in sorted(numbered, key=lambda step: step[0])
    )


def _cohorts(path: Path, node: Mapping[str, Any]) -> Iterator[ReportRow]:
    """Dates, and `$average` beside them, are the cohorts of one row."""
    cohorts = {key: value for key, value in node.items() if isinstance(value, dict) and _is_cohort(value)}
    if cohorts:
        found = tuple(
            _cohort(key, value) for key, value in sorted(cohorts.items()) if query_answers.is_date(key)
        )
        yield ReportRow(path=path, cohorts=found)
    for key, value in node.items():
        if isinstance(value, dict) and key not in cohorts:
            yield from _cohorts((*path, key), value)


def _cohort(start: str, value: Mapping[str, Any]) -> RetentionCohort:
    return query_answers.cohort((start,), value, WHAT)

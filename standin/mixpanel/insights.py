"""Reports: saved ones by their id, and the same bodies asked ad hoc."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from standin.mixpanel import filters, funnels, metrics, permitted, saved, values
from standin.mixpanel.call import Call
from standin.mixpanel.days import start_of
from standin.mixpanel.events import Event
from standin.mixpanel.matching import Attempt, Step
from standin.mixpanel.metrics import Cells
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

SEGMENTS = 3000
MOST_SEGMENTS = 50_000
BY_BUCKET = {"line", "column", "stacked-line", "bar-stacked"}
UNITS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


@dataclass(frozen=True)
class Report:
    """A report's body, read: what to show over which days, broken down by what."""

    project: Project
    sections: dict[str, Any]
    chart: str
    first: date
    last: date
    limit: int

    @property
    def groups(self) -> list[dict[str, Any]]:
        return list(self.sections.get("group") or [])

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return list(self.sections.get("show") or [])

    def keeps(self) -> filters.Keeps:
        return filters.all_of(self.project, self.sections.get("filter") or [])

    def segments(self) -> Callable[[Event], list[tuple[str, ...]]]:
        """The paths an event counts under: every level has `$overall` beside its values."""
        readers = [filters.reader(self.project, group) for group in self.groups]

        def paths(event: Event) -> list[tuple[str, ...]]:
            found: list[tuple[str, ...]] = [()]
            for read in readers:
                keys = ["$overall", *values.segments(read(event))]
                found = [(*path, key) for path in found for key in keys]
            return found

        return paths

    def moment(self, day: date) -> str:
        """Midnight of a project day, with the offset of that day."""
        return datetime.combine(day, time(), self.project.zone).isoformat()

    def buckets(self) -> tuple[list[str], Callable[[Event], str]]:
        if self.chart not in BY_BUCKET:
            return ["all"], lambda _: "all"
        section = (self.sections.get("time") or [{}])[0]
        unit = str(section.get("unit", "day"))
        if unit not in {"day", "week", "month"}:
            raise RefusalError(400, f"Unsupported unit: {unit}")
        span = (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))
        starts = dict.fromkeys(start_of(day, unit) for day in span)
        keys = {start: self.moment(start) for start in starts}
        return list(keys.values()), lambda event: keys[start_of(event.day, unit)]


def answer(project: Project, call: Call) -> dict[str, Any]:
    report = _report(project, call)
    if not report.metrics:
        raise RefusalError(400, "sections.show must not be empty")
    for metric in report.metrics:
        if not isinstance(metric.get("behavior"), dict):
            raise RefusalError(400, f"Unsupported metric: {metric.get('type')}")
    kinds = {metric["behavior"].get("type") for metric in report.metrics}
    if kinds == {"funnel"} and report.chart.startswith("funnel"):
        return _funnel_answer(report)
    series: dict[str, Any] = {}
    keys, bucket = report.buckets()
    limited = False
    for metric in report.metrics:
        cells = _cells(report, metric, bucket)
        paths, hit = _largest(cells, report)
        limited = limited or hit
        series[metrics.label(metric)] = _nested(paths, {path: _leaf(cells, path, keys) for path in paths})
    headers = ["$metric", *(str(group.get("propertyName", group["value"])) for group in report.groups)]
    ends = datetime.combine(report.last, time(23, 59, 59, 999000), project.zone)
    dates = {"from_date": report.moment(report.first), "to_date": ends.isoformat(timespec="milliseconds")}
    return _envelope(project, dates, headers, series) | {
        "meta": {"min_sampling_factor": 1.0, "is_segmentation_limit_hit": limited}
    }


def _cells(report: Report, metric: dict[str, Any], bucket: Callable[[Event], str]) -> Cells:
    if metric["behavior"].get("type") == "funnel":
        return _funnel_cells(report, metric)
    measure = metrics.measure(report.project, metric)
    behavior, keeps, paths = metric["behavior"], report.keeps(), report.segments()
    own = filters.all_of(
        report.project, behavior.get("filters") or [], behavior.get("filtersDeterminer", "all")
    )
    found: dict[tuple[tuple[str, ...], str], list[Event]] = {}
    for event in report.project.events.between(report.first, report.last, [str(behavior["name"])]):
        if own(event) and keeps(event):
            for path in paths(event):
                found.setdefault((path, bucket(event)), []).append(event)
    return {cell: measure(events) for cell, events in found.items()}


def _funnel_cells(report: Report, metric: dict[str, Any]) -> Cells:
    """Funnels among other metrics: the rate or the count over the whole range, whatever the chart."""
    if report.chart in BY_BUCKET:
        raise RefusalError(400, "Funnel metrics over time are not supported")
    math, step = metric["measurement"].get("math"), metric["measurement"].get("stepIndex")
    cells: Cells = {}
    for key, tally in _tallies(report, metric).items():
        row = tally.rows()[-1 if step is None else int(step)]
        rate = row["overall_conv_ratio"]
        path = (key,) if report.groups else ()
        cells[path, "all"] = rate if str(math).startswith("conversion_rate") else row["count"]
    return cells


def _funnel_answer(report: Report) -> dict[str, Any]:
    series: dict[str, Any] = {}
    limited = False
    for metric in report.metrics:
        tallies = _tallies(report, metric)
        limited = limited or len(tallies) - 1 > report.limit
        tables = {key: _step_table(tally) for key, tally in funnels.largest(tallies, report.limit).items()}
        series[metrics.label(metric)] = tables if report.groups else tables["$overall"]
    headers = ["$funnel", *(str(group["value"]) for group in report.groups)]
    dates = {"from_date": report.first.isoformat(), "to_date": report.last.isoformat()}
    return _envelope(report.project, dates, headers, series) | {
        "meta": {"sampling_factor": 1.0, "is_segmentation_limit_hit": limited}
    }


def _tallies(report: Report, metric: dict[str, Any]) -> dict[str, funnels.Tally]:
    behavior, project = metric["behavior"], report.project
    steps = [
        Step(
            str(step["name"]),
            filters.all_of(project, step.get("filters") or [], step.get("filtersDeterminer", "all")),
        )
        for step in behavior["behaviors"]
    ]
    unit = str(behavior.get("conversionWindowUnit", "day"))
    if unit not in funnels.SECONDS:
        raise RefusalError(400, f"Unsupported conversionWindowUnit: {unit}")
    window = int(behavior.get("conversionWindowDuration", 14)) * funnels.SECONDS[unit]
    funnel = funnels.Funnel(steps, window)
    keeps = filters.of_attempts(project, report.sections.get("filter") or [])
    users = funnel.users(project.events)
    return funnel.count(
        users, lambda event: report.first <= event.day <= report.last, _by_group(report), keeps
    )


def _by_group(report: Report) -> Callable[[Attempt], list[str]] | None:
    if not report.groups:
        return None
    if len(report.groups) > 1:
        raise RefusalError(400, "Funnels take one breakdown here")
    return funnels.first_defined(filters.reader(report.project, report.groups[0]))


def _step_table(tally: funnels.Tally) -> dict[str, Any]:
    rows = tally.rows()
    columns = ("count", "step_conv_ratio", "overall_conv_ratio", "avg_time", "avg_time_from_start")
    return {
        column: {f"{place}. {row['event']}": {"all": row[column] or 0} for place, row in enumerate(rows, 1)}
        for column in columns
    }


def _leaf(cells: Cells, path: tuple[str, ...], keys: list[str]) -> dict[str, Any]:
    return {key: cells.get((path, key), 0) for key in keys}


def _largest(cells: Cells, report: Report) -> tuple[list[tuple[str, ...]], bool]:
    """The paths to return, the largest first, and whether some had to be left out."""
    sums: dict[tuple[str, ...], float] = {("$overall",) * len(report.groups): float("inf")}
    for (path, _), value in cells.items():
        sums[path] = sums.get(path, 0) + (value or 0)
    ordered = sorted(sums, key=lambda path: -sums[path])
    return ordered[: report.limit + 1], len(ordered) > report.limit + 1


def _nested(paths: Iterable[tuple[str, ...]], leaves: dict[tuple[str, ...], Any]) -> Any:
    root: dict[str, Any] = {}
    for path in paths:
        if not path:
            return leaves[path]
        level = root
        for key in path[:-1]:
            level = level.setdefault(key, {})
        level[path[-1]] = leaves[path]
    return root


def _envelope(
    project: Project, dates: dict[str, str], headers: list[str], series: dict[str, Any]
) -> dict[str, Any]:
    return {
        "computed_at": project.computed_at(),
        "date_range": dates,
        "headers": headers,
        "series": series,
    }


def _report(project: Project, call: Call) -> Report:
    wanted = call.text("bookmark_id")
    body = _saved(project, wanted) if wanted else _ad_hoc(project, call)
    limits = call.parsed("queryLimits")
    limit = int(limits.get("limit", SEGMENTS)) if isinstance(limits, dict) else SEGMENTS
    if limit > MOST_SEGMENTS:
        raise RefusalError(400, f"Query limit exceeds max limit of {MOST_SEGMENTS} ({limit} was given)")
    sections = body.get("sections", {})
    first, last = _dates(project, sections)
    chart = str(body.get("displayOptions", {}).get("chartType", "line"))
    return Report(project, sections, chart, first, last, limit)


def _ad_hoc(project: Project, call: Call) -> dict[str, Any]:
    """The body of a report that nobody saved. The fault `ad_hoc` refuses it as its `status` says."""
    fault = project.state.faults.take("mixpanel", call.path, {"ad_hoc"})
    if fault is not None:
        raise RefusalError(int(fault.details.get("status", 404)), "Injected by the stand-in.")
    body = call.parsed("bookmark")
    if not isinstance(body, dict):
        raise RefusalError(400, "Missing required parameter: bookmark_id")
    permitted.check(call.params, body)
    return body


def _saved(project: Project, wanted: str) -> Any:
    for report in saved.reports(project.settings):
        if str(report["id"]) == wanted:
            if report["type"] not in {"insights", "funnels"}:
                raise RefusalError(400, f"Reports of type {report['type']} cannot be queried here")
            return report["params"]
    raise RefusalError(404, f"Bookmark {wanted} not found")


def _dates(project: Project, sections: dict[str, Any]) -> tuple[date, date]:
    given = (sections.get("time") or [{}])[0]
    today = project.today()
    if given.get("dateRangeType") == "between":
        first, last = (date.fromisoformat(str(text)[:10]) for text in given["value"])
        return first, last
    window = given.get("window") or {"unit": "day", "value": 30}
    if window.get("unit") not in UNITS:
        raise RefusalError(400, f"Unsupported window unit: {window.get('unit')}")
    return today - timedelta(days=UNITS[window["unit"]] * int(window["value"]) - 1), today

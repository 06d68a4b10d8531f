"""A saved Mixpanel report as charts: series by time, bars of single figures, steps, and who came back."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from handrail.charts.specification import Bar, Bars, Chart, Funnel, Heatmap, Lines, Series, Step
from handrail.domain.funnels import FunnelCounts
from handrail.domain.queries import OVERALL, ReportRow
from handrail.domain.reports import KeptReport
from handrail.engine import funnels

MOST_SERIES = 3
"""Lines that a reader can tell apart in one drawing."""

MOST_BARS = 25
MOST_STEPS = 6
"""Funnels of one report."""


def charts(copy: KeptReport) -> tuple[list[Chart], str]:
    """The charts that the report's shape allows, and what is not drawn: empty where all of it is."""
    rows, about = _apart(copy.report.rows), _about(copy)
    single = [row for row in rows if len(row.points) == 1]
    timed = [row for row in rows if len(row.points) > 1]
    steps = [row for row in rows if len(row.steps) > 1 and row.steps[0].users is not None]
    cohorts = [row for row in rows if row.cohorts]
    made: list[Chart] = []
    if single:
        made.append(_bars(copy.name, about, single))
    if timed:
        made.append(_lines(copy.name, about, timed[:MOST_SERIES]))
    made += [_funnel(row, about) for row in steps[:MOST_STEPS]]
    made += [_returned(row, about) for row in cohorts[:MOST_STEPS]]
    left = sum(
        max(0, len(found) - most)
        for found, most in (
            (single, MOST_BARS), (timed, MOST_SERIES), (steps, MOST_STEPS), (cohorts, MOST_STEPS)
        )
    )  # fmt: skip
    return made, f"{left} more rows are in the report and not shown here." if left else ""


def _apart(rows: Sequence[ReportRow]) -> Sequence[ReportRow]:
    """The segments without their sum: beside its parts a sum hides them."""
    return [row for row in rows if OVERALL not in row.path] or rows


def _about(copy: KeptReport) -> str:
    report = copy.report
    days = f"{report.from_date[:10]} to {report.to_date[:10]}" if report.from_date else "days not told"
    at = report.computed_at
    exact = len(at) > len("2026-11-21T02:00") and at.endswith("+00:00")
    words = f"{at[:16].replace('T', ' ')} UTC" if exact else at
    computed = f", computed {words}" if at else ""
    return f"{days}, {len(_apart(report.rows))} rows{computed}"


def _name(row: ReportRow) -> str:
    return " / ".join(row.path) or "total"


def _short(rows: Sequence[ReportRow]) -> list[str]:
    """Names that tell the rows apart: without what all have in common, the innermost segment first."""
    deep = min(len(row.path) for row in rows)
    same = [at for at in range(deep) if len(rows) > 1 and len({row.path[at] for row in rows}) == 1]
    return [
        " / ".join(part for at, part in reversed(list(enumerate(row.path))) if at not in same) or "total"
        for row in rows
    ]


def _bars(title: str, about: str, rows: Sequence[ReportRow]) -> Bars:
    ordered = sorted(rows, key=lambda row: -row.points[0].count)[:MOST_BARS]
    return Bars(
        title=title,
        about=about,
        measured="count",
        bars=tuple(
            Bar(name=name, value=row.points[0].count)
            for name, row in zip(_short(ordered), ordered, strict=True)
        ),
    )


def _lines(title: str, about: str, rows: Sequence[ReportRow]) -> Lines:
    """A bucket that a row does not have is no data."""
    starts = sorted({point.start for row in rows for point in row.points})
    exact = 10 if len({start[:10] for start in starts}) == len(starts) else len("2026-11-20T09:00")
    return Lines(
        title=f"{title}, by time",
        about=about,
        labels=tuple(start[:exact].replace("T", " ") for start in starts),
        series=tuple(
            Series(name=name, values=tuple(_values(row, starts)))
            for name, row in zip(_short(rows), rows, strict=True)
        ),
    )


def _values(row: ReportRow, starts: Iterable[str]) -> Iterable[float | None]:
    known = {point.start: point.count for point in row.points}
    return (known.get(start) for start in starts)


def _funnel(row: ReportRow, about: str) -> Funnel:
    """Up to the first step of which the report does not tell how many reached it."""
    known = list(takewhile(lambda step: step.users is not None, row.steps))
    counts = FunnelCounts(
        events=tuple(step.event for step in known), users=tuple(step.users or 0 for step in known)
    )
    worst = funnels.bottleneck(counts)
    return Funnel(
        title=_name(row),
        about=about,
        steps=tuple(
            Step(
                name=step.event,
                users=step.users,
                from_previous=step.from_previous,
                worst=worst is not None and worst.step == step.step,
            )
            for step in funnels.steps(counts)
        ),
    )


def _returned(row: ReportRow, about: str) -> Heatmap:
    wide = max(len(each.returned) for each in row.cohorts)
    return Heatmap(
        title=f"{_name(row)}: who came back",
        about=about,
        measured="people",
        rows=tuple(f"{each.start[:10]} ({each.size:,})" for each in row.cohorts),
        columns=tuple(str(at) for at in range(wide)),
        cells=tuple(
            tuple(float(each.returned[at]) if at < len(each.returned) else None for at in range(wide))
            for each in row.cohorts
        ),
    )

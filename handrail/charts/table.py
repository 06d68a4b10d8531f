"""The same chart in words: a table for those who do not see it, and one sentence."""

from typing import NamedTuple, assert_never

from handrail.charts.numbers import NO_DATA, written
from handrail.charts.specification import Bars, Chart, Funnel, Heatmap, Lines, Sparkline, Unit, Value


class Table(NamedTuple):
    columns: list[str]
    rows: list[list[str]]
    """The first cell names its row."""


def table(chart: Chart) -> Table:
    match chart:
        case Lines():
            return _lines(chart)
        case Bars():
            noted = any(bar.note for bar in chart.bars)
            return Table(
                ["", chart.measured, *([chart.noted] if noted else [])],
                [
                    [bar.name, written(bar.value, chart.unit), *([bar.note] if noted else [])]
                    for bar in chart.bars
                ],
            )
        case Heatmap():
            rows = zip(chart.rows, chart.cells, strict=True)
            return Table(
                ["", *chart.columns],
                [[name, *(written(cell, "count") for cell in cells)] for name, cells in rows],
            )
        case Funnel():
            return Table(
                ["Step", "Users", "Of the step before"],
                [
                    [
                        f"{number}. {step.name}",
                        f"{step.users:,}",
                        "" if number == 1 else written(step.from_previous, "share"),
                    ]
                    for number, step in enumerate(chart.steps, 1)
                ],
            )
        case Sparkline():
            values = enumerate(chart.values, 1)
            return Table(["", chart.title], [[str(at), written(value, chart.unit)] for at, value in values])
        case _:
            assert_never(chart)


def _lines(chart: Lines) -> Table:
    columns = ["", *(each.name for each in chart.series)]
    rows = [
        [label, *(written(each.values[at], chart.unit) for each in chart.series)]
        for at, label in enumerate(chart.labels)
    ]
    if chart.band:
        columns += [f"{chart.band.name}, from", f"{chart.band.name}, to"]
        for row, low, high in zip(rows, chart.band.low, chart.band.high, strict=True):
            row += [written(low, chart.unit), written(high, chart.unit)]
    if chart.sample:
        columns.append(chart.sample.name)
        for row, value in zip(rows, chart.sample.values, strict=True):
            row.append(written(value, "count"))
    return Table(columns, rows)


def sentence(chart: Chart) -> str:
    """What a listener should hear first; the table has the rest."""
    match chart:
        case Lines():
            return " ".join(
                _course(each.name, chart.labels, each.values, chart.unit) for each in chart.series
            )
        case Bars():
            known = [bar for bar in chart.bars if bar.value is not None]
            if not known:
                return f"{NO_DATA}."
            most = max(known, key=lambda bar: bar.value or 0)
            return f"{len(chart.bars)} bars, the longest {most.name}: {written(most.value, chart.unit)}."
        case Heatmap():
            return _busiest(chart)
        case Funnel():
            return " ".join(f"{step.name}: {step.users:,} users." for step in chart.steps)
        case Sparkline():
            labels = tuple(str(at) for at in range(1, len(chart.values) + 1))
            return _course(chart.title, labels, chart.values, chart.unit)
        case _:
            assert_never(chart)


def _course(name: str, labels: tuple[str, ...], values: tuple[Value, ...], unit: Unit) -> str:
    known = [(value, label) for value, label in zip(values, labels, strict=True) if value is not None]
    if not known:
        return f"{name}: {NO_DATA}."
    low, high, last = min(known, key=_value), max(known, key=_value), known[-1]
    told = (
        f"{word} {written(value, unit)} ({label})"
        for word, (value, label) in (("lowest", low), ("highest", high), ("last", last))
    )
    return f"{name}: {', '.join(told)}."


def _value(point: tuple[float, str]) -> float:
    return point[0]


def _busiest(chart: Heatmap) -> str:
    known = [
        (value, f"{row} {column}")
        for row, cells in zip(chart.rows, chart.cells, strict=True)
        for column, value in zip(chart.columns, cells, strict=True)
        if value is not None
    ]
    if not known:
        return f"{NO_DATA}."
    value, where = max(known, key=_value)
    return f"Most at {where}: {written(value, 'count')}."

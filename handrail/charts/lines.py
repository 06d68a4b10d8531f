"""Lines over time, with what was expected behind them, and the small ones without axes."""

import math
from itertools import groupby, pairwise

from handrail.charts.drawing import LINE_STYLES, SIZE, Board, fit, wide
from handrail.charts.numbers import NO_DATA, short, ticks, written
from handrail.charts.specification import Lines, Series, Sparkline, Unit, Value

PLOT = 170
LEGEND = 22
MOST_DOTS = 100

Point = tuple[float, float]


def draw(board: Board, chart: Lines) -> float:
    """Draws it and returns the lower edge."""
    top = board.top + _legend(board, chart) + 8
    known = [value for row in _rows(chart) for value in row if value is not None]
    marks = _marks(known, chart.unit)
    left = max(wide(short(mark, chart.unit)) for mark in marks) + 8
    right = board.width - 8

    def height(value: float) -> float:
        return PLOT * (marks[-1] - value) / (marks[-1] - marks[0])

    for mark in marks:
        y = top + height(mark)
        board.path([(left, y), (right, y)], "grid")
        board.text(left - 6, y + 4, short(mark, chart.unit), "quiet", "end")
    if not known:
        board.text((left + right) / 2, top + PLOT / 2, NO_DATA, "quiet", "middle")

    def at(index: int, value: float) -> Point:
        steps = max(1, len(chart.labels) - 1)
        return left + 4 + (right - left - 8) * index / steps, top + height(value)

    if chart.band:
        for low, high in zip(_runs(chart.band.low), _runs(chart.band.high), strict=True):
            edge = [at(*point) for point in high] + [at(*point) for point in reversed(low)]
            board.path(edge, "band", closed=True)
    for number, series in reversed(list(enumerate(chart.series))):
        style = _style(number)
        for run in _runs(series.values):
            board.path([at(*point) for point in run], f"line{style}")
        for index, value in enumerate(series.values if len(chart.labels) <= MOST_DOTS else ()):
            if value is not None:
                board.dot(*at(index, value), 2.5, f"dot{style}", _tip(chart, series, index))
    return _days(board, chart, left, right, top + PLOT) + 6


def _tip(chart: Lines, series: Series, index: int) -> str:
    told = f"{chart.labels[index]}: {written(series.values[index], chart.unit)} {series.name}"
    if chart.sample is None:
        return told
    return f"{told}, {chart.sample.name} {written(chart.sample.values[index], 'count')}"


def spark(board: Board, chart: Sparkline, height: float) -> None:
    known = [value for value in chart.values if value is not None]
    if not known:
        board.text(0, height - 6, NO_DATA, "quiet")
        return
    low, high = min(known), max(known)
    steps = max(1, len(chart.values) - 1)

    def at(index: int, value: float) -> Point:
        share = (value - low) / (high - low) if high > low else 0.5
        return 3 + (board.width - 6) * index / steps, 3 + (height - 6) * (1 - share)

    runs = _runs(chart.values)
    for run in runs:
        board.path([at(*point) for point in run], "line")
    board.dot(*at(*runs[-1][-1]), 2.5, "dot")


def _rows(chart: Lines) -> list[tuple[Value, ...]]:
    return [each.values for each in chart.series] + ([chart.band.high] if chart.band else [])


def _marks(known: list[float], unit: Unit) -> list[float]:
    """Round numbers from 0, or from below the least where that is less, to the most."""
    low, high = min(known, default=0.0), max(known, default=0.0)
    marks = ticks(max(high, -low), unit)
    if low >= 0:
        return marks
    steps = list(pairwise(marks))
    below = [-mark for before, mark in reversed(steps) if before < -low]
    return [*below, 0.0, *(mark for before, mark in steps if before < high)]


def _runs(values: tuple[Value, ...]) -> list[list[tuple[int, float]]]:
    """Neighbouring points that have data: a line never crosses a gap."""
    groups = groupby(enumerate(values), key=lambda pair: pair[1] is not None)
    return [[(at, value) for at, value in run if value is not None] for known, run in groups if known]


def _style(number: int) -> str:
    """Lines differ by their dashes as well as by colour."""
    return str(number % LINE_STYLES) if number % LINE_STYLES else ""


def _legend(board: Board, chart: Lines) -> float:
    """Names of what is drawn, where it is more than one thing; returns its height."""
    entries = [(f"line{_style(number)}", each.name) for number, each in enumerate(chart.series)]
    entries += [("band", chart.band.name)] if chart.band else []
    if len(entries) < 2:
        return 0
    x, y = 0.0, board.top + SIZE
    for style, name in entries:
        words = fit(name, board.width - 28)
        if x and x + 28 + wide(words) > board.width:
            x, y = 0.0, y + LEGEND
        if style == "band":
            board.rect(x, y - 10, 22, 10, style)
        else:
            board.path([(x, y - 4), (x + 22, y - 4)], style)
        board.text(x + 28, y, words)
        x += 28 + wide(words) + 12
    return y - board.top - SIZE + LEGEND


def _days(board: Board, chart: Lines, left: float, right: float, bottom: float) -> float:
    """The first and the last label, and those between that have room."""
    labels = chart.labels
    if not labels:
        return bottom
    last = len(labels) - 1
    between = (right - left - 8) / max(1, last)
    # The outer labels stand inside the plot, half their width from where a middle one would.
    every = math.ceil((1.5 * max(map(wide, labels)) + 8) / between)
    board.text(left, bottom + 20, labels[0], "quiet")
    for index in range(every, last - every + 1, every):
        board.text(left + 4 + between * index, bottom + 20, labels[index], "quiet", "middle")
    if last and every <= last:
        board.text(right, bottom + 20, labels[last], "quiet", "end")
    return bottom + 24

"""Rows by columns, the deeper the more."""

from handrail.charts.drawing import Board, wide
from handrail.charts.numbers import short, written
from handrail.charts.specification import Heatmap, Value

LEVELS = 4
CELL = 20
GAP = 2


def draw(board: Board, chart: Heatmap) -> float:
    """Draws it and returns the lower edge."""
    left = max(map(wide, chart.rows), default=0) + 8
    step = (board.width - left) / max(1, len(chart.columns))
    tall = max(12.0, min(CELL, step))
    known = [value for row in chart.cells for value in row if value is not None]
    most = max(known, default=0)
    top = board.top + 4
    for name, cells in zip(chart.rows, chart.cells, strict=True):
        board.text(0, top + tall / 2 + 4, name, "quiet")
        for index, value in enumerate(cells):
            tip = f"{name} {chart.columns[index]}: {written(value, 'count')}"
            board.rect(left + step * index, top, step - GAP, tall, _level(value, most), tip)
        top += tall + GAP
    every = next(each for each in (1, 2, 3, 4, 6, 12, 24) if step * each >= _label(chart) or each == 24)
    for index in range(0, len(chart.columns), every):
        board.text(left + step * index, top + 14, chart.columns[index], "quiet")
    return _legend(board, left, top + 30, most)


def _label(chart: Heatmap) -> float:
    return max(map(wide, chart.columns), default=0) + 10


def _level(value: Value, most: float) -> str:
    """No data is a dashed frame; 0 is grey; the rest are quarters of the most."""
    if value is None:
        return "none"
    if value <= 0 or most <= 0:
        return "c0"
    return f"c{min(LEVELS, 1 + int(LEVELS * value / most))}"


def _legend(board: Board, left: float, y: float, most: float) -> float:
    board.text(left, y + 11, "0", "quiet")
    x = left + 14
    for level in range(LEVELS + 1):
        board.rect(x, y, 18, 13, f"c{level}")
        x += 20
    board.text(x + 4, y + 11, short(most, "count"), "quiet")
    return y + 18

"""Bars, scores and the steps of a funnel."""

from handrail.charts.drawing import NARROW, Board, fit, wide
from handrail.charts.numbers import NO_DATA, written
from handrail.charts.specification import Bar, Bars, Funnel

THICK = 16
ROW = 26
TWO_LINES = 42
STEP = 54


def draw(board: Board, chart: Bars) -> float:
    """Draws them and returns the lower edge."""
    top = board.top + 4
    if not chart.bars:
        board.text(0, top + 14, NO_DATA, "quiet")
        return top + 22
    most = chart.limit or max((bar.value or 0 for bar in chart.bars), default=0) or 1
    told = [_told(bar, chart) for bar in chart.bars]
    right = max(map(wide, told)) + 8
    for bar, words in zip(chart.bars, told, strict=True):
        if board.width < NARROW:
            board.text(0, top + 13, fit(bar.name, board.width - wide(words) - 12))
            board.text(board.width, top + 13, words, "quiet", "end")
            _bar(board, bar, chart, (0, top + 19, board.width), most)
            top += TWO_LINES
        else:
            left = min(board.width * 0.38, max(wide(each.name) for each in chart.bars) + 10)
            board.text(0, top + 13, fit(bar.name, left - 10))
            _bar(board, bar, chart, (left, top, board.width - left - right), most)
            board.text(board.width, top + 13, words, "quiet", "end")
            top += ROW
    return top + 2


def _told(bar: Bar, chart: Bars) -> str:
    value = written(bar.value, chart.unit)
    return f"{value} ({bar.note} {chart.noted})" if bar.note else value


def _bar(board: Board, bar: Bar, chart: Bars, box: tuple[float, float, float], most: float) -> None:
    x, y, room = box
    if chart.limit is not None:
        board.rect(x, y, room, THICK, "track" if bar.value is not None else "none")
    if bar.value is not None and bar.value > 0:
        tip = f"{bar.name}: {_told(bar, chart)}"
        board.rect(x, y, max(1.5, room * bar.value / most), THICK, "bar", tip)


def funnel(board: Board, chart: Funnel) -> float:
    """Draws the steps one below the other and returns the lower edge."""
    top = board.top + 4
    entered = max((step.users for step in chart.steps), default=0) or 1
    for number, step in enumerate(chart.steps, 1):
        words = f"{step.users:,}"
        if number > 1 and step.from_previous is not None:
            of_step = "" if board.width < NARROW else f" of step {number - 1}"
            words += f" · {step.from_previous:.0%}{of_step}"
        board.text(0, top + 13, fit(f"{number}. {step.name}", board.width - wide(words) - 16))
        board.text(board.width, top + 13, words, "quiet", "end")
        board.rect(0, top + 20, board.width, THICK, "track")
        length = board.width * step.users / entered
        tip = f"{step.name}: {step.users:,} users"
        board.rect(0, top + 20, length, THICK, "worst" if step.worst else "bar", tip)
        if step.worst:
            board.text(0, top + STEP - 2, "most are lost before this step", "lost")
            top += 18
        top += STEP
    return top - 8

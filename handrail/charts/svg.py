"""A chart as SVG: no script, no address, colours by class, and a name and a sentence for screen readers."""

from functools import lru_cache
from typing import assert_never

from handrail.charts import bars, heatmap, lines
from handrail.charts.drawing import Board, fit
from handrail.charts.specification import Bars, Chart, Funnel, Heatmap, Lines, Sparkline
from handrail.charts.table import sentence

WIDE, SMALL = 640, 280
"""A page's column, and a column of a telephone or of a chat's side bar."""

EDGE = 16
"""Around a drawing that stands alone."""

SPARK = (120, 28)

KEPT = 1000
"""Drawings that are remembered, a few kilobytes each: a chart is drawn anew only when its figures differ."""


@lru_cache(maxsize=KEPT)
def svg(chart: Chart, width: int = WIDE, *, titled: bool = False) -> str:
    """The chart, `width` pixels wide. `titled`: its title and days are in it, as nothing beside it says them.

    Colours are classes: a page takes `drawing.page_style`, a PNG `drawing.picture_style`.
    """
    if isinstance(chart, Sparkline):
        return _sparkline(chart)
    board = Board(width, f"{chart.title}. {chart.about}", sentence(chart))
    if titled:
        board.text(0, 16, fit(chart.title, width), "strong")
        board.text(0, 36, fit(chart.about, width), "quiet")
        board.top = 46
    match chart:
        case Lines():
            bottom = lines.draw(board, chart)
        case Bars():
            bottom = bars.draw(board, chart)
        case Heatmap():
            bottom = heatmap.draw(board, chart)
        case Funnel():
            bottom = bars.funnel(board, chart)
        case _:
            assert_never(chart)
    return board.finished(bottom, EDGE if titled else 0)


def _sparkline(chart: Sparkline) -> str:
    width, height = SPARK
    board = Board(width, f"{chart.title}. {chart.about}", sentence(chart))
    lines.spark(board, chart, height)
    return board.finished(height)

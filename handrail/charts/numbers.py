"""Numbers as a chart writes them, and the round ones on its axis."""

import math

from handrail.charts.specification import Unit, Value

NO_DATA = "no data"


def written(value: Value, unit: Unit) -> str:
    """In full: 1,234 or 14.3%."""
    if value is None:
        return NO_DATA
    if unit == "share":
        return f"{value:.1%}"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def short(value: float, unit: Unit) -> str:
    """As an axis writes it: 1.2k or 15%."""
    if unit == "share":
        return f"{100 * value:g}%"
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{mark}"
    return f"{value:g}"


def ticks(most: Value, unit: Unit) -> list[float]:
    """From 0 in three to five steps of 1, 2 or 5 times a power of ten, the last not below `most`."""
    if not most or most <= 0:
        return [0.0, 1.0]
    step = 10.0 ** math.floor(math.log10(most))
    step = next(size for size in (step / 5, step / 2, step, 2 * step) if math.ceil(most / size) <= 5)
    if unit == "count":
        step = max(1.0, step)
    return [round(step * index, 10) for index in range(math.ceil(round(most / step, 9)) + 1)]

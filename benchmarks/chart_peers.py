"""One chart library in a process of its own: `python chart_peers.py NAME` prints one JSON object.

Run by `benchmarks.charts` with a Python that has the libraries; this file needs nothing of Handrail.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

VALUES = [(each * 37) % 100 for each in range(30)]
NAMES = [f"event {each}<b>&" for each in range(15)]
SPARKS = 50

Draw = Callable[[], str | bytes]


def pygal() -> tuple[Draw, Draw, Draw | None]:
    import pygal  # noqa: PLC0415

    def bars() -> Any:
        chart = pygal.HorizontalBar(js=[])
        for name, value in zip(NAMES, VALUES, strict=False):
            chart.add(name, value)
        return chart.render()

    def spark() -> Any:
        chart = pygal.Line(js=[])
        chart.add("", VALUES)
        return chart.render_sparkline()

    return bars, spark, None


def matplotlib() -> tuple[Draw, Draw, Draw | None]:
    from matplotlib.figure import Figure  # noqa: PLC0415

    def drawn(width: int, height: int, form: str, *, axes: bool = True) -> bytes:
        figure, file = Figure(figsize=(width / 96, height / 96)), io.BytesIO()
        plot = figure.add_subplot()
        plot.plot(VALUES)
        if not axes:
            plot.axis("off")
        figure.savefig(file, format=form)
        return file.getvalue()

    return (
        lambda: drawn(640, 300, "svg"),
        lambda: drawn(120, 28, "svg", axes=False),
        lambda: drawn(640, 300, "png"),
    )


def vl_convert() -> tuple[Draw, Draw, Draw | None]:
    import vl_convert  # noqa: PLC0415

    def spec(width: int, height: int, *, axes: bool = True) -> dict[str, Any]:
        one = {"type": "quantitative", **({} if axes else {"axis": None})}
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "width": width,
            "height": height,
            "data": {"values": [{"x": at, "y": value} for at, value in enumerate(VALUES)]},
            "mark": "line",
            "encoding": {"x": {"field": "x", **one}, "y": {"field": "y", **one}},
        }

    return (
        lambda: vl_convert.vegalite_to_svg(spec(640, 300)),
        lambda: vl_convert.vegalite_to_svg(spec(120, 28, axes=False)),
        lambda: vl_convert.vegalite_to_png(spec(640, 300)),
    )


def lets_plot() -> tuple[Draw, Draw, Draw | None]:
    from lets_plot import aes, geom_line, ggplot, theme_void  # noqa: PLC0415

    points = {"x": list(range(30)), "y": VALUES}
    plain = ggplot(points, aes("x", "y")) + geom_line()
    bare = plain + theme_void()
    return plain.to_svg, bare.to_svg, None


def drawsvg() -> tuple[Draw, Draw, Draw | None]:
    import drawsvg  # noqa: PLC0415

    def bars() -> Any:
        board = drawsvg.Drawing(640, 300)
        for at, (name, value) in enumerate(zip(NAMES, VALUES, strict=False)):
            board.append(drawsvg.Rectangle(100, at * 20, value * 4, 16))
            board.append(drawsvg.Text(name, 12, 0, at * 20 + 12))
        return board.as_svg()

    def spark() -> Any:
        board = drawsvg.Drawing(120, 28)
        points = [part for at, value in enumerate(VALUES) for part in (at * 4, 28 - value * 0.28)]
        board.append(drawsvg.Lines(*points, fill="none"))
        return board.as_svg()

    return bars, spark, None


def svg_py() -> tuple[Draw, Draw, Draw | None]:
    import svg  # noqa: PLC0415

    def bars() -> Any:
        parts = []
        for at, (name, value) in enumerate(zip(NAMES, VALUES, strict=False)):
            parts += [
                svg.Rect(x=100, y=at * 20, width=value * 4, height=16),
                svg.Text(x=0, y=at * 20, text=name),
            ]
        return svg.SVG(elements=parts).as_str()

    def spark() -> Any:
        points = [part for at, value in enumerate(VALUES) for part in (at * 4, 28 - value * 0.28)]
        return svg.SVG(elements=[svg.Polyline(points=points)]).as_str()

    return bars, spark, None


LIBRARIES = {
    "pygal": pygal,
    "matplotlib": matplotlib,
    "vl-convert-python": vl_convert,
    "lets-plot": lets_plot,
    "drawsvg": drawsvg,
    "svg.py": svg_py,
}


def median_ms(draw: Callable[[], object], rounds: int = 5) -> float:
    """CPU of a few rounds, in milliseconds: what other programs do beside it counts for nothing."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        draw()
        taken.append(1000 * (time.process_time() - started))
    return sorted(taken)[rounds // 2]


def main() -> None:
    started = time.process_time()
    chart, spark, picture = LIBRARIES[sys.argv[1]]()
    first = chart()
    cold = time.process_time() - started
    text = first.decode() if isinstance(first, bytes) else first
    found = {
        "cold_cpu_s": cold,
        "chart_ms": median_ms(chart),
        "sparks_ms": median_ms(lambda: [spark() for _ in range(SPARKS)]),
        "picture_ms": median_ms(picture) if picture else None,
        "bytes": len(text.encode()),
        "escapes": "<b>" not in text,
        "script": "<script" in text,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()

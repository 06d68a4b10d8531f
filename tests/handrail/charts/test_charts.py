"""Charts: one specification gives the drawing, the table and the picture."""

import io
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from pydantic import ValidationError

from handrail.charts import reports
from handrail.charts.drawing import PALETTE, page_style, picture_style
from handrail.charts.numbers import short, ticks, written
from handrail.charts.png import png
from handrail.charts.specification import (
    Band,
    Bar,
    Bars,
    Chart,
    Funnel,
    Heatmap,
    Lines,
    Series,
    Sparkline,
    Step,
)
from handrail.charts.svg import SMALL, WIDE, svg
from handrail.charts.table import sentence, table
from handrail.domain.queries import Point, ReportRow, SavedReport
from handrail.domain.reports import KeptReport

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '"><script src=//evil.example></script><img onerror=x() src=x>&\x00\u202e\x1b'
SHAPES = {"svg", "title", "desc", "rect", "circle", "path", "text"}


def charts(name: str = "opened") -> list[Chart]:
    """One of each kind; every word that may come from outside is `name`."""
    title: dict[str, Any] = {"title": name, "about": f"{name}, 1 to 3 Nov 2026 (UTC), 9 users"}
    return [
        Lines(
            **title,
            labels=("1 Nov", name, "3 Nov"),
            series=(Series(name=name, values=(1, None, 3)), Series(name="b", values=(2, 2, 2))),
            band=Band(name=name, low=(0, 1, 1), high=(2, 3, 4)),
            sample=Series(name=name, values=(4, 5, 6)),
        ),
        Bars(**title, noted=name, bars=(Bar(name=name, value=7, note=name), Bar(name="none", value=None))),
        Bars(**title, limit=100, bars=(Bar(name=name, value=71.5), Bar(name="none", value=None))),
        Heatmap(**title, rows=("Mon", name), columns=("00", "01"), cells=((0, 5), (None, 10))),
        Funnel(
            **title,
            steps=(
                Step(name=name, users=10, from_previous=None),
                Step(name="end", users=4, from_previous=0.4, worst=True),
            ),
        ),
        Sparkline(**title, values=(1, None, 3)),
    ]


KINDS = ["lines", "bars", "scores", "heatmap", "funnel", "sparkline"]


@pytest.mark.parametrize("width", [WIDE, SMALL])
@pytest.mark.parametrize("index", range(len(KINDS)), ids=KINDS)
def test_a_hostile_name_stays_text_in_every_drawing(index: int, width: int) -> None:
    root = ElementTree.fromstring(svg(charts(EVIL)[index], width, titled=True))

    for node in root.iter():
        assert node.tag.removeprefix(SVG) in SHAPES
        assert not [
            name for name in node.attrib if name.startswith("on") or "href" in name or name == "style"
        ]
    words = "".join(root.itertext())
    assert "<script src=//evil.example></script>" in words
    assert not set(words) & {"\x00", "\u202e", "\x1b"}


@pytest.mark.parametrize("index", range(len(KINDS)), ids=KINDS)
def test_every_drawing_has_a_name_with_its_days_and_a_sentence(index: int) -> None:
    root = ElementTree.fromstring(svg(charts()[index]))

    assert root.get("role") == "img"
    assert root.get("aria-label") == "opened. opened, 1 to 3 Nov 2026 (UTC), 9 users"
    assert root.findtext(f"{SVG}title") == root.get("aria-label")
    assert root.findtext(f"{SVG}desc") == sentence(charts()[index])
    assert str(root.get("viewBox")).split()[2] == ("120" if KINDS[index] == "sparkline" else str(WIDE))


def test_no_chart_without_its_days_and_sample() -> None:
    with pytest.raises(ValidationError, match="about"):
        Sparkline(title="Events", about="", values=(1,))


def test_values_without_a_label_are_refused() -> None:
    with pytest.raises(ValidationError, match="as many values"):
        Lines(title="t", about="a", labels=("1",), series=(Series(name="s", values=(1, 2)),))
    with pytest.raises(ValidationError, match="both edges"):
        Lines(title="t", about="a", labels=("1",), series=(), band=Band(low=(None,), high=(1,)))
    with pytest.raises(ValidationError, match="a cell for each"):
        Heatmap(title="t", about="a", rows=("1",), columns=("1", "2"), cells=((1,),))


def test_the_table_tells_what_the_drawing_shows() -> None:
    lines, bars, scores, heatmap, funnel, spark = (table(chart) for chart in charts())

    assert lines.columns == ["", "opened", "b", "opened, from", "opened, to", "opened"]
    assert lines.rows == [
        ["1 Nov", "1", "2", "0", "2", "4"],
        ["opened", "no data", "2", "1", "3", "5"],
        ["3 Nov", "3", "2", "1", "4", "6"],
    ]
    assert bars.rows == [["opened", "7", "opened"], ["none", "no data", ""]]
    assert scores.rows == [["opened", "71.5"], ["none", "no data"]]
    assert heatmap == (["", "00", "01"], [["Mon", "0", "5"], ["opened", "no data", "10"]])
    assert funnel.rows == [["1. opened", "10", ""], ["2. end", "4", "40.0%"]]
    assert spark.rows == [["1", "1"], ["2", "no data"], ["3", "3"]]


def test_a_listener_hears_the_extremes_first() -> None:
    lines, bars, _, heatmap, funnel, _ = (sentence(chart) for chart in charts())

    assert lines.startswith("opened: lowest 1 (1 Nov), highest 3 (3 Nov), last 3 (3 Nov).")
    assert bars == "2 bars, the longest opened: 7."
    assert heatmap == "Most at opened 01: 10."
    assert funnel == "opened: 10 users. end: 4 users."


def nodes(chart: Chart, style: str) -> list[ElementTree.Element]:
    return [each for each in ElementTree.fromstring(svg(chart)).iter() if each.get("class") == style]


def test_no_data_is_a_gap_and_never_a_zero() -> None:
    gap = Lines(
        title="t", about="a", labels=("1", "2", "3", "4"), series=(Series(name="s", values=(5, None, 5, 5)),)
    )
    assert [str(path.get("d")).count("L") for path in nodes(gap, "line")] == [0, 1]
    assert len(nodes(gap, "dot")) == 3

    _, bars, _, heatmap, _, _ = charts()
    assert len(nodes(bars, "bar")) == 1
    assert len(nodes(heatmap, "none")) == 1
    assert len(nodes(heatmap, "c0")) == 2, "the 0 and its place in the legend"


def test_lengths_are_in_proportion_to_their_values() -> None:
    chart = Bars(title="t", about="a", bars=(Bar(name="a", value=300), Bar(name="b", value=100)))
    long, short_one = (float(str(bar.get("width"))) for bar in nodes(chart, "bar"))

    assert long / short_one == pytest.approx(3, rel=0.01)

    steps = charts()[4]
    whole, track = nodes(steps, "worst")[0], nodes(steps, "track")[0]
    assert float(str(whole.get("width"))) / float(str(track.get("width"))) == pytest.approx(0.4, rel=0.01)


def test_what_is_less_than_nothing_is_a_number_without_a_bar() -> None:
    bars = Bars(title="t", about="a", bars=(Bar(name="down", value=-9), Bar(name="less", value=-3)))

    assert not nodes(bars, "bar")
    assert [each.text for each in nodes(bars, "quiet")] == ["-9", "-3"]


@pytest.mark.parametrize(
    ("values", "axis"),
    [
        ((100.0, -30.0, 0.0), ["-40", "-20", "0", "20", "40", "60", "80", "100"]),
        ((-9.0, -3.0, -1.0), ["-10", "-8", "-6", "-4", "-2", "0"]),
    ],
)
def test_a_line_below_nothing_stays_inside_its_axis(values: tuple[float, ...], axis: list[str]) -> None:
    chart = Lines(title="t", about="a", labels=("1", "2", "3"), series=(Series(name="s", values=values),))

    marks = [float(str(line.get("d")).rsplit(" ", 1)[1]) for line in nodes(chart, "grid")]
    heights = [float(str(dot.get("cy"))) for dot in nodes(chart, "dot")]

    assert [each.text for each in nodes(chart, "quiet")][: len(axis)] == axis
    assert min(marks) <= min(heights) < max(heights) < max(marks)


def test_the_hours_of_a_day_are_told_apart() -> None:
    points = tuple(Point(start=f"2026-11-20T{hour:02}:00:00", count=hour) for hour in (9, 10))
    days = tuple(Point(start=f"2026-11-{day}T00:00:00", count=day) for day in (19, 20))

    [[by_hour], _], [[by_day], _] = (
        reports.charts(kept(ReportRow(path=("Events",), points=each))) for each in (points, days)
    )

    assert [row[0] for row in table(by_hour).rows] == ["2026-11-20 09:00", "2026-11-20 10:00"]
    assert [row[0] for row in table(by_day).rows] == ["2026-11-19", "2026-11-20"]


def kept(*rows: ReportRow) -> KeptReport:
    report, at = SavedReport(kind="insights", rows=rows), datetime(2026, 11, 20, tzinfo=UTC)
    return KeptReport(
        report_id=1, name="By plan", kind="insights", first_fetched_at=at, fetched_at=at, report=report
    )


def test_of_many_segments_of_a_report_the_largest_are_drawn_whatever_their_order() -> None:
    rows = tuple(
        ReportRow(path=("Events", f"plan {count}"), points=(Point(start="all", count=count),))
        for count in range(30)
    )

    drawn, left = reports.charts(kept(*rows))

    assert [[row[1] for row in table(each).rows] for each in drawn] == [list(map(str, range(29, 4, -1)))]
    assert left == "5 more rows are in the report and not shown here."


def test_the_worst_step_is_told_in_words_and_not_by_colour_alone() -> None:
    assert [each.text for each in nodes(charts()[4], "lost")] == ["most are lost before this step"]


@pytest.mark.parametrize(
    ("most", "unit", "expected"),
    [
        (None, "count", [0, 1]),
        (0, "count", [0, 1]),
        (1, "count", [0, 1]),
        (3, "count", [0, 1, 2, 3]),
        (215, "count", [0, 50, 100, 150, 200, 250]),
        (1200, "count", [0, 500, 1000, 1500]),
        (0.14, "share", [0, 0.05, 0.1, 0.15]),
        (1, "share", [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_an_axis_has_round_numbers(most: float | None, unit: Any, expected: list[float]) -> None:
    assert ticks(most, unit) == pytest.approx(expected)


@pytest.mark.parametrize("most", [1, 2, 7, 9.99, 10, 10.01, 99, 4999, 123456789])
def test_an_axis_reaches_its_highest_value_in_at_most_five_equal_steps(most: float) -> None:
    marks = ticks(most, "count")

    assert marks[-1] >= most > marks[-2]
    assert len(marks) <= 6
    assert len({round(after - before, 6) for before, after in pairwise(marks)}) == 1


def test_numbers_are_written_in_full_and_shortened_on_the_axis() -> None:
    assert [written(1234, "count"), written(12.34, "count"), written(0.1428, "share")] == [
        "1,234",
        "12.3",
        "14.3%",
    ]
    assert written(None, "share") == "no data"
    assert [short(1500, "count"), short(2_000_000, "count"), short(0.05, "share")] == ["1.5k", "2M", "5%"]


def test_every_class_that_is_drawn_has_a_rule_in_both_styles() -> None:
    drawn = {str(each.get("class")) for one in charts() for each in ElementTree.fromstring(svg(one)).iter()}
    for style in (page_style(), picture_style()):
        assert all(f".chart .{name}{{" in style for name in drawn - {"None", "chart"})


def test_a_pages_colours_are_variables_and_a_pictures_are_not() -> None:
    assert "light-dark(" in page_style()
    assert set(re.findall(r"var\(--chart-(\w+)\)", page_style())) == PALETTE.keys() - {"paper"}
    assert "var(" not in picture_style()


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [0, 1])
@pytest.mark.parametrize(
    ("name", "least"), [("ink", 4.5), ("quiet", 4.5), ("worst", 4.5), ("main", 3), ("second", 3)]
)
def test_letters_and_lines_stand_out_from_their_paper(name: str, least: float, dark: int) -> None:
    pair = sorted([luminance(PALETTE[name][dark]), luminance(PALETTE["paper"][dark])])

    assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least


@pytest.mark.parametrize("index", range(len(KINDS) - 1), ids=KINDS[:-1])
def test_the_picture_is_the_drawing_in_light_colours(index: int) -> None:
    data = png(charts()[index])
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
        colours = {colour for _, colour in image.getcolors(1_000_000) or []}

    assert image.width == 2 * WIDE
    assert len(data) < 100_000
    assert image.getpixel((0, image.height - 1)) == (255, 255, 255)
    own = {"lines": "main", "bars": "main", "scores": "main", "heatmap": "main", "funnel": "worst"}
    assert tuple(bytes.fromhex(PALETTE[own[KINDS[index]]][0][1:])) in colours
    assert tuple(bytes.fromhex(PALETTE["ink"][0][1:])) in colours, "the letters of its title"


@pytest.mark.parametrize("points", [1, 2, 3, 6, 7, 30, 90])
@pytest.mark.parametrize("width", [WIDE, SMALL])
def test_labels_below_a_line_never_touch_each_other(points: int, width: int) -> None:
    labels = tuple(f"{each % 31 + 1:02} Oct" for each in range(points))
    chart = Lines(title="t", about="a", labels=labels, series=(Series(name="s", values=(1,) * points),))
    edges = []
    for each in ElementTree.fromstring(svg(chart, width)).iter(f"{SVG}text"):
        if each.text in labels:
            x, long = float(str(each.get("x"))), 13 * 0.6 * len(str(each.text))
            left = {"middle": x - long / 2, "end": x - long}.get(str(each.get("text-anchor")), x)
            edges.append((left, left + long))

    assert edges
    assert all(right + 4 <= left for (_, right), (left, _) in pairwise(sorted(edges)))
    assert sorted(edges)[-1][1] <= width

"""A chart as PNG, for chat clients that show pictures and no pages: the same SVG, drawn by resvg."""

import tempfile
from functools import cache
from typing import cast

from PIL import ImageFont

from handrail.charts.drawing import SIZE, picture_style
from handrail.charts.specification import Chart
from handrail.charts.svg import WIDE, svg

SHARP = 2
"""Pixels of the picture for each pixel of the drawing."""

_FAMILIES = "'DejaVu Sans','Noto Sans',Arial,'Liberation Sans'"
"""In this order where the machine has them: the first knows the most scripts."""


def png(chart: Chart) -> bytes:
    """The chart with its title and days on white, at most some 60 kB. Letters that no font has are boxes."""
    import resvg_py  # noqa: PLC0415  loaded only where a picture is asked for

    family, font = _own_font()
    style = f".chart text{{font-family:{_FAMILIES},{family};font-size:{SIZE}px}}{picture_style()}"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg(chart, titled=True),
            style_sheet=style,
            width=WIDE * SHARP,
            background="#ffffff",
            font_files=[font.name],
        )
    )


@cache
def _own_font() -> tuple[str, "tempfile._TemporaryFileWrapper[bytes]"]:
    """The font that comes with Pillow, for machines without any, such as slim containers.

    Its family, and a file as long as this process: resvg reads fonts from paths alone.
    """
    font = cast("ImageFont.FreeTypeFont", ImageFont.load_default(SIZE))
    file = tempfile.NamedTemporaryFile(prefix="handrail-font-", suffix=".ttf")  # noqa: SIM115
    file.write(font.font_bytes)
    file.flush()
    return str(font.getname()[0]), file

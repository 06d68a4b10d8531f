"""What an answer looks like: as a page's content in hosts with MCP Apps, as a picture in the others."""

from base64 import b64encode
from typing import Any, Self

from mcp.types import Annotations, CallToolResult, ImageContent
from pydantic import BaseModel, PrivateAttr

from handrail.charts.specification import Chart, Sheet
from handrail.charts.svg import SMALL, svg
from handrail.charts.table import table

KEY = "handrail/view"
"""Of a result's `_meta`: hosts hand it to the page, and keep it out of the model's context."""


class Viewed(BaseModel):
    """An answer that can be seen. What the page shows is no field: the model reads none of it."""

    _page: BaseModel | None = PrivateAttr(default=None)

    def seen_as(self, page: BaseModel) -> Self:
        """Itself, with the content of its page."""
        self._page = page
        return self

    @property
    def page(self) -> BaseModel | None:
        return self._page


def seen(result: CallToolResult, answer: BaseModel, *, page: bool, picture: bool) -> CallToolResult:
    """The answer's result, with its page's content and its picture where they are wanted."""
    shown = answer.page if isinstance(answer, Viewed) else None
    if picture and isinstance(shown, Sheet) and shown.charts:
        result.content.append(_picture(shown.charts[0]))
    if page and shown is not None:
        result.meta = {KEY: _content(shown)}
    return result


def _content(page: BaseModel) -> dict[str, Any]:
    if not isinstance(page, Sheet):
        return page.model_dump(mode="json")
    rest = page.model_dump(mode="json", exclude={"charts"})
    return {**rest, "charts": [_drawn(chart) for chart in page.charts]}


def _drawn(chart: Chart) -> dict[str, Any]:
    """The chart at both widths, and its table: the page draws nothing itself."""
    columns, rows = table(chart)
    return {
        "title": chart.title,
        "about": chart.about,
        "wide": svg(chart),
        "narrow": svg(chart, SMALL),
        "columns": columns,
        "rows": rows,
    }


def _picture(chart: Chart) -> ImageContent:
    """For the person: a model reads the text beside it."""
    from handrail.charts.png import png  # noqa: PLC0415  Pillow is loaded only where a picture is asked for

    return ImageContent(
        type="image",
        data=b64encode(png(chart)).decode(),
        mime_type="image/png",
        annotations=Annotations(audience=["user"]),
    )

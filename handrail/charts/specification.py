"""What a chart shows, apart from how it is drawn: one specification gives the SVG, the PNG and the table."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from handrail.engine.text import shown

Unit = Literal["count", "share"]
"""`share`: 0 to 1, written as per cent."""

Name = Annotated[str, AfterValidator(shown)]
"""Text that may come from analytics: one line, nothing in it that hides or turns round."""

Value = float | None
"""None: no data, which is never drawn as 0."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Chart(_Frozen):
    title: Name
    about: Annotated[str, AfterValidator(shown), Field(min_length=1)]
    """Days, zone and sample: no figure is shown without them."""


class Series(_Frozen):
    name: Name
    values: tuple[Value, ...]


class Band(_Frozen):
    """What was expected at each point; drawn behind the lines."""

    name: Name = "expected"
    low: tuple[Value, ...]
    high: tuple[Value, ...]


class Lines(_Chart):
    """Values over time, a point a label."""

    kind: Literal["lines"] = "lines"
    unit: Unit = "count"
    labels: tuple[Name, ...]
    series: tuple[Series, ...]
    band: Band | None = None
    sample: Series | None = None
    """How many each point rests on: told with it, and not drawn."""

    @model_validator(mode="after")
    def _each_label_has_its_values(self) -> Self:
        rows = [each.values for each in self.series]
        rows += [self.band.low, self.band.high] if self.band else []
        rows += [self.sample.values] if self.sample else []
        if any(len(row) != len(self.labels) for row in rows):
            raise ValueError("a series has as many values as there are labels")
        edges = zip(self.band.low, self.band.high, strict=True) if self.band else ()
        if any((low is None) != (high is None) for low, high in edges):
            raise ValueError("a band has both edges or neither")
        return self


class Bar(_Frozen):
    name: Name
    value: Value
    note: Name = ""


class Bars(_Chart):
    """One value a name, longest first or in an order of its own; `limit` makes scores of them."""

    kind: Literal["bars"] = "bars"
    unit: Unit = "count"
    measured: Name = "total"
    noted: Name = ""
    """What the notes count, such as users: the heading of their column in the table."""
    bars: tuple[Bar, ...]
    limit: float | None = None
    """The most that is possible, such as 100: shown as the bar's track."""


class Heatmap(_Chart):
    kind: Literal["heatmap"] = "heatmap"
    measured: Name = "total"
    rows: tuple[Name, ...]
    columns: tuple[Name, ...]
    cells: tuple[tuple[Value, ...], ...]

    @model_validator(mode="after")
    def _each_cell_has_its_place(self) -> Self:
        wide = {len(row) for row in self.cells}
        if len(self.cells) != len(self.rows) or wide - {len(self.columns)}:
            raise ValueError("a heatmap has a cell for each row and column")
        return self


class Step(_Frozen):
    name: Name
    users: int
    from_previous: float | None
    worst: bool = False


class Funnel(_Chart):
    kind: Literal["funnel"] = "funnel"
    steps: tuple[Step, ...]


class Sparkline(_Chart):
    """A line beside a word: no axis, no labels."""

    kind: Literal["sparkline"] = "sparkline"
    unit: Unit = "count"
    values: tuple[Value, ...]


Chart = Lines | Bars | Heatmap | Funnel | Sparkline


class Figure(_Frozen):
    """One number with its name, as it is read."""

    name: Name
    value: Name
    note: Name = ""


class Sheet(_Frozen):
    """What one answer looks like: its figures and its charts."""

    title: Name
    about: Name
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()

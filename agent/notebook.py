"""What goes through a night from stage to stage."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime

from pydantic import BaseModel

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery
from handrail.domain.runs import Report, StageTime
from handrail.domain.tutorials import Style
from handrail.engine.preflight import troubled


class Notebook(BaseModel):
    """What the night has done so far; becomes the report. It goes from stage to stage, also as JSON."""

    report: Report
    notes: list[str] = []
    backfill_from: date | None = None
    dry_run: bool = False
    """Whether it only finds out what it would do: nothing is sent, and no decision is kept."""
    decided: list[Delivery] | None = None
    """What a dry run would have decided."""
    texts: dict[str, str] = {}
    """Tutorial id by `text_of` its signature and style."""
    styles: dict[str, Style] = {}
    """By delivery id; of a rehearsal, which writes no choice down."""
    windows: dict[int, int] = {}
    """Seconds of each funnel that is counted by day."""
    sender_down: bool = False
    """The mail service refused a mail in a way that it will refuse all."""

    def troubled(self, feature: str) -> bool:
        return troubled(self.report.data_problems, feature)

    def timed(self, name: str, began: datetime, ended: datetime) -> None:
        done = StageTime(name=name, began=began, ended=ended)
        self.report = self.report.model_copy(update={"stages": (*self.report.stages, done)})

    def write(self, **values: object) -> None:
        self.report = self.report.model_copy(update={**values, "notes": tuple(self.notes)})


Stage = Callable[[ToolContext, Notebook, date], Awaitable[None]]
"""A part of the night: takes what earlier ones found from database and notebook, and may be repeated."""

"""Periods: complete project days, both ends inclusive."""

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

PeriodName = Literal[
    "last_7_days", "last_30_days", "last_90_days", "this_month", "last_month", "this_quarter", "last_quarter"
]


class Period(BaseModel):
    """`from_date` to `to_date`, both included, days of `zone`."""

    model_config = ConfigDict(frozen=True)

    from_date: date
    to_date: date
    zone: str

    @classmethod
    def of_days(cls, count: int, to_date: date, zone: str) -> "Period":
        """The `count` days that end with `to_date`."""
        return cls(from_date=to_date - timedelta(days=count - 1), to_date=to_date, zone=zone)

    @property
    def days(self) -> int:
        return (self.to_date - self.from_date).days + 1

    def before(self) -> "Period":
        """The period of equal length that ends the day before this one."""
        end = self.from_date - timedelta(days=1)
        return Period(from_date=end - timedelta(days=self.days - 1), to_date=end, zone=self.zone)

    def words(self) -> str:
        return f"{self.from_date.isoformat()} to {self.to_date.isoformat()} ({self.zone})"

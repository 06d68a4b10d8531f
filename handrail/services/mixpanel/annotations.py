"""Notes at the dates of a project, which its charts show."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from handrail.domain.periods import Period
from handrail.domain.project import Annotation
from handrail.services.mixpanel.answers import Answer, enveloped
from handrail.services.mixpanel.wire import Wire

WHAT = "annotations"


class _Tag(Answer):
    name: str = ""


class _Annotation(Answer):
    """A note; who wrote it is not read."""

    id: int
    date: str
    description: str | None = None
    tags: list[_Tag] | None = None


_listed = TypeAdapter(list[_Annotation])
_made = TypeAdapter(_Annotation)


class Annotations:
    """One project's notes, free of the hour's budget. Writing needs the role Analyst at least."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._path = f"/api/app/projects/{project_id}/annotations"

    async def of(self, period: Period) -> tuple[Annotation, ...]:
        """The notes at the days of a period."""
        days = {"fromDate": period.from_date.isoformat(), "toDate": period.to_date.isoformat()}
        raw = await self._wire.send("GET", self._query_url, self._path, WHAT, params=days)
        return tuple(_annotation(one) for one in enveloped(_listed, raw, WHAT))

    async def add(self, at: datetime, zone: str, text: str, *, tags: Iterable[int] = ()) -> Annotation:
        """Note something; where the same text stands at the same second already, that is left alone.

        Mixpanel does not say in which zone it reads the time: here it is the project's, as charts are.
        """
        moment = at.astimezone(ZoneInfo(zone))
        written = moment.strftime("%Y-%m-%d %H:%M:%S")
        for one in await self.of(Period.of_days(1, moment.date(), zone)):
            if (one.at, one.text) == (written, text):
                return one
        body = {"date": written, "description": text, "tags": list(tags)}
        raw = await self._wire.send("POST", self._query_url, self._path, WHAT, body=body, once=True)
        return _annotation(enveloped(_made, raw, WHAT))


def _annotation(one: _Annotation) -> Annotation:
    tags = tuple(tag.name for tag in one.tags or ())
    return Annotation(annotation_id=one.id, at=one.date, text=one.description or "", tags=tags)

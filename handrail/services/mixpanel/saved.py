"""Saved reports and dashboards by name, from the app API: free of the query budget."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from handrail.domain.reports import Dashboard, ListedReport, Listing
from handrail.engine.personal import harmless_name
from handrail.engine.text import shown
from handrail.errors import NotOffered
from handrail.services.mixpanel.answers import read
from handrail.services.mixpanel.wire import Wire


class _Answer(BaseModel):
    """Upstream objects gain fields over time: what we do not know is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Bookmark(_Answer):
    id: int
    name: str | None = None
    type: str = ""
    dashboard_id: int | None = None


class _Board(_Answer):
    id: int
    title: str | None = None
    reports: list[int] = Field(default_factory=list)


class _Results(_Answer):
    results: Any


_results = TypeAdapter(_Results)
_bookmarks = TypeAdapter(list[_Bookmark])
_boards = TypeAdapter(list[_Board])


class Saved:
    """What one project has saved."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._base = f"/api/app/projects/{project_id}"

    async def listing(self) -> Listing:
        """Every saved report, and every dashboard with its reports; none where dashboards are not offered."""
        what = "saved reports"
        bookmarks = read(_bookmarks, await self._get("bookmarks", what, {"v": "2"}), what)
        try:
            boards = read(_boards, await self._get("dashboards", "dashboards", {}), "dashboards")
        except NotOffered:
            boards = []
        return Listing(
            reports=tuple(
                ListedReport(report_id=each.id, name=_name(each.name, each.id), kind=each.type)
                for each in bookmarks
            ),
            dashboards=tuple(_dashboard(board, bookmarks) for board in boards),
        )

    async def _get(self, path: str, what: str, params: dict[str, str]) -> object:
        """The results; some answers wrap them twice."""
        raw = await self._wire.send("GET", self._query_url, f"{self._base}/{path}", what, params=params)
        found = read(_results, raw, what).results
        return read(_results, found, what).results if isinstance(found, dict) else found


def _dashboard(board: _Board, bookmarks: list[_Bookmark]) -> Dashboard:
    """A report says which dashboard it was made on; the dashboard may hold others, too."""
    own = [each.id for each in bookmarks if each.dashboard_id == board.id]
    return Dashboard(
        dashboard_id=board.id,
        name=_name(board.title, board.id),
        report_ids=tuple(dict.fromkeys([*board.reports, *own])),
    )


def _name(raw: str | None, number: int) -> str:
    """A name somebody typed; one that holds an address is not taken over."""
    return harmless_name(shown(raw or ""), number)

"""Saved reports and dashboards by name, from the app API: free of the query budget."""

from typing import TypeVar

from pydantic import Field, TypeAdapter

from handrail.domain.reports import Dashboard, ListedReport, Listing
from handrail.engine.personal import harmless_name
from handrail.engine.text import shown
from handrail.errors import NotOffered
from handrail.services.mixpanel.answers import Answer, Bookmark, enveloped
from handrail.services.mixpanel.wire import Wire

T = TypeVar("T")


class _Board(Answer):
    id: int
    title: str | None = None
    reports: list[int] = Field(default_factory=list)


_bookmarks = TypeAdapter(list[Bookmark])
_boards = TypeAdapter(list[_Board])


class Saved:
    """What one project has saved."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._base = f"/api/app/projects/{project_id}"

    async def listing(self) -> Listing:
        """Every saved report, and every dashboard with its reports; none where dashboards are not offered."""
        bookmarks = await self._get(_bookmarks, "bookmarks", "saved reports", {"v": "2"})
        try:
            boards = await self._get(_boards, "dashboards", "dashboards", {})
        except NotOffered:
            boards = []
        return Listing(
            reports=tuple(
                ListedReport(report_id=each.id, name=_name(each.name, each.id), kind=each.type)
                for each in bookmarks
            ),
            dashboards=tuple(_dashboard(board, bookmarks) for board in boards),
        )

    async def _get(self, adapter: TypeAdapter[T], path: str, what: str, params: dict[str, str]) -> T:
        raw = await self._wire.send("GET", self._query_url, f"{self._base}/{path}", what, params=params)
        return enveloped(adapter, raw, what)


def _dashboard(board: _Board, bookmarks: list[Bookmark]) -> Dashboard:
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

"""Saved reports: which one a name means, and what of a report may be kept."""

from collections.abc import Sequence

from rapidfuzz import fuzz, process, utils

from handrail.domain.queries import OVERALL, ReportRow, ReportStep, SavedReport
from handrail.domain.reports import Choice, Dashboard, KeptReport, ListedReport, Listing
from handrail.engine.personal import is_personal, points_at_somebody
from handrail.engine.text import shown
from handrail.errors import Conflict, NotThere

MOST_ROWS = 1000
READABLE = frozenset({"insights", "funnels", "retention"})
WITHHELD = "(withheld)"


def choose(asked: str, listing: Listing) -> Choice:
    """The report or dashboard with this id or, in any case, this name.

    Raises `NotThere` or, for more than one, `Conflict`, with what may be meant.
    """
    wanted = asked.strip()
    found = [each for each in _choices(listing) if wanted == str(_id(each))]
    found = found or [each for each in _choices(listing) if each.name.casefold() == wanted.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        meant = ", ".join(map(_described, found[:5]))
        raise Conflict(
            f"{wanted!r} is the name of several saved reports or dashboards: {meant}. Give the id."
        )
    near = _near(wanted, _choices(listing))
    nearest = f" The nearest are {', '.join(map(_described, near))}." if near else ""
    raise NotThere(f"No saved report or dashboard is called {wanted!r}.{nearest}")


def _choices(listing: Listing) -> list[Choice]:
    by_id = {report.report_id: report for report in listing.reports}
    return [
        *(Choice(name=report.name, reports=(report,)) for report in listing.reports),
        *(
            Choice(
                name=board.name,
                reports=tuple(by_id[each] for each in board.report_ids if each in by_id),
                dashboard_id=board.dashboard_id,
            )
            for board in listing.dashboards
        ),
    ]


def _id(choice: Choice) -> int:
    return choice.reports[0].report_id if choice.dashboard_id is None else choice.dashboard_id


def _described(choice: Choice) -> str:
    return f"{choice.name} ({'report' if choice.dashboard_id is None else 'dashboard'} {_id(choice)})"


def _near(wanted: str, choices: Sequence[Choice]) -> list[Choice]:
    names = [utils.default_process(choice.name) for choice in choices]
    found = process.extract(
        utils.default_process(wanted), names, scorer=fuzz.WRatio, limit=3, score_cutoff=60
    )
    return [choices[index] for _, _, index in found]


def without_persons(report: SavedReport, account_property: str) -> SavedReport:
    """The report as it may be kept: its sums, and the segments that point at nobody.

    Segments by a personal property are left out, and of others those whose value looks like an address or
    an id, unless they are accounts. At most 1,000 rows. What is left out makes the report incomplete.
    """
    kept = [row for row in report.rows if _harmless(row, report.by, account_property)]
    cleaned = tuple(_shown(row) for row in kept[:MOST_ROWS])
    complete = report.complete and len(cleaned) == len(report.rows)
    return report.model_copy(update={"rows": cleaned, "complete": complete})


def _harmless(row: ReportRow, by: Sequence[str], account_property: str) -> bool:
    for level, value in enumerate(row.path[1:]):
        name = by[level] if level < len(by) else ""
        if value == OVERALL or name == account_property:
            continue
        if is_personal(name) or points_at_somebody(value):
            return False
    return True


def _shown(row: ReportRow) -> ReportRow:
    metric = tuple(_label(each) for each in row.path[:1])
    steps = tuple(ReportStep(event=_label(step.event), users=step.users) for step in row.steps)
    return row.model_copy(update={"path": (*metric, *map(shown, row.path[1:])), "steps": steps})


def _label(text: str) -> str:
    return WITHHELD if points_at_somebody(text) else shown(text)


def listing_of(copies: Sequence[KeptReport]) -> Listing:
    """What can be told of the project's reports from the copies alone."""
    boards: dict[int, Dashboard] = {}
    for copy in copies:
        for board in copy.dashboards:
            known = boards.get(board.dashboard_id, board.model_copy(update={"report_ids": ()}))
            ids = (*known.report_ids, copy.report_id)
            boards[board.dashboard_id] = known.model_copy(update={"report_ids": ids})
    reports = tuple(ListedReport(report_id=one.report_id, name=one.name, kind=one.kind) for one in copies)
    return Listing(reports=reports, dashboards=tuple(boards.values()))

"""Profiles of users and groups: by id, by their properties, by cohort, or by what people did."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from handrail.domain.queries import Did
from handrail.errors import CallerError, UpstreamError
from handrail.services.mixpanel import answers, expressions
from handrail.services.mixpanel.expressions import Condition
from handrail.services.mixpanel.wire import Wire

IDS_A_REQUEST = 2000
PAGE = 1000
"""Mixpanel gives as many by itself; whether it ever gives more is not documented."""

MOST_PAGES = 20_000
"""Of one answer: twenty million people."""

WHAT = "profiles"
_page = TypeAdapter(answers.EngagePage)


@dataclass(frozen=True)
class Who:
    """Which profiles are wanted: made by the functions below, never from a text that somebody gave."""

    fields: Mapping[str, str]


def with_properties(where: Condition) -> Who:
    """Those whose properties are so."""
    return Who({"where": where.text})


def in_cohort(cohort_id: int, *, where: Condition | None = None) -> Who:
    """Those in a saved cohort now, people without a profile too unless `where` asks for its properties."""
    return Who({"filter_by_cohort": json.dumps({"id": cohort_id}), **_where(where)})


def who_did(did: Sequence[Did], as_of: datetime, *, where: Condition | None = None) -> Who:
    """Those with a profile who did all of this, in windows that end at `as_of`."""
    _check(did)
    behaviors = [
        {"window": f"{one.days}d", "name": f"b{at}", "event_selectors": [{"event": one.event}]}
        for at, one in enumerate(did)
    ]
    often = [expressions.happened(f"b{at}", one.at_least, one.at_most) for at, one in enumerate(did)]
    asked = expressions.both(*often, where) if where else expressions.both(*often)
    return Who(
        {
            "behaviors": json.dumps(behaviors),
            "where": asked.text,
            "as_of_timestamp": str(int(as_of.timestamp())),
        }
    )


def who_did_by_now(did: Sequence[Did], *, where: Condition | None = None) -> Who:
    """Those who did all of this up to now, people without a profile too: an unsaved cohort."""
    _check(did)
    return Who({"filter_by_cohort": json.dumps(_unsaved(did, "and")), **_where(where)})


def who_did_any(did: Sequence[Did]) -> Who:
    """Those who did one of these so often at least up to now, people without a profile too."""
    _check(did)
    if any(one.at_most is not None for one in did):
        raise CallerError("Of several things, one of which counts, say only how often at least.")
    return Who({"filter_by_cohort": json.dumps(_unsaved(did, "or"))})


def _unsaved(did: Sequence[Did], operator: Literal["and", "or"]) -> dict[str, Any]:
    behaviors = {
        f"bhvr_{at}": {
            "count": {"event_selector": {"event": one.event}, "type": "absolute"},
            "window": {"unit": "day", "value": one.days},
        }
        for at, one in enumerate(did)
    }
    children = [
        {"property": "behaviors", "value": f"bhvr_{at}", "operator": sign, "operand": times}
        for at, one in enumerate(did)
        for sign, times in _bounds(one)
    ]
    cohort = {"selector": {"operator": operator, "children": children}, "behaviors": behaviors}
    return {"raw_cohort": cohort}


class Profiles:
    """One project's profiles. Only the first page of an answer costs one of the hour."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._project_id = project_id

    async def read(
        self,
        output: Sequence[str],
        *,
        distinct_ids: Sequence[str] | None = None,
        group_id: str = "",
        who: Who | None = None,
        page_size: int = PAGE,
    ) -> AsyncIterator[answers.Profile]:
        """These properties of the profiles; in blocks, each of which costs one, where ids are given."""
        form = {"project_id": str(self._project_id), "output_properties": json.dumps(list(output))}
        if group_id:
            form["data_group_id"] = group_id
        if who is not None:
            form |= who.fields
        if page_size != PAGE:
            form["page_size"] = str(page_size)
        for block in _blocks(distinct_ids):
            async for profile in self._pages(form | block):
                yield profile

    async def _pages(self, form: Mapping[str, str]) -> AsyncIterator[answers.Profile]:
        """Raises `UpstreamError` where pages come twice, or fewer or more than were told on the first."""
        asked, total, given = dict(form), None, 0
        before: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            raw = await self._wire.send("POST", self._query_url, "/api/query/engage", WHAT, data=asked)
            answer = answers.read(_page, raw, WHAT)
            total = answer.total if page == 1 else total
            given += len(answer.results)
            mark = hash(tuple(profile.distinct_id for profile in answer.results))
            if answer.results and mark in before:
                raise UpstreamError(f"Mixpanel gave a page of {WHAT} twice: try again later.")
            before.add(mark)
            for profile in answer.results:
                yield profile
            if len(answer.results) < answer.page_size or not answer.session_id:
                break
            asked = {**form, "session_id": answer.session_id, "page": str(page)}
        else:
            raise UpstreamError(f"Mixpanel gives {WHAT} without end: try again later.")
        # By less than a page it may differ: people come and go while pages are made.
        if total is not None and total - given >= answer.page_size:
            raise UpstreamError(f"Mixpanel gave {given} of {total} {WHAT}: try again later.")


def _blocks(ids: Sequence[str] | None) -> Iterator[dict[str, str]]:
    if ids is None:
        yield {}
        return
    for at in range(0, len(ids), IDS_A_REQUEST):
        yield {"distinct_ids": json.dumps(list(ids[at : at + IDS_A_REQUEST]))}


def _where(where: Condition | None) -> dict[str, str]:
    return {} if where is None else {"where": where.text}


def _check(did: Sequence[Did]) -> None:
    if not did:
        raise CallerError("Name at least one thing that people did.")
    if any(one.days < 1 or not list(_bounds(one)) for one in did):
        raise CallerError("Say within how many days, and how often at least or at most.")


def _bounds(did: Did) -> Iterator[tuple[str, Any]]:
    if did.at_least > 0:
        yield ">=", did.at_least
    if did.at_most is not None:
        yield "<=", did.at_most

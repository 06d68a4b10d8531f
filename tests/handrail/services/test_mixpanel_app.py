"""The app API over HTTP: data views, what names mean, and notes; none of it costs a query."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.domain.periods import Period
from handrail.domain.project import Annotation, Described, DescribedProperty, Workspace
from handrail.errors import CallerError, ConfigError, HandrailError, NotInThePlan, NotOffered, UpstreamError
from handrail.services.mixpanel.client import Mixpanel
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world

ZONE = "America/New_York"
AUGUST = Period(from_date=date(2026, 8, 1), to_date=date(2026, 8, 31), zone=ZONE)
NOON = datetime(2026, 9, 1, 16, tzinfo=UTC)
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"
EXPORTED = {
    "entityType": "event",
    "name": "Export Clicked",
    "schemaJson": {
        "description": "User asked for an export",
        "properties": {
            "format": {
                "type": "string",
                "description": "csv or xlsx",
                "metadata": {"com.mixpanel": {"displayName": "Format", "hidden": True, "dropped": False}},
            },
            "size": {"type": ["integer", "null"]},
        },
        "metadata": {
            "com.mixpanel": {
                "displayName": "Export clicked",
                "tags": ["export"],
                "contacts": ["zqx@acme.example"],
                "teamContacts": [],
            }
        },
    },
}
PLAN = {"entityType": "profile", "name": "Plan", "schemaJson": {"hidden": "what we do not know"}}
NOTES = [
    {"id": 3, "date": "2026-08-01 12:00:00", "description": "v2", "user": {"first_name": "zqx"}, "tags": []},
    {"id": 4, "date": "2026-08-31", "description": None, "tags": [{"id": 1, "name": "release"}]},
    {"id": 5, "date": "2026-09-01 00:00:00", "description": "later"},
]

Ask = Callable[[Mixpanel], Awaitable[Any]]
ASKS: dict[str, tuple[str, Ask]] = {
    "workspaces": ("/me", lambda mixpanel: mixpanel.workspaces()),
    "lexicon": ("/schemas", lambda mixpanel: mixpanel.lexicon.described()),
    "annotations": ("/annotations", lambda mixpanel: mixpanel.annotations.of(AUGUST)),
    "annotate": ("/annotations", lambda mixpanel: mixpanel.annotations.add(NOON, ZONE, "sent")),
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Standin]:
    events = [event("A", "u1", "2026-11-20T10:00:00")]
    changes = {"timezone": ZONE, "schemas": [EXPORTED, PLAN], "annotations": NOTES}
    with running(write_world(tmp_path / "world", events, **changes)) as state:
        yield state


@pytest.fixture
def mixpanel(http: httpx2.AsyncClient, served: Standin, tmp_path: Path) -> Mixpanel:
    return Mixpanel(http, settings_for(served, tmp_path))


def answer(state: Standin, route: str, status: int, body: Any = LEAK) -> None:
    fault = {"neighbour": "mixpanel", "route": route, "fault": "status"}
    state.faults.add({**fault, "status": status, "body": body})


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> None:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    assert not any(word in f"{caught.value} {caught.value.__cause__}" for word in ("zqx", "tiny", "http"))


async def test_data_views_of_this_project_are_listed(mixpanel: Mixpanel, served: Standin) -> None:
    assert await mixpanel.workspaces() == (Workspace(workspace_id=999, name="All Project Data", whole=True),)

    views = {"5": {"id": 5, "name": "Other", "project_id": 1}, "6": {"id": 6, "project_id": 12345}}
    answer(served, "/me", 200, {"results": {"projects": {}, "workspaces": views}})
    assert await mixpanel.workspaces() == (Workspace(workspace_id=6, name=""),)


async def test_what_the_team_wrote_about_names_is_read_without_whom_to_ask(
    mixpanel: Mixpanel, served: Standin
) -> None:
    exported = Described(
        kind="event",
        name="Export Clicked",
        title="Export clicked",
        description="User asked for an export",
        tags=("export",),
        properties=(
            DescribedProperty(
                name="format", type="string", title="Format", description="csv or xlsx", hidden=True
            ),
            DescribedProperty(name="size", type="integer or null"),
        ),
    )

    assert await mixpanel.lexicon.described() == (exported, Described(kind="profile", name="Plan"))
    assert await mixpanel.lexicon.described("event") == (exported,)
    assert [each["counted"] for each in served.requests] == [False, False]


async def test_notes_are_those_of_the_days_asked_for(mixpanel: Mixpanel) -> None:
    assert await mixpanel.annotations.of(AUGUST) == (
        Annotation(annotation_id=3, at="2026-08-01 12:00:00", text="v2"),
        Annotation(annotation_id=4, at="2026-08-31", text="", tags=("release",)),
    )


async def test_a_note_is_made_once_in_the_projects_time_however_often_it_is_asked_for(
    mixpanel: Mixpanel, served: Standin
) -> None:
    made = await mixpanel.annotations.add(NOON, ZONE, 'Tutorials "export" sent', tags=[1])
    again = await mixpanel.annotations.add(NOON, ZONE, 'Tutorials "export" sent', tags=[1])
    other = await mixpanel.annotations.add(NOON, ZONE, "Another")

    assert made == again
    assert (made.at, made.text) == ("2026-09-01 12:00:00", 'Tutorials "export" sent')
    assert made.tags == ("tag 1",)
    assert [one["description"] for one in served.annotations] == [
        "v2", None, "later", 'Tutorials "export" sent', "Another",
    ]  # fmt: skip
    assert other.annotation_id == made.annotation_id + 1
    assert not any(each["counted"] for each in served.requests)


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, UpstreamError),
        (400, CallerError),
        (401, ConfigError),
        (402, NotInThePlan),
        (403, NotOffered),
        (404, NotOffered),
        (500, UpstreamError),
    ],
)
async def test_a_refusal_is_an_error_of_ours(
    mixpanel: Mixpanel, served: Standin, what: str, status: int, kind: type[HandrailError]
) -> None:
    route, ask = ASKS[what]
    answer(served, route, status, {"status": "error", "error": LEAK})

    await refused(ask(mixpanel), kind)


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    "shape",
    [
        LEAK,
        [],
        None,
        {},
        {"results": LEAK},
        {"results": [LEAK]},
        {"results": [{"id": "zqx"}]},
        {"results": {"projects": {}, "workspaces": {"zqx": {"id": "zqx"}}}},
        {"results": [{"entityType": "event", "name": "zqx", "schemaJson": {"properties": "zqx"}}]},
    ],
    ids=range(9),
)
async def test_an_answer_of_an_unknown_shape_is_an_error_and_not_quoted(
    mixpanel: Mixpanel, served: Standin, what: str, shape: Any
) -> None:
    route, ask = ASKS[what]
    answer(served, route, 200, shape)

    await refused(ask(mixpanel), UpstreamError)

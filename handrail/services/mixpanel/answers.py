"""Mixpanel's answers, checked and turned into our words."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from handrail.errors import UpstreamError

T = TypeVar("T")


class Answer(BaseModel):
    """Upstream objects gain fields over time: what we do not know is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Project(Answer):
    timezone: str
    name: str = ""


class DataView(Answer):
    id: int
    name: str = ""
    project_id: int | None = None
    is_global: bool = False


class MeResults(Answer):
    projects: dict[str, Project]
    workspaces: dict[str, DataView] = Field(default_factory=dict)


class Me(Answer):
    results: MeResults


class FunnelEntry(Answer):
    funnel_id: int
    name: str


class Bookmark(Answer):
    """A saved report."""

    id: int
    name: str | None = None
    type: str = ""
    dashboard_id: int | None = None
    params: Any = None


class StepCount(Answer):
    count: int
    event: str


class SegmentedFunnel(Answer):
    """`data`: bucket start → segment → steps. Keys that are no date are skipped by the reader."""

    data: dict[str, Any]


class Profile(Answer):
    distinct_id: str = Field(validation_alias="$distinct_id", coerce_numbers_to_str=True)
    properties: dict[str, Any] = Field(validation_alias="$properties")


class EngagePage(Answer):
    page_size: int = Field(1000, ge=1)
    session_id: str | None = None
    total: int | None = None
    """Told on the first page only."""
    results: list[Profile]


class UseState(Answer):
    """What one user did with one feature. Times are ms of the project-local epoch."""

    attempts: int
    successes: int
    errors: dict[str, int]
    rage_clicks: int
    dead_clicks: int
    last_attempt: float | None
    last_success: float | None
    reached: int
    accounts: list[Any]
    abandoned: int
    pending: float | None
    help_views: int
    before: tuple[int, int]


class UseRow(Answer):
    """One user; a state for each feature asked, in that order, None of what was tried too seldom."""

    key: list[Any]
    value: list[UseState | None]


class EveryUse(Answer):
    """Everybody's use of one feature: which events there were, and users, attempts and successes.

    The latter by a JSON text: the list of the values of the account property that these users had, and a
    list with the one user's id where that was asked for.
    """

    seen: list[str]
    groups: dict[str, tuple[int, int, int]]


class UseAnswer(Answer):
    """Who tried a feature often enough, and everybody in numbers, by feature in the order asked."""

    rows: list[UseRow]
    everybody: list[EveryUse]


class _Results(Answer):
    results: Any


_results = TypeAdapter(_Results)


def read(adapter: TypeAdapter[T], raw: object, what: str) -> T:
    """Check an answer's shape. The error names the call, never what was in the answer."""
    try:
        return adapter.validate_python(raw)
    except ValidationError:
        raise UpstreamError(
            f"Mixpanel answered {what} in a shape Handrail does not know: try again, or update Handrail."
        ) from None


def enveloped(adapter: TypeAdapter[T], raw: object, what: str) -> T:
    """The same for what stands in the app API's envelope; some answers have two of them."""
    found = read(_results, raw, what).results
    return read(adapter, found["results"] if isinstance(found, dict) and "results" in found else found, what)

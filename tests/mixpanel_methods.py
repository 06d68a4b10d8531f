"""Every public method of the Mixpanel client and how to call it, for what has to hold for all of them."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from handrail.domain.funnels import Funnel
from handrail.domain.periods import Period
from handrail.domain.queries import Did
from handrail.domain.writes import NewEvent, ProfileChange
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.expressions import both, equals
from handrail.services.mixpanel.profiles import who_did, who_did_by_now
from handrail.services.mixpanel.queries import Queries
from handrail.services.mixpanel.write import Ingest, insert_id

WEEK = Period(from_date=date(2026, 11, 4), to_date=date(2026, 11, 10), zone="America/New_York")
STARTED, CONNECTED = "Source Connect Started", "Source Connected"
FUNNEL = Funnel(
    funnel_id=52110401, name="Connect a data source", steps=(STARTED, CONNECTED), window_seconds=86_400
)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
DID = [Did(event=STARTED, days=30), Did(event=CONNECTED, days=30, at_least=0, at_most=0)]
TOLD = NewEvent(event="assist_told", distinct_id="u1", time=1_795_186_800, insert_id=insert_id("told", "u1"))
GROUP = "-3108846620175904417"
"""The group id of accounts in the default world."""

SCRIPT = """function main() {
  return Events({from_date: "2026-11-10", to_date: "2026-11-10"}).filter(function () { return false; });
}"""
WHERE = both(equals("plan", "team"))

Ask = Callable[[Mixpanel], Awaitable[Any]]
Api = Literal["query", "app", "export", "ingest"]


@dataclass(frozen=True)
class Method:
    """`thing` is what its errors call it; `variants` are further calls whose requests look different."""

    api: Api
    thing: str
    ask: Ask
    variants: tuple[Ask, ...] = ()
    requests: int = 1
    """How many it sends when all is well."""

    falls_back: bool = False
    """Asks the app API, and the query API where that is closed."""


def asks_nothing(name: str) -> bool:
    """Methods that send no request."""
    return name in {"in_region"}


def methods_of(client: Mixpanel) -> set[str]:
    """The client's public methods, and those of its public parts as `part.method`."""
    ours = "handrail.services.mixpanel"
    parts = {
        f"{name}.": part
        for name, part in vars(client).items()
        if not name.startswith("_") and type(part).__module__.startswith(ours)
    }
    return {
        prefix + name
        for prefix, part in {"": client, **parts}.items()
        for name, _ in inspect.getmembers(type(part), inspect.isfunction)
        if not name.startswith("_") and not asks_nothing(prefix + name)
    }


async def _profiles(mixpanel: Mixpanel, **options: Any) -> list[Any]:
    return [profile async for profile in mixpanel.profiles(["$name"], **options)]


async def _export(mixpanel: Mixpanel, **options: Any) -> bytes:
    async with mixpanel.export(WEEK.to_date, WEEK.to_date, **options) as stream:
        return b"".join([chunk async for chunk in stream])


def _query(thing: str, *asks: Callable[[Queries], Awaitable[Any]], **more: Any) -> Method:
    def through(ask: Callable[[Queries], Awaitable[Any]]) -> Ask:
        return lambda mixpanel: ask(mixpanel.queries)

    first, *others = map(through, asks)
    return Method(**{"api": "query", "thing": thing, "ask": first, "variants": tuple(others), **more})


def _write(thing: str, *asks: Callable[[Ingest], Awaitable[Any]]) -> Method:
    def through(ask: Callable[[Ingest], Awaitable[Any]]) -> Ask:
        def asked(mixpanel: Mixpanel) -> Awaitable[Any]:
            assert mixpanel.ingest is not None
            return ask(mixpanel.ingest)

        return asked

    first, *others = map(through, asks)
    return Method("ingest", thing, first, tuple(others))


METHODS: dict[str, Method] = {
    "zone": Method("app", "who am I", lambda m: m.zone()),
    "workspaces": Method("app", "who am I", lambda m: m.workspaces()),
    "lexicon.described": Method(
        "app", "Lexicon", lambda m: m.lexicon.described(), (lambda m: m.lexicon.described("event"),)
    ),
    "annotations.of": Method("app", "annotations", lambda m: m.annotations.of(WEEK)),
    "annotations.add": Method(
        "app", "annotations", lambda m: m.annotations.add(NOW, WEEK.zone, "Told", tags=[7]), requests=2
    ),
    "saved.listing": Method("app", "saved reports", lambda m: m.saved.listing(), requests=2),
    "funnels": Method("app", "funnels", lambda m: m.funnels(), falls_back=True),
    "known_funnels": Method("app", "funnels", lambda m: m.known_funnels(), falls_back=True),
    "list_funnels": Method("query", "the list of funnels", lambda m: m.list_funnels()),
    "funnel_by_account": Method("query", "funnel 52110401", lambda m: m.funnel_by_account(FUNNEL, WEEK)),
    "uses": Method("query", "JQL", lambda m: m.uses(SCRIPT, {"feature": "a"})),
    "profiles": Method(
        "query",
        "profiles",
        _profiles,
        (
            lambda m: _profiles(m, distinct_ids=["u1"]),
            lambda m: _profiles(m, group_id=GROUP),
            lambda m: _profiles(m, who=who_did(DID, NOW)),
            lambda m: _profiles(m, who=who_did_by_now(DID), page_size=250),
        ),
    ),
    "export": Method("export", "the export", _export, (lambda m: _export(m, events=[STARTED]),)),
    "insights.funnel": Method("query", "a funnel", lambda m: m.insights.funnel(FUNNEL, WEEK)),
    "insights.figures": Method("query", "figures", lambda m: m.insights.figures([FUNNEL], WEEK)),
    "queries.segmentation": _query(
        "counts",
        lambda q: q.segmentation(STARTED, WEEK, by="company_id"),
        lambda q: q.segmentation(STARTED, WEEK, where=WHERE, counting="unique", unit="week"),
    ),
    "queries.segmentation_sum": _query(
        "the sum of a property",
        lambda q: q.segmentation_sum(STARTED, WEEK, of="n"),
        lambda q: q.segmentation_sum(STARTED, WEEK, of="n", where=WHERE, unit="hour"),
    ),
    "queries.segmentation_average": _query(
        "the average of a property", lambda q: q.segmentation_average(STARTED, WEEK, of="n")
    ),
    "queries.segmentation_numeric": _query(
        "counts by number", lambda q: q.segmentation_numeric(STARTED, WEEK, of="n")
    ),
    "queries.event_counts": _query("events", lambda q: q.event_counts([STARTED], WEEK)),
    "queries.event_names": _query("event names", lambda q: q.event_names()),
    "queries.top_events": _query("today's events", lambda q: q.top_events()),
    "queries.event_properties": _query("properties", lambda q: q.event_properties(STARTED)),
    "queries.property_values": _query("values", lambda q: q.property_values(STARTED, "plan")),
    "queries.retention": _query(
        "retention",
        lambda q: q.retention(STARTED, CONNECTED, WEEK, by="plan"),
        lambda q: q.retention(STARTED, "", WEEK, born_where=WHERE, where=WHERE, unbounded=True),
    ),
    "queries.recurring": _query("retention", lambda q: q.recurring(STARTED, WEEK)),
    "queries.frequency": _query(
        "the frequency",
        lambda q: q.frequency(WEEK, event=STARTED),
        lambda q: q.frequency(WEEK, where=WHERE),
    ),
    "queries.cohorts": _query("saved cohorts", lambda q: q.cohorts(), api="app", falls_back=True),
    "queries.saved_report": _query("saved report", lambda q: q.saved_report(52110501)),
    "queries.activity": _query("the activity of users", lambda q: q.activity(["u1"], WEEK)),
    "ingest.import_events": _write("events", lambda i: i.import_events([TOLD])),
    "ingest.set_profile": _write(
        "changes to a profile",
        lambda i: i.set_profile("u1", {"a": 1}),
        lambda i: i.set_profile("u1", {}, union={"b": ["c"]}),
    ),
    "ingest.set_profiles": _write(
        "changes to a profile",
        lambda i: i.set_profiles([ProfileChange(distinct_id="u1", values={"a": 1})]),
        lambda i: i.set_profiles([ProfileChange(distinct_id="u1", union={"b": ("c",)})]),
    ),
    "ingest.set_group": _write(
        "changes to a profile",
        lambda i: i.set_group("company_id", "acme", {"a": 1}),
        lambda i: i.set_group("company_id", "acme", {"a": 1}, union={"b": ["c"]}),
    ),
}

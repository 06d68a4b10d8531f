"""Mixpanel's HTTP API: authentication, budgets' refusals, and errors in our words."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date
from time import monotonic
from typing import Any

import httpx2
from pydantic import TypeAdapter

from handrail.domain.deliveries import Actor
from handrail.domain.funnels import Funnel, FunnelCounts
from handrail.domain.periods import Period
from handrail.domain.project import Workspace
from handrail.engine.personal import harmless_name
from handrail.errors import ConfigError, NotOffered, UpstreamError
from handrail.services.mixpanel import answers, expressions
from handrail.services.mixpanel.annotations import Annotations
from handrail.services.mixpanel.budget import Budget, Unlimited
from handrail.services.mixpanel.insights import Insights
from handrail.services.mixpanel.lexicon import Lexicon
from handrail.services.mixpanel.profiles import PAGE, Profiles, Who
from handrail.services.mixpanel.queries import Queries
from handrail.services.mixpanel.saved import Saved
from handrail.services.mixpanel.wire import Wire
from handrail.services.mixpanel.write import SECONDS, Ingest, IngestWire
from handrail.settings import Settings

_PROJECT_SECRET = re.compile(r"[0-9a-fA-F]{32}\Z")
"""Names of service accounts have dots in them."""

REMEMBERED = 300.0
"""Seconds for which the list of saved funnels is not asked for again by those who only look."""

MOST_USES = 256 << 20
"""Bytes of everybody's use of all features: a hundred thousand people who struggle need thirty million."""

_WINDOW_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}

_me = TypeAdapter(answers.Me)
_bookmarks = TypeAdapter(list[answers.Bookmark])
_entries = TypeAdapter(list[answers.FunnelEntry])
_segmented = TypeAdapter(answers.SegmentedFunnel)
_segments = TypeAdapter(dict[str, list[answers.StepCount]])
_uses = TypeAdapter(list[answers.UseAnswer])


class Mixpanel:
    """One project. Answers are values of ours; no upstream text leaves this class."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        settings: Settings,
        budget: Budget | None = None,
        *,
        actor: Actor = "chat",
    ) -> None:
        """The actor decides how long an answer is waited for, unless the settings say so."""
        if _PROJECT_SECRET.match(settings.mixpanel_username):
            raise ConfigError(
                "HANDRAIL_MIXPANEL_USERNAME holds a project's API secret, which Mixpanel retires on "
                "3 March 2027: create a service account in Mixpanel's project settings, and put its name "
                "and its secret into HANDRAIL_MIXPANEL_USERNAME and HANDRAIL_MIXPANEL_SECRET."
            )
        if settings.mixpanel_project_id is None:
            raise ConfigError("HANDRAIL_MIXPANEL_PROJECT_ID is not set: put the project's number there.")
        if not settings.mixpanel_username or settings.mixpanel_secret is None:
            raise ConfigError(
                "HANDRAIL_MIXPANEL_USERNAME and HANDRAIL_MIXPANEL_SECRET are not set: "
                "create a service account in Mixpanel's project settings."
            )
        self.project_id = settings.mixpanel_project_id
        self.account_property = settings.mixpanel_account_property
        auth = (settings.mixpanel_username, settings.mixpanel_secret.get_secret_value())
        self._wire = Wire(
            http,
            auth=auth,
            budget=budget or Unlimited(),
            actor=actor,
            seconds=settings.mixpanel_seconds,
            export_seconds=settings.export_seconds,
            first_wait=settings.retry_seconds,
        )
        self._query_url = settings.query_url
        self._export_url = settings.export_url
        self._settings, self._http = settings, http
        self.queries = Queries(self._wire, self._query_url, self.project_id)
        self._profiles = Profiles(self._wire, self._query_url, self.project_id)
        self.insights = Insights(self._wire, self._query_url, self.project_id)
        self.lexicon = Lexicon(self._wire, self._query_url, self.project_id)
        self.annotations = Annotations(self._wire, self._query_url, self.project_id)
        self.saved = Saved(self._wire, self._query_url, self.project_id)
        self.ingest = _ingest(http, settings)
        self._zone: str | None = None
        self._told: tuple[float, list[Funnel]] | None = None

    async def zone(self) -> str:
        """The project's time zone name, asked once."""
        if self._zone is None:
            project = (await self._asked_me()).projects.get(str(self.project_id))
            if project is None:
                raise ConfigError(
                    f"The service account does not reach project {self.project_id}: "
                    "check HANDRAIL_MIXPANEL_PROJECT_ID and the account's projects."
                )
            self._zone = project.timezone
        return self._zone

    async def workspaces(self) -> tuple[Workspace, ...]:
        """The project's data views, as far as the service account may see them."""
        views = (await self._asked_me()).workspaces.values()
        return tuple(
            Workspace(workspace_id=view.id, name=view.name, whole=view.is_global)
            for view in views
            if view.project_id == self.project_id
        )

    def in_region(self, region: str) -> "Mixpanel":
        """The same project asked in another region: it answers in its own alone."""
        return Mixpanel(self._http, self._settings.model_copy(update={"mixpanel_region": region}))

    async def list_funnels(self) -> list[Funnel]:
        """Names of saved funnels by the Query API: one question, which also tells whether the plan has it."""
        raw = await self._get("/api/query/funnels/list", self._project(), "the list of funnels")
        return [
            Funnel(funnel_id=entry.funnel_id, name=harmless_name(entry.name, entry.funnel_id))
            for entry in answers.read(_entries, raw, "the list of funnels")
        ]

    async def funnels(self) -> list[Funnel]:
        """Saved funnels: with steps and window from the app API, else their names alone."""
        try:
            raw = await self._get(
                f"/api/app/projects/{self.project_id}/bookmarks",
                {"v": "2", "type": "funnels"},
                "saved funnels",
            )
        except NotOffered:
            return await self.list_funnels()
        found = answers.enveloped(_bookmarks, raw, "saved funnels")
        return [_funnel(bookmark) for bookmark in found if bookmark.type == "funnels"]

    async def known_funnels(self) -> list[Funnel]:
        """Saved funnels as Mixpanel told them, at most five minutes ago: who only looks asks nothing."""
        if self._told is None or monotonic() - self._told[0] > REMEMBERED:
            self._told = (monotonic(), await self.funnels())
        return self._told[1]

    async def funnel_by_account(self, funnel: Funnel, period: Period) -> dict[str, FunnelCounts]:
        """Users per step and account in one query; entries inside the period, completions may come later."""
        raw = await self._get(
            "/api/query/funnels",
            {
                **self._project(),
                "funnel_id": str(funnel.funnel_id),
                "from_date": period.from_date.isoformat(),
                "to_date": period.to_date.isoformat(),
                "interval": str(period.days),
                "on": expressions.property_of_event(self.account_property),
                "limit": "10000",
            },
            f"funnel {funnel.funnel_id}",
        )
        data = answers.read(_segmented, raw, f"funnel {funnel.funnel_id}").data
        buckets = [value for key, value in data.items() if _is_day(key)]
        if len(buckets) > 1:
            raise UpstreamError(f"Mixpanel split funnel {funnel.funnel_id} into {len(buckets)} periods.")
        segments = answers.read(_segments, buckets[0], f"funnel {funnel.funnel_id}") if buckets else {}
        return {
            segment: FunnelCounts(events=tuple(s.event for s in steps), users=tuple(s.count for s in steps))
            for segment, steps in segments.items()
        }

    async def uses(self, script: str, params: Mapping[str, Any]) -> answers.UseAnswer:
        """Run the struggle script as JQL. Raises `NotOffered` where the project has no JQL."""
        form = {"script": script, "params": json.dumps(params)}
        raw = await self._wire.send(
            "POST",
            self._query_url,
            "/api/query/jql",
            "JQL",
            params=self._project(),
            data=form,
            gone=(402, 403, 404, 410, 412),
            most_bytes=MOST_USES,
        )
        found = answers.read(_uses, raw, "JQL")
        return found[0] if found else answers.UseAnswer(rows=[], everybody=[])

    def profiles(
        self,
        output: list[str],
        *,
        distinct_ids: list[str] | None = None,
        group_id: str = "",
        who: Who | None = None,
        page_size: int = PAGE,
    ) -> AsyncIterator[answers.Profile]:
        """Profiles, page by page; only the first page of an answer counts against the budget."""
        return self._profiles.read(
            output, distinct_ids=distinct_ids, group_id=group_id, who=who, page_size=page_size
        )

    def export(
        self, from_day: date, to_day: date, *, events: list[str] | None = None, limit: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The raw export of whole export days as a stream of bytes. Raises `BrokenExport` if it is cut.

        `limit`, up to 100,000 lines, is for samples: which lines come is not said.
        """
        params = {**self._project(), "from_date": from_day.isoformat(), "to_date": to_day.isoformat()}
        if events is not None:
            params["event"] = json.dumps(events)
        if limit:
            params["limit"] = str(limit)
        return self._wire.stream(f"{self._export_url}/api/2.0/export", "the export", params)

    async def _asked_me(self) -> answers.MeResults:
        what = "who am I"
        return answers.read(_me, await self._get("/api/app/me", {}, what), what).results

    def _project(self) -> dict[str, str]:
        return {"project_id": str(self.project_id)}

    async def _get(self, path: str, params: Mapping[str, str], what: str) -> object:
        return await self._wire.send("GET", self._query_url, path, what, params=params)


def _ingest(http: httpx2.AsyncClient, settings: Settings) -> Ingest | None:
    """Writes need the project's token; they do not touch the query budget."""
    if settings.mixpanel_token is None:
        return None
    token = settings.mixpanel_token.get_secret_value()
    wire = IngestWire(
        http,
        auth=(token, ""),
        budget=Unlimited(),
        seconds=settings.mixpanel_seconds or SECONDS,
        first_wait=settings.retry_seconds,
    )
    return Ingest(wire, settings.ingest_url, token)


def _funnel(bookmark: answers.Bookmark) -> Funnel:
    """Steps and window out of a bookmark's parameters; without them the funnel can still be asked by id."""
    name = harmless_name(bookmark.name or "", bookmark.id)
    try:
        behavior = bookmark.params["sections"]["show"][0]["behavior"]
        steps = tuple(str(step["name"]) for step in behavior["behaviors"])
        window = int(behavior["conversionWindowDuration"]) * _WINDOW_UNITS[behavior["conversionWindowUnit"]]
    except (KeyError, IndexError, TypeError, ValueError):
        return Funnel(funnel_id=bookmark.id, name=name)
    return Funnel(funnel_id=bookmark.id, name=name, steps=steps, window_seconds=window)


def _is_day(key: str) -> bool:
    try:
        date.fromisoformat(key[:10])
    except ValueError:
        return False
    return True

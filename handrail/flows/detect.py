"""Who struggles: by JQL, else by what Mixpanel says of who tried, else by the export; one verdict for all."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.queries import Did
from handrail.domain.runs import FeatureStruggles
from handrail.domain.struggles import FeatureUse, Peers, Struggle
from handrail.engine import struggles, uses
from handrail.engine.accounts import account_ids
from handrail.engine.periods import midnight
from handrail.errors import UpstreamError
from handrail.flows import routes
from handrail.flows.belonging import homes
from handrail.flows.reasons import label_reasons
from handrail.flows.sync import read_events
from handrail.services import mixpanel
from handrail.services.mixpanel.answers import UseState
from handrail.services.mixpanel.profiles import who_did_any

KEPT = timedelta(days=30)
"""Verdicts on single people are kept so long."""

Route = Literal["jql", "behaviors", "export"]
Gathered = dict[str, uses.Gathering]
"""What users did, by feature."""

_SCRIPT = (Path(mixpanel.__file__).parent / "struggle.js").read_text("utf-8")

log = logging.getLogger(__name__)


async def detect(ctx: ToolContext, features: Sequence[Feature], as_of: date) -> dict[str, FeatureStruggles]:
    """Keep the struggles of the window that ends with `as_of` (included); answers them counted, by feature.

    One question serves all features; every route gives the same verdicts.
    """
    if not features:
        return {}
    zone = await ctx.zone()

    async def jql() -> Gathered:
        return await _by_jql(ctx, features, as_of, zone)

    async def behaviors() -> Gathered:
        tried = await _who_tried(ctx, features, as_of, zone)
        return await _by_export(ctx, features, as_of, zone, only=tried) if tried else {}

    try:
        ways = [routes.Route("jql", jql), routes.Route("behaviors", behaviors)]
        gathered, route = await routes.first_answer(ctx, "who struggles", ways)
    except UpstreamError as refusal:
        log.warning("struggles are counted from the export: %s", refusal)
        gathered, route = await _by_export(ctx, features, as_of, zone), "export"
    labels = await label_reasons(ctx, features, {slug: each.often for slug, each in gathered.items()}, as_of)
    asked = bool(gathered)
    end = midnight(as_of + timedelta(days=1), zone)
    judged = {}
    for feature in features:
        # Let go of with its feature: at volume the signals of all users are the night's largest heap.
        one = gathered.pop(feature.slug, uses.Gathering(feature))
        found = _Verdicts(one, end, labels[feature.slug])
        async with ctx.store.begin() as work:
            await work.nights.replace_struggles(as_of, feature.slug, found)
        judged[feature.slug] = FeatureStruggles(
            feature=feature.slug,
            struggling=found.people,
            accounts=len(found.accounts),
            route=cast("Route", route),
            tried=one.tried if asked else None,
        )
    async with ctx.store.begin() as work:
        await work.nights.forget_struggles(as_of - KEPT)
    return judged


@dataclass
class _Verdicts:
    """The struggles with one feature, judged one by one while they are written down, and counted."""

    gathered: uses.Gathering
    end: datetime
    labels: Mapping[str, str]
    people: int = 0
    accounts: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Struggle]:
        for use in self.gathered.measured():
            verdict = struggles.judge(use, self.gathered.feature, as_of=self.end, labels=self.labels)
            if verdict:
                self.people += 1
                self.accounts.update(use.account_ids)
                fleet, by_account = self.gathered.others(use)
                yield verdict.model_copy(update={"fleet": fleet, "by_account": by_account})


async def _by_jql(ctx: ToolContext, features: Sequence[Feature], as_of: date, zone: str) -> Gathered:
    """What each user did, counted by Mixpanel with our script."""
    ids, at_home = await _ids(ctx), await homes(ctx)
    answer = await ctx.mixpanel.uses(
        _SCRIPT,
        {
            "from_date": min(_before(feature, as_of) for feature in features).isoformat(),
            "to_date": as_of.isoformat(),
            "features": [_asked(feature, as_of) for feature in features],
            "rage": uses.RAGE_CLICK,
            "dead": uses.DEAD_CLICK,
            "account_property": ctx.mixpanel.account_property,
            "by_person": bool(at_home),
        },
    )

    def accounts(named: object, user_key: str) -> tuple[str, ...]:
        return _ours(account_ids(named) or at_home.get(user_key, ()), ids)

    found = {feature.slug: uses.Gathering(feature) for feature in features}
    for gathering, some in zip(found.values(), answer.everybody, strict=False):
        gathering.seen.update(some.seen)
        for key, (users, attempts, successes) in some.groups.items():
            named, who = json.loads(key)
            user_key = ctx.people.key(str(who[0])) if who else ""
            peers = Peers(users=users, attempts=attempts, successes=successes)
            gathering.count(accounts(named, user_key), peers)
    until = _local(as_of + timedelta(days=1))
    async with ctx.store.read() as work:
        erased = await work.people.erased()
    for row in answer.rows:
        user_key = ctx.people.key(str(row.key[0]))
        if user_key in erased:
            continue
        for gathering, state in zip(found.values(), row.value, strict=False):
            if state is not None and state.last_attempt:
                patience = 60_000 * gathering.feature.struggle.abandoned_after_minutes
                late = state.pending is not None and until - state.pending > patience
                use = _use(user_key, state, state.last_attempt, accounts(state.accounts, user_key), zone)
                gathering.keep(use.model_copy(update={"abandoned": state.abandoned + late}))
    return found


def _asked(feature: Feature, as_of: date) -> dict[str, Any]:
    """A feature as the script wants it; times in ms."""
    return {
        "own": feature.event_names(),
        "attempt": feature.events.attempt,
        "success": feature.events.success,
        "error": feature.events.error,
        "help": feature.events.help,
        "steps": [step.event for step in feature.steps],
        "since": _local(_from(feature, as_of)),
        "before": _local(_before(feature, as_of)),
        "patience": 60_000 * feature.struggle.abandoned_after_minutes,
        "more_than_attempts": feature.struggle.more_than_attempts,
    }


def _local(day: date) -> int:
    """The day's beginning in ms of the project-local epoch, as JQL gives times."""
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp() * 1000)


def _use(
    user_key: str, state: UseState, last_attempt: float, accounts: tuple[str, ...], zone: str
) -> FeatureUse:
    return FeatureUse(
        user_key=user_key,
        account_ids=accounts,
        attempts=state.attempts,
        successes=state.successes,
        errors=state.errors,
        rage_clicks=state.rage_clicks,
        dead_clicks=state.dead_clicks,
        abandoned=state.abandoned,
        help_views=state.help_views,
        attempts_before=state.before[0],
        successes_before=state.before[1],
        last_attempt=local_time(last_attempt, zone),
        last_success=local_time(state.last_success, zone) if state.last_success else None,
        reached=state.reached,
    )


def local_time(milliseconds: float, zone: str) -> datetime:
    """A time of JQL: ms of the project-local epoch, that is wall-clock time read as if it were UTC."""
    wall = datetime.fromtimestamp(milliseconds / 1000, ZoneInfo("UTC")).replace(tzinfo=ZoneInfo(zone))
    return wall.astimezone(ZoneInfo("UTC"))


async def _who_tried(ctx: ToolContext, features: Sequence[Feature], as_of: date, zone: str) -> set[str]:
    """Keys of everybody who tried a feature often enough, and perhaps of some who did not.

    Mixpanel counts back from now in whole days of 24 hours, so the days asked for cover the window.
    """
    now = ctx.clock.now()
    asked = [
        Did(
            event=feature.events.attempt,
            days=(now - midnight(_from(feature, as_of), zone)).days + 1,
            at_least=feature.struggle.more_than_attempts + 1,
        )
        for feature in features
    ]
    found = ctx.mixpanel.profiles([], who=who_did_any(asked))
    return {ctx.people.key(profile.distinct_id) async for profile in found}


async def _by_export(
    ctx: ToolContext, features: Sequence[Feature], as_of: date, zone: str, *, only: set[str] | None = None
) -> Gathered:
    """One export for all features; with `only`, of these users alone, beside what everybody did together."""
    helps = [feature.events.help for feature in features if feature.events.help]
    asked = [name for feature in features for name in feature.event_names()]
    names = [*dict.fromkeys([*asked, *helps, uses.RAGE_CLICK, uses.DEAD_CLICK])]
    table = await read_events(
        ctx, zone, min(_before(feature, as_of) for feature in features), as_of, events=names
    )
    ids = await _ids(ctx)
    found = {feature.slug: uses.Gathering(feature) for feature in features}
    end = as_of + timedelta(days=1)
    days = [(_before(feature, as_of), _from(feature, as_of), end) for feature in features]
    spans = [[midnight(day, zone).timestamp() for day in each] for each in days]
    try:
        for user_key, events in table.by_user(names):
            for gathering, (first, since, until) in zip(found.values(), spans, strict=True):
                mine = [event for event in events if event.time >= first]
                gathering.seen.update(event.name for event in mine if event.time >= since)
                use = uses.collect(user_key, mine, gathering.feature, since=since, until=until)
                if use is None:
                    continue
                use = use.model_copy(update={"account_ids": _ours(use.account_ids, ids)})
                gathering.count(use.account_ids, uses.alone(use))
                if only is None or user_key in only:
                    gathering.keep(use)
    finally:
        table.close()
    return found


def _from(feature: Feature, as_of: date) -> date:
    return as_of - timedelta(days=feature.struggle.days - 1)


def _before(feature: Feature, as_of: date) -> date:
    """The first of as many days just before the window."""
    return as_of - timedelta(days=2 * feature.struggle.days - 1)


async def _ids(ctx: ToolContext) -> dict[str, str]:
    async with ctx.store.read() as work:
        return await work.accounts.ids()


def _ours(mixpanel_ids: Iterable[str], ids: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted({ids[each] for each in mixpanel_ids if each in ids}))

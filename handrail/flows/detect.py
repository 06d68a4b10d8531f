"""Who struggles: by JQL, else by what Mixpanel says of who tried, else by the export; one verdict for all."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.queries import Did
from handrail.domain.struggles import FeatureUse, Struggle
from handrail.engine import struggles, uses
from handrail.engine.accounts import account_ids
from handrail.engine.periods import midnight
from handrail.errors import UpstreamError
from handrail.flows.belonging import homes
from handrail.flows.reasons import label_reasons
from handrail.flows.routes import Route as Way
from handrail.flows.routes import first_answer
from handrail.flows.sync import read_events
from handrail.services import mixpanel
from handrail.services.mixpanel.answers import UseState
from handrail.services.mixpanel.profiles import who_did_any

KEPT = timedelta(days=30)
"""Verdicts on single people are kept so long."""

Route = Literal["jql", "behaviors", "export"]
Uses = Mapping[str, Sequence[FeatureUse]]
"""What users did, by feature."""

_SCRIPT = (Path(mixpanel.__file__).parent / "struggle.js").read_text("utf-8")

log = logging.getLogger(__name__)


async def detect(
    ctx: ToolContext, features: Sequence[Feature], as_of: date
) -> dict[str, tuple[list[Struggle], Route]]:
    """Struggles by feature for the window that ends with `as_of` (included), most urgent first; kept.

    One question serves all features; every route gives the same verdicts.
    """
    if not features:
        return {}
    zone = await ctx.zone()

    async def jql() -> Uses:
        return await _by_jql(ctx, features, as_of, zone)

    async def behaviors() -> Uses:
        tried = await _who_tried(ctx, features, as_of, zone)
        return await _by_export(ctx, features, as_of, zone, only=tried) if tried else {}

    try:
        routes = [Way("jql", jql), Way("behaviors", behaviors)]
        found, route = await first_answer(ctx, "who struggles", routes)
    except UpstreamError as refusal:
        log.warning("struggles are counted from the export: %s", refusal)
        found, route = await _by_export(ctx, features, as_of, zone), "export"
    labels = await label_reasons(ctx, features, found, as_of)
    judged = {
        feature.slug: (
            _judge(found.get(feature.slug, ()), feature, as_of, zone, labels[feature.slug]),
            cast("Route", route),
        )
        for feature in features
    }
    async with ctx.store.begin() as work:
        for slug, (verdicts, _) in judged.items():
            await work.nights.replace_struggles(as_of, slug, verdicts)
        await work.nights.forget_struggles(as_of - KEPT)
    return judged


def _judge(
    seen: Iterable[FeatureUse], feature: Feature, as_of: date, zone: str, labels: Mapping[str, str]
) -> list[Struggle]:
    end = midnight(as_of + timedelta(days=1), zone)
    verdicts = (struggles.judge(use, feature, as_of=end, labels=labels) for use in seen)
    return struggles.prioritised([verdict for verdict in verdicts if verdict])


async def _by_jql(ctx: ToolContext, features: Sequence[Feature], as_of: date, zone: str) -> Uses:
    """What each user did, counted by Mixpanel with our script."""
    rows = await ctx.mixpanel.uses(
        _SCRIPT,
        {
            "from_date": min(_from(feature, as_of) for feature in features).isoformat(),
            "to_date": as_of.isoformat(),
            "features": [_asked(feature, as_of) for feature in features],
            "rage": uses.RAGE_CLICK,
            "dead": uses.DEAD_CLICK,
            "account_property": ctx.mixpanel.account_property,
        },
    )
    ids, at_home = await _ids(ctx), await homes(ctx)
    found: dict[str, list[FeatureUse]] = {feature.slug: [] for feature in features}
    for row in rows:
        distinct_id = str(row.key[0]) if row.key else ""
        for feature, state in zip(features, row.value, strict=False):
            if distinct_id and state.last_attempt:
                key = ctx.people.key(distinct_id)
                accounts = _ours(account_ids(state.accounts) or at_home.get(key, ()), ids)
                found[feature.slug].append(_use(key, state, state.last_attempt, accounts, zone))
    return found


def _asked(feature: Feature, as_of: date) -> dict[str, Any]:
    """A feature as the script wants it; `since` in ms of the project-local epoch, as JQL gives times."""
    since = datetime.combine(_from(feature, as_of), time(), tzinfo=UTC)
    return {
        "own": feature.event_names(),
        "attempt": feature.events.attempt,
        "success": feature.events.success,
        "error": feature.events.error,
        "steps": [step.event for step in feature.steps],
        "since": int(since.timestamp() * 1000),
        "more_than_attempts": feature.struggle.more_than_attempts,
    }


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
) -> Uses:
    """One export for all features; with `only`, of these users alone."""
    clicks = [uses.RAGE_CLICK, uses.DEAD_CLICK]
    names = [*dict.fromkeys(name for feature in features for name in feature.event_names()), *clicks]
    first = min(_from(feature, as_of) for feature in features)
    table = await read_events(ctx, zone, first, as_of, events=names)
    ids = await _ids(ctx)
    found: dict[str, list[FeatureUse]] = {feature.slug: [] for feature in features}
    try:
        for user_key, events in table.by_user(names):
            if only is not None and user_key not in only:
                continue
            for feature in features:
                since = midnight(_from(feature, as_of), zone).timestamp()
                use = uses.collect(user_key, [event for event in events if event.time >= since], feature)
                if use is not None:
                    ours = _ours(use.account_ids, ids)
                    found[feature.slug].append(use.model_copy(update={"account_ids": ours}))
    finally:
        table.close()
    return found


def _from(feature: Feature, as_of: date) -> date:
    return as_of - timedelta(days=feature.struggle.days - 1)


async def _ids(ctx: ToolContext) -> dict[str, str]:
    async with ctx.store.read() as work:
        return await work.accounts.ids()


def _ours(mixpanel_ids: Iterable[str], ids: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted({ids[each] for each in mixpanel_ids if each in ids}))

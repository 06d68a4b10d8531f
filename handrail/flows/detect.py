"""Who struggles: JQL first, the export where a project has no JQL, and one verdict for both."""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.struggles import FeatureUse, Struggle
from handrail.engine import struggles, uses
from handrail.engine.accounts import account_ids
from handrail.errors import NotOffered, RateLimited
from handrail.flows.belonging import homes
from handrail.flows.sync import read_events
from handrail.services import mixpanel

Route = Literal["jql", "export"]
_SCRIPT = (Path(mixpanel.__file__).parent / "struggle.js").read_text("utf-8")

log = logging.getLogger(__name__)


async def detect(
    ctx: ToolContext, features: Sequence[Feature], as_of: date
) -> dict[str, tuple[list[Struggle], Route]]:
    """Struggles by feature for the window that ends with `as_of` (included), most urgent first; kept."""
    zone = await ctx.zone()
    found: dict[str, tuple[list[FeatureUse], Route]] = {}
    left: list[Feature] = []
    for feature in features:
        if left:
            left.append(feature)
            continue
        try:
            found[feature.slug] = (await _by_jql(ctx, feature, as_of, zone), "jql")
        except (NotOffered, RateLimited) as refusal:
            log.warning("struggles are counted from the export: %s", refusal)
            left.append(feature)
    for slug, seen in (await _by_export(ctx, left, as_of, zone)).items():
        found[slug] = (seen, "export")
    judged = {
        feature.slug: (_judge(found[feature.slug][0], feature, as_of, zone), found[feature.slug][1])
        for feature in features
    }
    async with ctx.store.begin() as work:
        for slug, (verdicts, _) in judged.items():
            await work.nights.replace_struggles(as_of, slug, verdicts)
    return judged


def _judge(seen: Iterable[FeatureUse], feature: Feature, as_of: date, zone: str) -> list[Struggle]:
    end = datetime.combine(as_of + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    verdicts = (struggles.judge(use, feature, as_of=end) for use in seen)
    return struggles.prioritised([verdict for verdict in verdicts if verdict])


async def _by_jql(ctx: ToolContext, feature: Feature, as_of: date, zone: str) -> list[FeatureUse]:
    rows = await ctx.mixpanel.uses(
        _SCRIPT,
        {
            "from_date": _from(feature, as_of).isoformat(),
            "to_date": as_of.isoformat(),
            "attempt": feature.events.attempt,
            "success": feature.events.success,
            "error": feature.events.error,
            "steps": [step.event for step in feature.steps],
            "rage": uses.RAGE_CLICK,
            "dead": uses.DEAD_CLICK,
            "account_property": ctx.mixpanel.account_property,
            "more_than_attempts": feature.struggle.more_than_attempts,
        },
    )
    ids, at_home = await _ids(ctx), await homes(ctx)
    found = []
    for row in rows:
        distinct_id = str(row.key[0]) if row.key else ""
        state = row.value
        if not distinct_id or not state.last_attempt:
            continue
        user_key = ctx.people.key(distinct_id)
        found.append(
            FeatureUse(
                user_key=user_key,
                account_ids=_ours(account_ids(state.accounts) or at_home.get(user_key, ()), ids),
                attempts=state.attempts,
                successes=state.successes,
                errors=state.errors,
                rage_clicks=state.rage_clicks,
                dead_clicks=state.dead_clicks,
                last_attempt=local_time(state.last_attempt, zone),
                last_success=local_time(state.last_success, zone) if state.last_success else None,
                reached=state.reached,
            )
        )
    return found


def local_time(milliseconds: float, zone: str) -> datetime:
    """A time of JQL: ms of the project-local epoch, that is wall-clock time read as if it were UTC."""
    wall = datetime.fromtimestamp(milliseconds / 1000, ZoneInfo("UTC")).replace(tzinfo=ZoneInfo(zone))
    return wall.astimezone(ZoneInfo("UTC"))


async def _by_export(
    ctx: ToolContext, features: Sequence[Feature], as_of: date, zone: str
) -> dict[str, list[FeatureUse]]:
    """One export for all features that are left."""
    if not features:
        return {}
    clicks = [uses.RAGE_CLICK, uses.DEAD_CLICK]
    names = [*dict.fromkeys(name for feature in features for name in feature.event_names()), *clicks]
    first = min(_from(feature, as_of) for feature in features)
    table = await read_events(ctx, zone, first, as_of, events=names)
    ids = await _ids(ctx)
    found: dict[str, list[FeatureUse]] = {feature.slug: [] for feature in features}
    try:
        for user_key, events in table.by_user(names):
            for feature in features:
                since = datetime.combine(_from(feature, as_of), time(), tzinfo=ZoneInfo(zone)).timestamp()
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

"""Error reasons that no document explains: numbered, listed, and named or rejected by an operator."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.reasons import SeenReason
from handrail.domain.struggles import FeatureUse
from handrail.engine import keys, struggles
from handrail.errors import CallerError

_NAME = re.compile(r"[a-z][a-z0-9 _-]{1,38}[a-z0-9]")
_NUMBERED = re.compile(r"(?:reason_)?(\d{1,6})")


async def label_reasons(
    ctx: ToolContext,
    features: Sequence[Feature],
    seen: Mapping[str, Iterable[FeatureUse]],
    as_of: date,
) -> dict[str, dict[str, str]]:
    """What stands for each unexplained main reason of people who try often, by feature.

    New reasons get a number. Of a raw reason only its code is kept, and of one that does not read like a
    code only a keyed hash.
    """
    labels: dict[str, dict[str, str]] = {}
    for feature in features:
        often = feature.struggle.more_than_attempts
        met = Counter(
            struggles.main_reason(use.errors) for use in seen.get(feature.slug, ()) if use.attempts > often
        )
        unknown = {raw: people for raw, people in met.items() if raw and feature.hint(raw) is None}
        labels[feature.slug] = await _labels(ctx, feature.slug, unknown, as_of) if unknown else {}
    return labels


async def _labels(ctx: ToolContext, feature: str, met: Mapping[str, int], as_of: date) -> dict[str, str]:
    by_key = {keys.reason_key(ctx.secret, feature, raw): raw for raw in met}
    told = {key: (_code(raw), met[raw]) for key, raw in by_key.items()}
    async with ctx.store.begin() as work:
        found = await work.reasons.seen(feature, told, as_of)
    return {by_key[key]: one.label for key, one in found.items()}


def _code(raw: str) -> str:
    return raw if struggles.plain_reason(raw) == raw else ""


async def known_labels(ctx: ToolContext, feature: str) -> dict[str, str]:
    """Labels that may be asked for, and the codes they stand for."""
    async with ctx.store.read() as work:
        found = await work.reasons.all(feature)
    return {name: one.label for one in found for name in (one.code, one.label) if name}


async def listed(ctx: ToolContext) -> list[SeenReason]:
    """Every reason that is no document's, those that wait first."""
    async with ctx.store.read() as work:
        return await work.reasons.all()


async def approve(ctx: ToolContext, feature: str, reason: str, name: str) -> None:
    """From now on this name stands for the reason: in prompts, and, where the document has it, its advice."""
    document = ctx.kb.feature(feature)
    if document.hint(name) is None and (not _NAME.fullmatch(name) or _NUMBERED.fullmatch(name)):
        raise CallerError(
            f"{name!r} is no plain name: use 3 to 40 small letters, digits, spaces, hyphens or underscores, "
            "or a reason that the document explains."
        )
    async with ctx.store.begin() as work:
        if not await work.reasons.decide(document.slug, _number(reason), "approved", name):
            raise _unknown(feature, reason)


async def reject(ctx: ToolContext, feature: str, reason: str) -> None:
    """From now on the reason is like any other that nobody explains, and is listed as rejected."""
    async with ctx.store.begin() as work:
        if not await work.reasons.decide(feature, _number(reason), "rejected"):
            raise _unknown(feature, reason)


def _number(reason: str) -> int:
    match = _NUMBERED.fullmatch(reason.strip())
    return int(match[1]) if match else 0


def _unknown(feature: str, reason: str) -> CallerError:
    return CallerError(f"{feature} has no reason {reason!r}. See them with `handrail reasons list`.")

"""Learning from outcomes: the style of each person's tutorial, styles that are frozen, and what worked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED
from handrail.domain.learning import Choice, StyleSample, StyleTried, Tried
from handrail.domain.struggles import Signature, Struggler
from handrail.domain.tutorials import Style, Tutorial
from handrail.engine import keys, learning
from handrail.engine.learning import PLAIN, STYLES, told_in
from handrail.engine.lift import wilson
from handrail.errors import CallerError

REACH = timedelta(days=180)
"""Outcomes and complaints of mails before that say little of the product of today."""

LEAST_WORKED = 20
"""People followed to the end before a text is an example."""


@dataclass(frozen=True)
class Chosen:
    """Styles by delivery id, and what the night's report should say."""

    styles: dict[str, Style]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Worked:
    """A text that did well, and with how many people."""

    tutorial: Tutorial
    tried: Tried


async def choose_styles(
    ctx: ToolContext, night: date, struggles: Sequence[Struggler], *, keep: bool = True
) -> Chosen:
    """The style of each of these people's tutorials. What the night chose before stands, whatever came since,
    save a style that is frozen now, of a mail that has not left.

    `keep` writes choices and freezes down, as every night does that is no rehearsal.
    """
    notes = await freeze_styles(ctx) if keep else ()
    async with ctx.store.read() as work:
        found = await work.learning.tried(ctx.clock.now() - REACH)
        frozen = await work.learning.frozen()
        before = await work.learning.styles(night)
        of_night = await work.deliveries.of_night(night) if frozen else []
    left = {each.id for each in of_night if each.status in MAY_HAVE_ARRIVED}
    chances = _chances(_in_play(ctx), {one.signature for one in struggles}, found, frozen)
    styles, made = dict(before), []
    for one in struggles:
        delivery = keys.delivery_id(night, one.user_key, one.feature)
        known = before.get(delivery)
        if known is not None and (delivery in left or (one.feature, known) not in frozen):
            continue
        mine = chances[one.signature.key]
        styles[delivery] = style = learning.pick(mine, night, one.user_key, one.feature)
        made.append(
            Choice(
                delivery_id=delivery,
                night=night,
                style=style,
                probability=mine[style],
                version=learning.VERSION,
                chosen_at=ctx.clock.now(),
            )
        )
    if keep:
        async with ctx.store.begin() as work:
            await work.learning.choose(made)
            await work.learning.forget_choices(night - REACH)
    return Chosen(styles, tuple(notes))


async def freeze_styles(ctx: ToolContext) -> list[str]:
    """Freeze styles that draw complaints; answers a note for each that is frozen now.

    A feature without a style that may be chosen is paused: nothing of it is to be mailed.
    """
    now, notes = ctx.clock.now(), []
    async with ctx.store.begin() as work:
        frozen, lifted = await work.learning.frozen(), await work.learning.lifted()
        said = await work.learning.complaints(now - REACH)
        counts = Counter(
            (feature, style)
            for feature, style, left in said
            if (feature, style) not in lifted or left > lifted[feature, style]
        )
        for (feature, style), complaints in sorted(counts.items()):
            since = lifted.get((feature, style), now - REACH)
            if (feature, style) in frozen or complaints < learning.LEAST_COMPLAINTS:
                continue
            mails = await work.learning.mails(feature, style, since)
            if learning.freezes(mails, complaints):
                await work.learning.freeze(feature, style, now)
                await work.learning.stop(feature, style)
                frozen.add((feature, style))
                notes.append(
                    f"{complaints} of {mails} mails of {feature} in the style {style} drew complaints: it is "
                    f"not chosen until you run `handrail tutorials lift {feature} {style}`."
                )
        for feature in sorted({feature for feature, _ in frozen}):
            if {(feature, style) for style in _in_play(ctx)} <= frozen:
                await work.deliveries.pause(f"feature:{feature}", now)
                notes.append(f"Every style of {feature} is frozen for complaints: the feature is paused.")
    return notes


async def lift(ctx: ToolContext, feature: str, style: str) -> None:
    """Let a frozen style be chosen again. Raises `CallerError` if it is not frozen."""
    ctx.kb.feature(feature)
    known = next((each for each in STYLES if each == style), None)
    if known is None:
        raise CallerError(f"There is no style {style!r}. Styles: {', '.join(STYLES)}.")
    async with ctx.store.begin() as work:
        if not await work.learning.lift(feature, known, ctx.clock.now()):
            raise CallerError(f"The style {style} of {feature} is not frozen.")


async def what_worked(ctx: ToolContext, signature: Signature) -> Worked | None:
    """The text that did best with this signature's people, else with others stuck at the same feature.

    Best by the lower end of the 95 % interval of its completion; None while every text is too young.
    """
    async with ctx.store.read() as work:
        texts = await work.learning.texts_tried(ctx.clock.now() - REACH, signature.feature)
        frozen = await work.learning.frozen()
    told = [
        (key == signature.key, wilson(tried.completed, tried.people)[0], text.id, Worked(text, tried))
        for key, text, tried in texts
        if tried.people >= LEAST_WORKED and tried.completed and (text.feature, told_in(text)) not in frozen
    ]
    return max(told, key=lambda each: each[:3])[3] if told else None


async def style_samples(ctx: ToolContext, feature: str = "") -> dict[str, list[StyleSample]]:
    """By feature: each style that was tried or is frozen."""
    async with ctx.store.read() as work:
        found = await work.learning.tried(ctx.clock.now() - REACH, feature)
        frozen = await work.learning.frozen()
    tried: dict[tuple[str, Style], Tried] = {key: Tried() for key in frozen}
    for each in found:
        key = each.feature, each.style
        tried[key] = tried.get(key, Tried()) + each.tried
    samples: dict[str, list[StyleSample]] = {}
    for (slug, style), counts in sorted(tried.items(), key=lambda item: item[0]):
        one = StyleSample(style=style, **counts.model_dump(), frozen=(slug, style) in frozen)
        samples.setdefault(slug, []).append(one)
    return samples


def _in_play(ctx: ToolContext) -> tuple[Style, ...]:
    """Without a model every tutorial is told in the document's own words, which have one style."""
    return STYLES if ctx.settings.anthropic_api_key else (PLAIN,)


def _chances(
    styles: Sequence[Style],
    signatures: set[Signature],
    found: Sequence[StyleTried],
    frozen: set[tuple[str, Style]],
) -> dict[str, dict[Style, float]]:
    """By signature."""
    return {
        each.key: learning.shares(
            each.key,
            [one for one in found if one.feature == each.feature],
            frozen=[style for feature, style in frozen if feature == each.feature],
            styles=styles,
        )
        for each in signatures
    }

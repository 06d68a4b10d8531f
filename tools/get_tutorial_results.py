"""What became of tutorials: sent or not and why, followed or not, completed after, and what the help does."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.deliveries import Reason, Status
from handrail.domain.feedback import AnswerCount, FeedbackKind
from handrail.domain.learning import StyleSample
from handrail.domain.outcomes import Followed, Lift, OutcomeCount
from handrail.domain.periods import Period
from handrail.domain.struggles import Stuck
from handrail.engine import outcomes
from handrail.engine.bands import band
from handrail.engine.feedback import ways
from handrail.engine.lift import LEAST, lift
from handrail.flows.learn import style_samples
from tools._answers import Days, Figures, caveats, days, resolve, synced
from tools._params import FromDate, OptionalFeature, PeriodChoice, ToDate
from tools._tool import tool

MOST_SIGNATURES = 50


class Comparison(BaseModel):
    """Nights since the first that held somebody out; before it there was nobody to compare with."""

    treated: Followed
    holdout: Followed
    lift: Lift | None = Field(None, description="Null: too few to say.")
    words: str


class FeatureResults(BaseModel):
    feature: str
    sent: int
    planned: int
    failed: int
    unknown: int = Field(description="Unclear whether it left.")
    withheld: dict[str, int] = Field(description="By reason.")
    delivered: int
    bounced: int = Field(description="Or blocked, or dropped by the mail service.")
    clicked: int = Field(description="Mails whose reader followed the link; machines and opens do not count.")
    answers: AnswerCount = Field(description="Of readers, on the page behind the mail.")
    after: Followed = Field(description="Of those mailed, who completed the feature within 7 days.")
    comparison: Comparison
    styles: list[StyleSample] = Field(description="What learning goes by, of the last 180 days.")


class SignatureResults(BaseModel):
    """One kind of struggle, over all accounts."""

    signature: str = Field(description="Feature, stuck step, error reason, whether they ever succeeded.")
    stuck: str = Field(description="People stuck in the last night, as a band.")
    attempts: str = Field(description="Attempts of one person in the window, as a band.")
    mailed: int = Field(description="Followed to the end; had never succeeded before.")
    completed: int = Field(description="Of these, within 7 days.")


class TutorialResults(Figures):
    period: Days
    features: list[FeatureResults]
    signatures: list[SignatureResults] = Field(description="By kind of struggle, most people first.")


@tool(title="Tutorial results", effect="read", reach="refused")
async def get_tutorial_results(
    ctx: ToolContext,
    feature: OptionalFeature = "",
    period: PeriodChoice = "last_90_days",
    from_date: FromDate = "",
    to_date: ToDate = "",
) -> TutorialResults:
    """Tell what became of tutorials decided in a period: sent, withheld, clicked, completed, lift.

    Use it for "do the tutorials help?" or "how many completed exports after our mail?".
    For one night, use get_night_report.
    """
    last = await synced(ctx)
    when = resolve(ctx, last, period, from_date, to_date)
    async with ctx.store.read() as work:
        decisions = await work.deliveries.counts(when, feature)
        told = await work.feedback.told(when, feature)
        counts = await work.outcomes.counts(when, feature)
        answers = await work.feedback.answered(when, feature)
        followed = await work.outcomes.by_signature(when, feature)
        night = await work.nights.last_struggle_night()
        stuck = await work.nights.stuck(night, night, feature) if night else []
    stuck_now = {each.signature for each in stuck}
    if feature and not decisions:
        ctx.kb.feature(feature)
    styles = await style_samples(ctx, feature)
    features = [
        _results(
            slug,
            [row[1:] for row in decisions if row[0] == slug],
            told.get(slug, Counter()),
            [each for each in counts if each.feature == slug],
            answers.get(slug, AnswerCount()),
            styles.get(slug, []),
        )
        for slug in sorted({row[0] for row in decisions})
    ]
    return TutorialResults(
        summary=_summary(features, when, feature),
        as_of=last.finished_at,
        caveats=[*await caveats(ctx, last), *_left_out(len(stuck_now | set(followed)))],
        period=days(when),
        features=features,
        signatures=_signatures(stuck, followed),
    )


def _left_out(kinds: int) -> list[str]:
    """That a list is not whole has to be said: nobody counts its rows."""
    if kinds <= MOST_SIGNATURES:
        return []
    return [f"There are {kinds} kinds of struggle, and {MOST_SIGNATURES} of them are listed."]


def _signatures(stuck: Sequence[Stuck], followed: Mapping[str, tuple[int, int]]) -> list[SignatureResults]:
    now = {each.signature: each for each in stuck}
    found = []
    for key in [*now, *sorted(set(followed) - set(now))][:MOST_SIGNATURES]:
        mailed, completed = followed.get(key, (0, 0))
        people, attempts = (now[key].people, now[key].attempts) if key in now else (0, 0.0)
        found.append(
            SignatureResults(
                signature=key,
                stuck=band(people),
                attempts=band(round(attempts)),
                mailed=mailed,
                completed=completed,
            )
        )
    return found


def _results(
    slug: str,
    decisions: Sequence[tuple[Status, str, int]],
    told: Counter[frozenset[FeedbackKind]],
    counts: Sequence[OutcomeCount],
    answers: AnswerCount,
    styles: list[StyleSample],
) -> FeatureResults:
    status: Counter[Status] = Counter()
    withheld: Counter[str] = Counter()
    for state, reason, count in decisions:
        status[state] += count
        if state is Status.WITHHELD:
            withheld[reason] += count
    way = ways(told)
    return FeatureResults(
        feature=slug,
        sent=status[Status.SENT],
        planned=status[Status.PLANNED],
        failed=status[Status.FAILED],
        unknown=status[Status.UNKNOWN] + status[Status.SENDING],
        withheld={reason.value: withheld[reason.value] for reason in Reason if withheld[reason.value]},
        delivered=way.delivered,
        bounced=way.lost,
        clicked=way.clicked,
        answers=answers,
        after=outcomes.arm(counts, "treated"),
        comparison=_comparison(outcomes.comparable(counts)),
        styles=styles,
    )


def _comparison(counts: Sequence[OutcomeCount]) -> Comparison:
    treated, holdout = outcomes.arm(counts, "treated"), outcomes.arm(counts, "holdout")
    found = lift(treated, holdout)
    if found is None:
        words = (
            f"too few to say: {treated.people} mailed and {holdout.people} held out were followed "
            f"to the end; it takes {LEAST} of each"
        )
    else:
        words = (
            f"{found.difference * 100:+.0f} percentage points "
            f"(95 % interval {found.low * 100:+.0f} to {found.high * 100:+.0f})"
        )
    return Comparison(treated=treated, holdout=holdout, lift=found, words=words)


def _summary(features: Sequence[FeatureResults], period: Period, asked: str) -> str:
    of = f" for {asked}" if asked else ""
    if not features:
        return f"No tutorial was decided on{of} in {period.words()}: no data."
    followed = sum(each.after.people for each in features)
    completed = sum(each.after.completed for each in features)
    told = (
        f"Tutorials{of} decided in {period.words()}: {sum(each.sent for each in features)} sent, "
        f"{sum(sum(each.withheld.values()) for each in features)} withheld, "
        f"{sum(each.clicked for each in features)} clicked; "
    )
    after = f"of {followed} people followed to the end {completed} completed the feature"
    nobody = "nobody's 7 days and the 5 for late events are over yet"
    lifts = "; ".join(f"{each.feature} {each.comparison.words}" for each in features)
    return f"{told}{after if followed else nobody}. Lift against the holdout: {lifts}."

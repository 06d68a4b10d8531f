"""What told churned accounts from kept ones before they left, and how often the score had seen it."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.churn import BandOutcome, Separation, Survival
from handrail.domain.periods import Period
from handrail.engine import separation, survival
from handrail.engine.measures import METRICS, SCORED
from handrail.errors import CallerError
from handrail.flows.churn import Analysis, analyse
from tools._answers import Days, Figures, caveats, days, synced
from tools._params import Limit
from tools._tool import tool


class SuggestedWeights(BaseModel):
    """Nothing is changed by them; `handrail churn` says where to put them."""

    weights: dict[str, int]
    auc_now: float
    auc_suggested: float = Field(description="On accounts that they were not learned from.")


class TrackRecord(BaseModel):
    words: str
    calibration: list[BandOutcome]


class Compared(BaseModel):
    """Accounts: churned ones so many days before they left, kept ones on the same days."""

    days_before: int
    churned: int
    kept: int


class ChurnAnalysis(Figures):
    period: Days | None = Field(None, description="Past days looked at.")
    compared: Compared
    metrics: list[Separation] = Field(description="Surest first.")
    has_more: bool = False
    survival: Survival | None = None
    track_record: TrackRecord | None = None
    suggested_weights: SuggestedWeights | None = None


@tool(title="Analyze churn", effect="read", reach="refused")
async def analyze_churn(
    ctx: ToolContext,
    days_before: Annotated[int, Field(description="Before leaving.", ge=7, le=180)] = 30,
    survival_by: Annotated[str, Field(description="A metric.", max_length=40)] = "score",
    limit: Limit = 10,
) -> ChurnAnalysis:
    """Tell which metrics separated churned from kept accounts, and the score's track record.

    Use it for "what predicts churn?" or "can I trust the score?".
    For one account, use get_account_health.
    """
    if survival_by not in METRICS:
        raise CallerError(f"survival_by must be one of {', '.join(METRICS)}.")
    last = await synced(ctx)
    found = await analyse(ctx, last.to_date, days_before=days_before, survival_by=survival_by)
    judged = [each for each in found.separations if each.verdict != "too_few"]
    span = found.replayed
    record, better = found.record, found.suggested
    return ChurnAnalysis(
        summary=_summary(found, judged, days_before),
        as_of=last.finished_at,
        period=days(Period(from_date=span.first, to_date=span.last, zone=last.zone))
        if span.first and span.last
        else None,
        caveats=[*await caveats(ctx, last), *_limits(found, last.to_date)],
        compared=Compared(
            days_before=days_before, churned=len(found.sample.churned), kept=len(found.sample.kept)
        ),
        metrics=[_rounded(each) for each in judged[:limit]],
        has_more=len(judged) > limit,
        survival=_survival(found.survival) if found.survival else None,
        track_record=TrackRecord(
            words=record.words, calibration=[_share(each) for each in record.calibration]
        ),
        suggested_weights=SuggestedWeights(
            weights=better.weights,
            auc_now=round(better.auc_now, 3),
            auc_suggested=round(better.auc_suggested, 3),
        )
        if better
        else None,
    )


def _summary(found: Analysis, judged: list[Separation], days_before: int) -> str:
    known, churned, kept = len(found.outcomes.churned), len(found.sample.churned), len(found.sample.kept)
    if not known:
        return (
            "No account is known to have left: import churn dates with `handrail accounts import FILE.csv` "
            "(columns id and churned_at), or name a group property in HANDRAIL_MIXPANEL_CHURN_PROPERTY."
        )
    compared = f"{churned} of {known} churned accounts, {days_before} days before they left, and {kept} kept"
    if not judged:
        return f"Too few to say: {compared} could be compared, and {separation.LEAST} of each are needed."
    clear = [each for each in judged if each.verdict == "separates"]
    if not clear:
        return f"Nothing separated churned from kept accounts: {len(judged)} metrics of {compared}."
    told = ", ".join(f"{each.metric} ({each.direction})" for each in clear[:3])
    more = f" and {len(clear) - 3} more" if len(clear) > 3 else ""
    return f"{told}{more} separated churned from kept accounts: {len(judged)} metrics of {compared}."


def _limits(found: Analysis, last: date) -> list[str]:
    """What a reader has to know of the comparison."""
    if not found.outcomes.churned:
        return []
    told = []
    if found.replayed.waiting:
        told.append(
            f"{found.replayed.waiting} past weeks are not replayed yet: "
            "the next night does it, or `handrail churn`."
        )
    missing = len(found.outcomes.churned) - len(found.sample.churned)
    if missing:
        told.append(f"{missing} churned accounts have no 28 days of figures that long before they left.")
    few = [each.metric for each in found.separations if each.verdict == "too_few"]
    if few and len(few) < len(found.separations):
        told.append(f"Too few accounts to say anything of {', '.join(few)}.")
    if found.survival is None:
        told.append(
            f"No survival by quarter: it needs {survival.LEAST} accounts with the metric on one day, "
            f"{survival.LEAST_CHURNED} of them gone by {last}."
        )
    if any(each.metric in SCORED and each.verdict == "separates" for each in found.separations):
        told.append(
            "The score and its components are made of the other metrics: they are no further evidence."
        )
    return told


def _rounded(one: Separation) -> Separation:
    figures = {name: getattr(one, name) for name in ("auc", "low", "high", "effect")}
    rounded = {name: round(value, 2) for name, value in figures.items() if value is not None}
    middles = {name: _digits(getattr(one, name)) for name in ("p", "churned_median", "kept_median")}
    return one.model_copy(update={**rounded, **middles})


def _digits(value: float | None) -> float | None:
    """Three of them."""
    return None if value is None else float(f"{value:.3g}")


def _share(one: BandOutcome) -> BandOutcome:
    return one.model_copy(update={"low": round(one.low, 2), "high": round(one.high, 2)})


def _survival(one: Survival) -> Survival:
    quarters = tuple(
        each.model_copy(
            update={
                name: _digits(getattr(each, name))
                for name in ("from_value", "to_value", "kept_share", "low", "high")
            }
        )
        for each in one.quartiles
    )
    return one.model_copy(update={"quartiles": quarters, "p": _digits(one.p)})

"""How an account fares: its engagement score, taken apart, and what it has been."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.health import AdoptionState, Component, Facts, Move, Sentiment
from handrail.domain.periods import Period
from handrail.engine.access import LEAST_OTHERS
from handrail.engine.score_words import sentence
from handrail.engine.text import quoted
from handrail.flows.health import look_up
from tools._answers import AccountAnswer, caveats, days, find, in_mixpanel, ref, synced, which
from tools._params import AccountName
from tools._tool import tool

NO_RECORD = "The next night replays this definition of the score over past days."
FEW_OTHERS = (
    f"There is none yet, or fewer than {LEAST_OTHERS} accounts that you do not see would stand behind it."
)


class FigureRow(BaseModel):
    figure: str
    worth: float | None = Field(description="0 to 100; null: not measured.")
    words: str


class ComponentRow(BaseModel):
    component: str
    value: float | None = Field(description="0 to 100; null: not measured, and without weight.")
    share: float = Field(description="Of the score.")
    contribution: float = Field(description="Points of the score.")
    figures: list[FigureRow]


class MoveRow(BaseModel):
    component: str
    before: float | None
    now: float | None
    points: float = Field(description="Of the change.")


class ScoreDay(BaseModel):
    day: date
    score: float | None


class FeatureRow(BaseModel):
    feature: str
    state: AdoptionState


class People(BaseModel):
    """Of 28 days unless said otherwise; null: not known."""

    active_users: int | None
    seats: int | None = Field(description="Users with a profile.")
    seats_activated: int | None = Field(description="Of these, ever seen.")
    quiet_14_days: int | None = Field(description="Active in the 28 days before, not since.")
    key_person_share: float | None = Field(description="Of events, by the most active user.")
    key_person_risk: bool | None
    quiet_champion_share: float | None = Field(description="Of earlier events, by one who has gone quiet.")


class RecordRow(BaseModel):
    """How the score did on past days, over all accounts."""

    words: str
    churned: int
    flagged: int = Field(description="Of the churned, those it had at risk before.")
    kept: int
    false_alarms: int = Field(description="Of the kept, those it had at risk.")
    warning_days: float | None = Field(description="Median.")


class AlertRow(BaseModel):
    id: str
    kind: str
    since: date
    evidence: str
    next_step: str


class AccountHealth(AccountAnswer):
    score: float | None = Field(None, description="0 to 100; null: none, and why.")
    band: str = Field("", description="healthy, watch or at_risk.")
    confidence: str = ""
    coverage: float | None = Field(None, description="Share of the weights that was measured.")
    no_score_because: str = ""
    components: list[ComponentRow] = Field(default_factory=list)
    compared_with: date | None = None
    moved: list[MoveRow] = Field(default_factory=list, description="What moved the score since then.")
    history: list[ScoreDay] = Field(default_factory=list, description="One day a week, oldest first.")
    people: People | None = None
    adoption: list[FeatureRow] = Field(default_factory=list)
    sentiment: Sentiment | None = Field(None, description="A CSM's own, 1 to 5; no part of the score.")
    track_record: RecordRow | None = Field(None, description="How often the score was right before.")
    no_track_record_because: str = ""
    open_alerts: list[AlertRow] = Field(default_factory=list)


@tool(title="Account health", effect="read", reach="accounts")
async def get_account_health(
    ctx: ToolContext,
    account: AccountName,
    weeks: Annotated[int, Field(description="Weeks of history.", ge=1, le=52)] = 12,
) -> AccountHealth:
    """Tell one account's engagement score: its components, what moved it, adoption and key-person risk.

    Use it for "how healthy is Acme?", "why did Acme's score fall?" or "who carries Acme's usage?".
    For counts of events, use query_events; to rank accounts, use find_accounts.
    """
    who = await find(ctx, account)
    if isinstance(who, list):
        return AccountHealth(summary=which(account, who), candidates=who)
    last = await synced(ctx)
    found = await look_up(ctx, who, weeks=weeks)
    if found is None:
        why = "No night has scored this account yet: it has no event, or `handrail sync` has to run once."
        return AccountHealth(
            summary=f"{quoted(who.name)} has no engagement score.",
            as_of=last.finished_at,
            account=ref(who),
            no_score_because=why,
            caveats=await caveats(ctx, last),
        )
    health, score = found.health, found.health.score
    span = Period.of_days(28, score.as_of, last.zone)
    return AccountHealth(
        summary=sentence(quoted(who.name), health, found.moves, found.since),
        as_of=last.finished_at,
        account=ref(who),
        period=days(span),
        caveats=[*await caveats(ctx, last), *found.notes],
        mixpanel_url=in_mixpanel(ctx.settings, who),
        next_step="For the days behind it, use query_events; for who is stuck, find_struggling_users.",
        score=_rounded(score.value),
        band=score.band or "",
        confidence=score.confidence,
        coverage=round(score.coverage, 3),
        no_score_because=score.why,
        components=[_component(each) for each in score.components],
        compared_with=found.since,
        moved=[_move(each) for each in found.moves if round(each.points, 1)],
        history=[ScoreDay(day=each.day, score=_rounded(each.value)) for each in found.history],
        people=_people(health.facts, found.key_person_from),
        adoption=[FeatureRow(feature=each.feature, state=each.state) for each in health.facts.adoption],
        sentiment=found.sentiment,
        track_record=RecordRow.model_validate(found.record, from_attributes=True) if found.record else None,
        no_track_record_because="" if found.record else FEW_OTHERS if ctx.sees else NO_RECORD,
        open_alerts=[AlertRow.model_validate(each, from_attributes=True) for each in found.alerts],
    )


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def _component(one: Component) -> ComponentRow:
    return ComponentRow(
        component=one.name,
        value=_rounded(one.value),
        share=round(one.share, 3),
        contribution=round(one.contribution, 1),
        figures=[
            FigureRow(figure=each.name, worth=_rounded(each.points), words=each.words) for each in one.figures
        ],
    )


def _move(one: Move) -> MoveRow:
    return MoveRow(
        component=one.component,
        before=_rounded(one.before),
        now=_rounded(one.now),
        points=round(one.points, 1),
    )


def _people(facts: Facts, risk_from: float) -> People | None:
    people = facts.people
    if people is None:
        return None
    share = facts.key_person_share
    return People(
        active_users=people.users_28,
        seats=people.seats,
        seats_activated=people.seats_activated,
        quiet_14_days=people.quiet,
        key_person_share=_rounded(share, 3),
        key_person_risk=None if share is None else share >= risk_from,
        quiet_champion_share=_rounded(facts.quiet_champion_share, 3),
    )

"""What every answer carries: the account, the days, the age of the figures, and one sentence."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.metrics import USER_DAYS_KEPT, SyncRecord
from handrail.domain.periods import Period, PeriodName
from handrail.engine import names, periods
from handrail.engine.accuracy import LEAST_ACCURACY, LEAST_COVERAGE, STALE
from handrail.engine.deep_links import account_view, report_view
from handrail.engine.text import quoted, shown
from handrail.errors import CallerError, NotThere
from handrail.settings import Settings


class AccountRef(BaseModel):
    name: str
    id: str = Field(description="Handrail's id.")
    mixpanel_id: str


class Candidate(BaseModel):
    """One account that may be meant, with what tells it from the others."""

    name: str
    mixpanel_id: str
    domain: str
    segment: str = ""
    csm: str = ""


class Days(BaseModel):
    from_date: date
    to_date: date
    zone: str


class Answer(BaseModel):
    """What every answer has. `mcp_server/instructions.md` tells chat clients what these fields mean."""

    summary: str
    as_of: datetime | None = None
    next_step: str = ""


class Figures(Answer):
    """An answer out of the tables."""

    caveats: list[str] = Field(default_factory=list)
    mixpanel_url: str = ""


class AccountAnswer(Figures):
    account: AccountRef | None = None
    candidates: list[Candidate] = Field(default_factory=list)
    period: Days | None = None


class Paged(BaseModel):
    """A list that may be longer than what is shown of it."""

    showing: str = ""
    cursor: str = ""


def ref(account: Account) -> AccountRef:
    return AccountRef(name=account.name, id=account.id, mixpanel_id=shown(account.mixpanel_id))


def days(period: Period) -> Days:
    return Days(from_date=period.from_date, to_date=period.to_date, zone=period.zone)


async def find(ctx: ToolContext, asked: str) -> Account | list[Candidate]:
    """The account that is meant, or candidates. Raises `NotThere` if nothing comes near."""
    async with ctx.store.read() as work:
        exactly = await work.accounts.named(asked.strip())
        if len(exactly) == 1:
            return exactly[0]
        accounts = await work.accounts.all()
    if not accounts:
        raise CallerError("No account is known yet: run `handrail sync` once.")
    found = names.match(asked, accounts)
    if isinstance(found, Account):
        return found
    if not found:
        near = ", ".join(quoted(each.name) for each in names.nearest(asked, accounts))
        raise NotThere(
            f"No account is called {asked!r}, nor anything like it. The nearest names are {near}. "
            "Search with find_accounts."
        )
    return [
        Candidate(
            **each.model_dump(include={"name", "domain", "segment", "csm"}),
            mixpanel_id=shown(each.mixpanel_id),
        )
        for each in found
    ]


def which(asked: str, candidates: Sequence[Candidate]) -> str:
    """The sentence that asks back."""
    listed = ", ".join(f"{quoted(each.name)} ({each.mixpanel_id})" for each in candidates)
    alike = all(each.name.casefold() == asked.strip().casefold() for each in candidates)
    told = f"{len(candidates)} accounts are" if alike else "No account is"
    return f"{told} called exactly {asked!r}. Which one is meant: {listed}?"


def in_mixpanel(settings: Settings, account: Account) -> str:
    """The account in Mixpanel's own pages."""
    place = _place(settings)
    return account_view(*place, settings.mixpanel_group_id, account.mixpanel_id) if place else ""


def report_in_mixpanel(settings: Settings, kind: str, report_id: int) -> str:
    """A saved report in Mixpanel's own pages."""
    place = _place(settings)
    return report_view(*place, kind, report_id) if place else ""


def _place(settings: Settings) -> tuple[str, int] | None:
    """Host and project; none of a stand-in, which has no pages."""
    if settings.mixpanel_query_url or settings.mixpanel_project_id is None:
        return None
    return settings.region_hosts[settings.mixpanel_region][0], settings.mixpanel_project_id


def age(ctx: ToolContext, read_at: datetime) -> str:
    """How old something is, in words."""
    hours = (ctx.clock.now() - read_at) // timedelta(hours=1)
    return f"{hours} hours old" if hours > 1 else "not two hours old"


async def synced(ctx: ToolContext) -> SyncRecord:
    """The last sync. Raises `CallerError` if there was none."""
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    if last is None:
        raise CallerError("There are no figures yet: run `handrail sync` once.")
    return last


def resolve(ctx: ToolContext, last: SyncRecord, name: PeriodName, from_date: str, to_date: str) -> Period:
    """The days that are meant. A named period ends with the last day that was synced: of the day after it
    nothing is known before the next night, and it would look like a fall."""
    if not from_date and not to_date:
        return periods.standard(last.to_date, last.zone)[name]
    period = periods.resolve(name, from_date, to_date, now=ctx.clock.now(), zone=last.zone)
    if period.to_date > last.to_date:
        raise CallerError(f"Figures reach to {last.to_date}; run `handrail sync` or ask for an earlier day.")
    return period


def users_reach(last: SyncRecord, period: Period) -> list[str]:
    """A caveat where the users of a period are not all kept: their number is not known then."""
    oldest = last.to_date - timedelta(days=USER_DAYS_KEPT)
    if period.from_date >= oldest:
        return []
    return [f"Users are kept for {USER_DAYS_KEPT} days: how many there were is not known before {oldest}."]


async def caveats(ctx: ToolContext, last: SyncRecord, period: Period | None = None) -> list[str]:
    """What a reader has to know about these figures: their age, reach, coverage and accuracy."""
    async with ctx.store.read() as work:
        first_day = await work.metrics.first_day()
        agreement = await work.nights.last_agreement()
    found = []
    if period and period.to_date > last.to_date:
        found.append(
            f"Figures reach to {last.to_date} only: the last sync was {last.finished_at:%Y-%m-%d %H:%M} UTC."
        )
    if period and first_day and period.from_date < first_day:
        found.append(f"Figures begin on {first_day}.")
    since = ctx.clock.now() - last.finished_at
    if since > STALE:
        found.append(
            f"The last sync that succeeded was {since // timedelta(hours=1)} hours ago: run sync_mixpanel, "
            "or see why the night did not."
        )
    if last.events and last.events_with_account < LEAST_COVERAGE * last.events:
        found.append(
            f"Only {last.events_with_account / last.events:.1%} of the events name an account: "
            "the true figures are higher."
        )
    if agreement and agreement.accuracy is not None and agreement.accuracy < LEAST_ACCURACY:
        found.append(
            f"Our counts agree with Mixpanel's to {agreement.accuracy:.1%} only "
            f"({agreement.from_date} to {agreement.to_date})."
        )
    return found

"""Scores, alerts, sentiment and churn on PostgreSQL: what SQLite answers, from the same days."""

from datetime import date, timedelta
from typing import Any

from handrail.context import ToolContext, open_context
from handrail.domain.accounts import AccountFacts
from handrail.domain.alerts import AlertKind
from handrail.domain.health import Sentiment
from handrail.domain.periods import Period
from handrail.engine.periods import last_complete_day
from handrail.flows.alerts import close, raise_alerts
from handrail.flows.health import keep_scores
from handrail.flows.measure import count
from handrail.flows.sync import sync
from handrail.settings import Settings
from standin.state import Standin
from tools.analyze_churn import analyze_churn
from tools.find_accounts import find_accounts

NIGHT = date(2026, 11, 19)
CHURNED = (AccountFacts(id="acct_1002", churned_at=date(2026, 11, 1)), AccountFacts(id="acct_1005"))


async def told(ctx: ToolContext) -> dict[str, Any]:
    """A night's scores and alerts, a dismissal, a sentiment and churn, as they are read again."""
    async with ctx.store.begin() as work:
        facts = list(enumerate(CHURNED))
        await work.accounts.describe(facts, project_id=ctx.mixpanel.project_id, now=ctx.clock.now())
    await keep_scores(ctx, NIGHT)
    await raise_alerts(ctx, NIGHT, {})
    async with ctx.store.read() as work:
        raised = await work.alerts.find(kind=AlertKind.ERRORS)
        acme = (await work.accounts.ids())["acct_1001"]
    at = ctx.settings.now
    assert at is not None
    async with ctx.store.begin() as work:
        await work.health.feel(acme, Sentiment(value=4, note="Calls back.", at=at))
    await close(ctx, min(each.id for each in raised), "dismissed", "A load test")
    churn = await analyze_churn(ctx)
    span = Period(from_date=date(2026, 10, 1), to_date=NIGHT, zone="UTC")
    days = [span.from_date + timedelta(days=number) for number in range(span.days)]
    async with ctx.store.read() as work:
        return {
            "scores": await work.health.book(),
            "days": await work.health.days(acme, span),
            "felt": await work.health.sentiments(acme),
            "alerts": [each.model_copy(update={"closed_at": None}) for each in await work.alerts.find()],
            "dismissals": await work.alerts.dismissals(),
            "past": await work.churn.past_days(days),
            "churn": churn.model_dump(mode="json", exclude={"as_of"}),
            "decline": [each.name for each in (await find_accounts(ctx, sort_by="decline")).accounts],
        }


async def test_health_alerts_and_churn_are_the_same_on_both_databases(
    ctx: ToolContext, postgres_settings: Settings, standins: Standin
) -> None:
    on_sqlite = await told(ctx)
    async with open_context(postgres_settings) as other:
        await sync(other, from_day=standins.world.days()[0])
        zone = await other.zone()
        month = Period.of_days(30, last_complete_day(other.clock.now(), zone), zone)
        await count(other, await other.mixpanel.funnels(), [month, month.before()])
        on_postgres = await told(other)

    for name, answer in on_sqlite.items():
        assert on_postgres[name] == answer, name
    assert len(on_sqlite["scores"]) > 10
    assert len(on_sqlite["past"]) > 10
    assert [each.state for each in on_sqlite["alerts"]].count("dismissed") == 1
    assert [each.value for each in on_sqlite["felt"]] == [4]

"""What list_alerts answers over the default world."""

from datetime import date

from handrail.context import ToolContext
from handrail.flows.alerts import raise_alerts
from tests.conftest import OpenWith
from tools.list_alerts import list_alerts

NIGHT = date(2026, 11, 19)


async def test_the_planted_struggles_are_spikes_of_errors(ctx: ToolContext) -> None:
    await raise_alerts(ctx, NIGHT, {})

    found = await list_alerts(ctx, kind="errors")
    of_acme = await list_alerts(ctx, account="Acme")

    assert {each.account for each in found.alerts} == {"Harbor & Pine Legal", "Acme", "Tanager Insurance"}
    assert found.summary == "3 open alerts."
    [acme] = of_acme.alerts
    assert " errors in 3 days, where " in acme.evidence
    assert len(acme.points) == 28
    assert all(each.points == [] for each in found.alerts)


async def test_a_blank_account_is_none(ctx: ToolContext) -> None:
    await raise_alerts(ctx, NIGHT, {})

    assert (await list_alerts(ctx, account=" ")).alerts == (await list_alerts(ctx)).alerts != []


async def test_a_sync_that_is_overdue_is_a_problem_of_the_data(ctx: ToolContext, open_with: OpenWith) -> None:
    async with open_with(now="2026-11-23T02:00:00Z") as later:
        found = await list_alerts(later)

    [alert] = found.alerts
    assert (alert.scope, alert.subject, alert.account) == ("data", "sync", "")
    assert "hours ago" in alert.evidence

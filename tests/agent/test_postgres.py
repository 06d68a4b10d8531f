"""The whole product on PostgreSQL, and nights that several processes share there."""

from datetime import UTC, date, datetime

from agent import flow
from handrail.context import open_context
from handrail.domain.metrics import Coverage
from handrail.settings import Settings
from standin.state import Standin


async def test_a_night_on_postgres_comes_to_what_it_comes_to_on_sqlite(
    postgres_settings: Settings, standins: Standin
) -> None:
    async with open_context(postgres_settings) as ctx:
        report = await flow.run(ctx, backfill_from=standins.world.days()[0])
        again = await flow.run(ctx)

    assert (report.status, report.sent, sum(report.withheld.values())) == ("done", 26, 16)
    assert (again.sent, len(standins.mails)) == (26, 26)


async def test_ids_and_sums_larger_than_four_bytes_are_kept(
    postgres_settings: Settings,
) -> None:
    """Ninety days of 100 million events are nine billion."""
    day, now = date(2026, 11, 19), datetime(2026, 11, 20, tzinfo=UTC)
    many = Coverage(events=9_000_000_000, events_with_account=0, users=0, users_with_account=0)
    async with open_context(postgres_settings) as ctx, ctx.store.begin() as work:
        number = await work.syncs.start((day, day), "UTC", now, days_total=1)
        await work.syncs.advance(number, (day, day), counts=many, shape="1", now=now)
        done = await work.syncs.end(number, "done", now)
        copies = await work.reports.history(2**53)

    assert done.events == 9_000_000_000
    assert copies == []

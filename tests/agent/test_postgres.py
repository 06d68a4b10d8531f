"""The whole product on PostgreSQL, and nights that several processes share there."""

from agent import flow
from handrail.context import open_context
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

"""The holdout in a night: begins with volume, feature by feature."""

from datetime import date, timedelta

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.engine.holdout import VOLUME, held_out
from standin.state import Standin
from tests.conftest import OpenWith
from tests.mailed import delivery

AS_OF = date(2026, 11, 19)


async def mailed_before(ctx: ToolContext, feature: str, count: int) -> None:
    """Earlier mails of a feature to people who are nobody in this world."""
    async with ctx.store.begin() as work:
        for number in range(count):
            before = timedelta(days=20)
            row = delivery(
                f"{feature}-{number}",
                f"nobody-{feature}-{number}",
                night=AS_OF - before,
                at=ctx.clock.now() - before,
                feature=feature,
            )
            await work.deliveries.keep(row)


async def test_once_there_is_volume_people_are_left_out_of_that_feature_alone(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await mailed_before(ctx, "connect-data-source", VOLUME)
    async with open_with(holdout=0.5, account_cap=1.0) as half:
        await night.run(half)
        async with half.store.read() as work:
            made = await work.deliveries.of_night(AS_OF)

    out = {each.user_key for each in made if each.reason == "holdout"}
    assert out
    assert all(held_out(user, 0.5, volume=VOLUME) for user in out)
    assert {each.feature for each in made if each.reason == "holdout"} == {"connect-data-source"}, (
        "the other features have no volume"
    )
    sent = {
        each.user_key for each in made if each.status is Status.SENT and each.feature == "connect-data-source"
    }
    assert sent
    assert not any(held_out(user, 0.5, volume=VOLUME) for user in sent)
    assert len(standins.mails) == sum(each.status is Status.SENT for each in made)


async def test_below_the_volume_nobody_is_left_out(ctx: ToolContext, open_with: OpenWith) -> None:
    await mailed_before(ctx, "connect-data-source", VOLUME - 60)
    async with open_with(holdout=0.5) as half:
        report = await night.run(half)

    assert "holdout" not in report.withheld

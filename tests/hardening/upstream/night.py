"""A night over spoilt neighbours, and one over neighbours that are well again."""

from datetime import timedelta

from agent import night, schedule
from handrail.context import open_context
from handrail.domain.deliveries import Delivery
from handrail.errors import HandrailError
from handrail.settings import Settings
from standin.state import Standin
from tests import crowd
from tests.hardening.upstream.conftest import PEOPLE, behind

EVERYBODY = [f"person{person}@company0.example" for person in range(PEOPLE)]


async def try_night(settings: Settings) -> list[str]:
    """Everything that the operator reads of a night that did not go as ever."""
    async with open_context(settings) as ctx:
        try:
            return list((await night.run(ctx)).notes)
        except HandrailError as error:
            return [str(error)]


async def mail_the_others(settings: Settings) -> None:
    """A night over neighbours that are well again, and what waits for an hour."""
    async with open_context(settings) as ctx:
        await night.run(ctx)
    assert settings.now is not None
    async with open_context(behind(settings, now=settings.now + timedelta(hours=2))) as ctx:
        await schedule.mails_due(ctx)


def recipients(three: Standin) -> list[str]:
    return sorted(mail["to"] for mail in three.mails)


async def made(settings: Settings) -> list[Delivery]:
    """The night's mails as they stand in the books."""
    async with open_context(settings) as ctx, ctx.store.read() as work:
        return await work.deliveries.of_night(crowd.LAST)

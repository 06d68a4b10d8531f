"""Nights whose processes are killed at random: a small share of what `make chaos` does."""

from tests import postgres
from tests.chaos import chaos


async def test_whoever_is_killed_nobody_is_mailed_twice_and_nobody_is_lost() -> None:
    outcome = await chaos(people=150, kills=4, workers=1, seed=3, late_seconds=0)

    assert (outcome.wrong, outcome.kills) == ([], 4)


async def test_two_workers_share_a_night_and_either_may_be_killed(postgres_address: str) -> None:
    with postgres.database(postgres_address) as name:
        outcome = await chaos(
            people=700, kills=4, workers=2, seed=4, database=f"postgresql+asyncpg://{name}", late_seconds=0
        )

    assert (outcome.wrong, outcome.kills) == ([], 4)

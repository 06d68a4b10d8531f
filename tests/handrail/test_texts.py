"""Texts that PostgreSQL has no way to keep: kept all the same, and no two become one."""

from itertools import product

from handrail.context import open_context
from handrail.domain.accounts import GroupProfile
from handrail.settings import Settings
from handrail.store.database import escaped, unescaped

NAMES = ["nul\0inside", "nul\ue0000inside", "nul\ue000inside", "nul\ufffdinside", "nulinside"]


def test_every_text_comes_back_as_it_was_and_none_is_kept_as_another_is() -> None:
    texts = ["".join(parts) for size in range(6) for parts in product("\0\ue00001", repeat=size)]

    kept = [escaped(each) for each in texts]

    assert [unescaped(each) for each in kept] == texts
    assert len(set(kept)) == len(texts)
    assert not any("\0" in each for each in kept)
    assert escaped("plain ü") == "plain ü"


async def test_accounts_whose_ids_differ_in_a_nul_alone_are_kept_apart_night_after_night(
    postgres_settings: Settings,
) -> None:
    profiles = [GroupProfile(mixpanel_id=each, name=each) for each in NAMES]
    async with open_context(postgres_settings) as ctx:
        for _ in range(2):
            async with ctx.store.begin() as work:
                ids = await work.accounts.keep(profiles, project_id=1, now=ctx.clock.now())
        async with ctx.store.read() as work:
            accounts = await work.accounts.all()

    assert sorted(each.mixpanel_id for each in accounts) == sorted(NAMES)
    assert len(set(ids.values())) == len(NAMES)

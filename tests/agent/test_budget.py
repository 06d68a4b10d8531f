"""What a night asks of Mixpanel's hour: 5,000 accounts, 5 funnels, 30 days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent import night
from handrail.context import open_context
from handrail.domain.periods import Period
from handrail.services import kb
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.standin.conftest import Raw, event, write_world

ACCOUNTS, DAYS, LAST = 5000, 30, date(2026, 11, 20)
FEATURES = kb.read(Path(__file__).parents[2] / "kb").features()
FUNNELS = {
    **{70 + number: [step.event for step in each.steps] for number, each in enumerate(FEATURES)},
    79: [FEATURES[0].steps[0].event, FEATURES[1].steps[0].event],
}
STRUGGLING = 8


def day_of(account: int, number: int) -> date:
    return LAST - timedelta(days=(7 * account + 11 * number) % DAYS)


def finishes(account: int, number: int) -> bool:
    return (account + number) % 4 == 0


def expected(funnel: int, account: int) -> tuple[int, int]:
    """Who entered and who finished: the last funnel's own user enters the first two, too."""
    stuck = STRUGGLING if account == 7 and funnel in (70, 79) else 0
    if funnel == 79:
        return 2 + stuck, 1
    number = funnel - 70
    return (2 if number < 2 else 1) + stuck, int(finishes(account, number))


def events() -> Iterator[Raw]:
    """In every account one user a feature: each starts it on a day of their own, a quarter finish it."""
    for account in range(ACCOUNTS):
        company = {"company_id": f"acct-{account}"}
        for number, feature in enumerate(FEATURES):
            start = datetime.combine(day_of(account, number), datetime.min.time(), UTC) + timedelta(hours=12)
            made = feature.steps if finishes(account, number) else feature.steps[:1]
            for minute, step in enumerate(made):
                yield event(
                    step.event,
                    f"u-{account}-{number}",
                    (start + timedelta(minutes=minute)).isoformat(),
                    **company,
                )
        yield event(FUNNELS[79][0], f"v-{account}", f"{day_of(account, 9)}T08:00:00", **company)
        yield event(FUNNELS[79][1], f"v-{account}", f"{day_of(account, 9)}T09:00:00", **company)
    for person in range(STRUGGLING):
        for hour in range(4):
            yield event(
                FEATURES[0].events.attempt, f"stuck-{person}", f"{LAST}T1{hour}:00:00", company_id="acct-7"
            )


def project() -> dict[str, Any]:
    """The funnels, saved as Mixpanel keeps them: under their id, and as reports with their steps."""
    steps = {key: [{"event": each} for each in events] for key, events in FUNNELS.items()}
    reports = {
        key: {
            "type": "funnel",
            "behaviors": [{"type": "event", "name": each} for each in events],
            "conversionWindowDuration": 1,
            "conversionWindowUnit": "day",
        }
        for key, events in FUNNELS.items()
    }
    return {
        "funnels": [
            {"funnel_id": key, "name": f"F{key}", "length": 1, "length_unit": "day", "steps": steps[key]}
            for key in FUNNELS
        ],
        "reports": [
            {
                "id": key,
                "name": f"F{key}",
                "type": "funnels",
                "params": {"sections": {"show": [{"behavior": one}]}},
            }
            for key, one in reports.items()
        ],
        "profiles": {
            f"stuck-{one}": {"$email": f"p{one}@customer.example", "$name": "P"} for one in range(STRUGGLING)
        },
        "groups": {"company_id": {f"acct-{one}": {"$name": f"Account {one}"} for one in range(ACCOUNTS)}},
    }


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    folder = tmp_path_factory.mktemp("fleet") / "world"
    with running(write_world(folder, list(events()), **project())) as state:
        yield state


def counted(state: Standin) -> int:
    ledger: Any = httpx2.get(f"{state.base_url}/control/ledger", trust_env=False).json()
    return int(ledger["counted_last_hour"])


async def test_a_night_of_five_thousand_accounts_asks_at_most_twelve_questions(
    fleet: Standin, tmp_path: Path
) -> None:
    """Without JQL: that question is asked, refused, and asked in another way."""
    fleet.faults.add({"neighbour": "mixpanel", "route": "/jql", "fault": "status", "status": 410})
    async with open_context(
        settings_for(fleet, tmp_path / "data", kb_dir=None, backfill_days=DAYS), actor="nightly"
    ) as ctx:
        report = await night.run(ctx, backfill_from=LAST - timedelta(days=DAYS - 1))
        month = Period.of_days(DAYS, LAST, "UTC")
        async with ctx.store.read() as work:
            names = {account.id: account.mixpanel_id for account in await work.accounts.all()}
            measured = await work.funnels.of_period(month)
            alone = [await work.funnels.of_period(Period.of_days(1, day_of(17, 2), "UTC"))]

    assert {one.route for one in report.struggles} == {"behaviors"}
    assert 3 < counted(fleet) <= 12
    assert report.notes == ()
    assert report.sent + sum(report.withheld.values()) == STRUGGLING
    figures = {(each.funnel_id, names[each.account_id]): each.counts.users for each in measured}
    assert len(figures) == ACCOUNTS * len(FUNNELS)
    assert {key: (users[0], users[-1]) for key, users in figures.items()} == {
        (funnel, f"acct-{account}"): expected(funnel, account)
        for funnel in FUNNELS
        for account in range(ACCOUNTS)
    }
    assert (72, "acct-17") in {(each.funnel_id, names[each.account_id]) for each in alone[0]}

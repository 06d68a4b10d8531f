"""A world in which accounts leave: some fade for weeks before, the others stay as they are."""

import gzip
import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

LAST = date(2026, 11, 19)
DAYS = 150
CHURNED, KEPT = 14, 32
FADES_FROM, FADES_TO = 80, 25
"""Days before the leaving between which use falls to a tenth."""

PROJECT: dict[str, Any] = {
    "project_id": 5151,
    "name": "Those who leave",
    "token": "fedcba9876543210fedcba9876543210",
    "username": "reader.leaving.mp-service-account",
    "secret": "leaving-secret",
    "timezone": "UTC",
    "created": "2025-01-01",
    "account_property": "company_id",
    "group_keys": {"company_id": "-5151"},
    "funnels": [],
    "cohorts": [],
    "reports": [],
    "dashboards": [],
    "now": datetime(2026, 11, 20, 2, tzinfo=UTC).isoformat(),
}


def left_on() -> dict[str, date]:
    """The day on which each churned account left, by Mixpanel id."""
    return {f"gone-{number:02}": LAST - timedelta(days=4 + 4 * number) for number in range(CHURNED)}


def write(folder: Path) -> None:
    gone = left_on()
    accounts = [*gone, *(f"kept-{number:02}" for number in range(KEPT))]
    chance = random.Random("those who leave")
    users = {account: chance.randint(4, 8) for account in accounts}
    (folder / "events").mkdir(parents=True)
    (folder / "project.json").write_text(json.dumps(PROJECT), "utf-8")
    (folder / "profiles.jsonl").write_text("", "utf-8")
    for back in range(DAYS):
        day = LAST - timedelta(days=back)
        with gzip.open(folder / "events" / f"{day}.jsonl.gz", "wt", encoding="utf-8") as file:
            for account in accounts:
                for user in range(users[account]):
                    if chance.random() < 0.6 * _use(gone.get(account), day):
                        for each in range(chance.randint(1, 4)):
                            file.write(json.dumps(_event(account, user, day, each)) + "\n")
    with (folder / "groups.jsonl").open("w", encoding="utf-8") as file:
        for account in accounts:
            told = {"$name": account.replace("-", " ").title()}
            if account in gone:
                told["churned_on"] = f"{gone[account]}T00:00:00"
            row = {"$group_key": "company_id", "$group_id": account, "$properties": told}
            file.write(json.dumps(row) + "\n")


def _use(left: date | None, day: date) -> float:
    """1 is as ever."""
    if left is None:
        return 1.0
    before = (left - day).days
    if before <= 0:
        return 0.0
    faded = (FADES_FROM - before) / (FADES_FROM - FADES_TO)
    return 1 - 0.9 * min(1.0, max(0.0, faded))


def _event(account: str, user: int, day: date, number: int) -> dict[str, Any]:
    moment = int(datetime(day.year, day.month, day.day, 9 + number, user, tzinfo=UTC).timestamp())
    return {
        "event": "Page Viewed",
        "properties": {
            "time": moment,
            "distinct_id": f"{account}-{user}",
            "$insert_id": f"{account}-{user}-{day}-{number}",
            "company_id": account,
            "mp_processing_time_ms": moment * 1000,
        },
    }

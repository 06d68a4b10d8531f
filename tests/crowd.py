"""A made-up project in which everybody struggles with one feature, and anybody may be mailed."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from standin.world import World, load
from tests.conftest import settings_for

LAST = date(2026, 3, 18)
"""A Wednesday: the as-of day of the night."""

DOCUMENT = """---
slug: export-rows
title: Export rows
url: https://help.example/export-rows
summary: How to export.
events:
  attempt: Export Started
  success: Export Done
  error: Export Failed
steps:
  - id: start
    event: Export Started
    title: Start the export
    url: https://help.example/export-rows#start
    text: Open the table and choose Export.
  - id: finish
    event: Export Done
    title: Finish it
    url: https://help.example/export-rows#finish
    text: Wait for the file and choose Download.
---
# Export rows
"""

OPEN: dict[str, Any] = {"account_cap": 1.0, "run_cap": 100_000, "holdout": 0.0, "mixpanel_breakdowns": ()}
"""Settings under which nothing stands against any mail."""


def generate(folder: Path, people: int, *, accounts: int = 20) -> World:
    """`people` users of `accounts` companies, each with five attempts and no success on the last day."""
    noon = datetime.combine(LAST, time(12), tzinfo=UTC)
    events = [
        _event("Export Started", person, person % accounts, noon + timedelta(minutes=10 * again))
        for person in range(people)
        for again in range(5)
    ]
    profiles = [
        {
            "$distinct_id": f"person-{person}",
            "$properties": {
                "$email": f"person{person}@company{person % accounts}.example",
                "$name": f"Person {person}",
            },
        }
        for person in range(people)
    ]
    (folder / "events").mkdir(parents=True)
    (folder / "kb").mkdir()
    (folder / "kb" / "export-rows.md").write_text(DOCUMENT)
    (folder / "events" / f"{LAST}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    (folder / "profiles.jsonl").write_text("".join(json.dumps(each) + "\n" for each in profiles))
    (folder / "project.json").write_text(json.dumps(_PROJECT))
    return load(folder)


_PROJECT = {
    "project_id": 77,
    "token": "crowd-token",
    "username": "service.crowd",
    "secret": "crowd-secret",
    "timezone": "UTC",
    "created": "2024-05-01",
    "account_property": "company_id",
    "group_keys": {},
    "funnels": [],
    "cohorts": [],
    "reports": [],
    "dashboards": [],
}


def _event(name: str, person: int, account: int, at: datetime) -> dict[str, Any]:
    moment = int(at.timestamp())
    return {
        "event": name,
        "properties": {
            "time": moment,
            "distinct_id": f"person-{person}",
            "$insert_id": f"{name}-{person}-{moment}",
            "company_id": f"company-{account}",
        },
    }


__all__ = ["LAST", "OPEN", "generate", "settings_for"]

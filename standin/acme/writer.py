"""Puts the world together and writes its folder, the same bytes for the same seed and last day."""

import gzip
import json
import random
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from standin.acme import activity, delivery, stories
from standin.acme import project as settings
from standin.acme.accounts import ACCOUNTS
from standin.acme.activity import Draft
from standin.acme.people import Person, by_place, populate
from standin.acme.product import BY_SLUG, FEATURES


def generate(folder: Path, *, seed: int = 7, last_day: date = date(2026, 11, 20)) -> None:
    """Write the world into `folder`; its clock starts at 02:00 UTC of the day after `last_day`."""
    now = datetime.combine(last_day + timedelta(days=1), time(2), tzinfo=UTC)
    people = populate(seed, last_day)
    drafts = _drafts(people, last_day, now, seed)
    files = delivery.deliver(drafts, now, _random(seed, "delivery"))
    counts = _cohort_sizes(people, drafts, now)
    project = settings.project(last_day, now.isoformat().replace("+00:00", "Z"), counts)

    (folder / "events").mkdir(parents=True, exist_ok=True)
    for day, lines in sorted(files.items()):
        text = "".join(f"{line}\n" for line in lines)
        packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
        (folder / "events" / f"{day}.jsonl.gz").write_bytes(packed)
    _write_rows(
        folder / "profiles.jsonl",
        [{"$distinct_id": person.id, "$properties": person.profile} for person in people],
    )
    _write_rows(
        folder / "groups.jsonl",
        [
            {"$group_key": "company_id", "$group_id": account.id, "$properties": account.group(last_day)}
            for account in ACCOUNTS
        ],
    )
    text = json.dumps(project, ensure_ascii=False, indent=1)
    (folder / "project.json").write_bytes(f"{text}\n".encode())


def _random(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed} {name}")  # noqa: S311  # nosec B311  # a repeatable world, no secret


def _drafts(people: list[Person], last_day: date, now: datetime, seed: int) -> list[Draft]:
    """Everything that was sent and not lost, person by person."""
    zone = ZoneInfo(settings.TIMEZONE)
    days = [last_day - timedelta(days=ago) for ago in range(stories.DAYS - 1, -1, -1)]
    start = datetime.combine(days[0], time(), tzinfo=zone).timestamp()
    drafts: list[Draft] = []
    for person in people:
        drafts += activity.ordinary(person, days, _random(seed, f"use {person.id}"))
    drafts += _planted(by_place(people), last_day, now, seed)
    drafts += activity.shared_links(people, days, _random(seed, "links"))
    kept = [draft for draft in drafts if start <= draft.time < now.timestamp()]
    return list(delivery.lose(kept, last_day, zone, _random(seed, "loss")))


def _planted(people: dict[tuple[str, int], Person], last_day: date, now: datetime, seed: int) -> list[Draft]:
    """The events of the stories."""
    drafts: list[Draft] = []
    yesterday = last_day - timedelta(days=1)
    for number, planted in enumerate(stories.STRUGGLES):
        person = people[planted.account, planted.person]
        drafts += activity.struggle(planted, person, yesterday, 4, _random(seed, f"struggle {number}"))
    for number, (planted, ago, recovered) in enumerate(stories.PAST_STRUGGLES):
        person = people[planted.account, planted.person]
        rng = _random(seed, f"past {number}")
        ends = last_day - timedelta(days=ago)
        drafts += activity.struggle(planted, person, ends, 3, rng)
        if recovered:
            at = drafts[-1].time + 86_400
            drafts += activity.succeed(person, BY_SLUG[planted.feature], at, rng)
    late = stories.LATE_SUCCESS
    person = people[late.account, late.person]
    rng = _random(seed, "late success")
    drafts += activity.struggle(late, person, last_day, 5, rng)
    an_hour_ago = int(now.timestamp()) - 3600
    return drafts + activity.succeed(person, BY_SLUG[late.feature], an_hour_ago, rng)


def _cohort_sizes(people: list[Person], drafts: list[Draft], now: datetime) -> dict[int, int]:
    connect = FEATURES[0]
    recent = [draft for draft in drafts if draft.time >= now.timestamp() - 30 * 86_400]
    tried = {draft.person.id for draft in recent if draft.event == connect.attempt}
    finished = {draft.person.id for draft in recent if draft.event == connect.success}
    return {
        settings.ADMINS: sum(1 for person in people if person.profile["role"] == "admin"),
        settings.NEVER_CONNECTED: len(tried - finished),
    }


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(row, ensure_ascii=False, separators=(',', ':'))}\n" for row in rows)
    path.write_bytes(text.encode())

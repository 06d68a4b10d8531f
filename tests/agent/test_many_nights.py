"""Many nights in a row over a product that people use, with a share of all requests failing."""

import gc
import hashlib
import hmac
import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent import night
from handrail.context import open_context
from handrail.domain.deliveries import Delivery, Status
from handrail.errors import HandrailError
from handrail.services.mail.sendgrid import DELIVERY_ARGUMENT
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world

NIGHTS = int(os.environ.get("HANDRAIL_TEST_NIGHTS", "32"))
"""`make chaos` runs sixty; no promise below looks back further than 30 days."""

FIRST = date(2026, 6, 1)
SETTLED = 10
"""Nights after which caches are full: nothing may grow from here on."""

FEATURES = {
    "connect-data-source": ("Source Connect Started", "Source Connected"),
    "schedule-export": ("Export Schedule Started", "Export Scheduled"),
}


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)


FAULTS: list[dict[str, Any]] = [
    {"neighbour": "mixpanel", "fault": "status", "status": 503, "share": 0.03},
    {"neighbour": "mixpanel", "fault": "cut", "share": 0.02},
    {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "status": 500, "share": 0.03},
    {"neighbour": "sendgrid", "route": "/mail/send", "fault": "answer_lost", "share": 0.02},
    {"neighbour": "anthropic", "fault": "status", "status": 529, "share": 0.05},
]


@dataclass
class Crowd:
    """People who try, fail and sometimes succeed, a day at a time."""

    chance: random.Random = field(default_factory=lambda: random.Random(4))
    done: dict[tuple[str, str], list[tuple[datetime, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(moment, whether it was a success), by person and feature."""

    people = tuple(f"person-{number:02}" for number in range(40))

    def live(self, day: date) -> list[dict[str, Any]]:
        raws = []
        for number, person in enumerate(self.people):
            feature = self.chance.choice(list(FEATURES))
            if self.chance.random() < 0.25:
                tries = self.chance.choice([1, 2, 3])
                raws += [self._did(person, feature, _at(day, 9 + hour), number) for hour in range(tries)]
            if self.chance.random() < 0.02:
                raws.append(self._did(person, feature, _at(day, 15), number, success=True))
        return raws

    def _did(
        self, person: str, feature: str, at: datetime, number: int, *, success: bool = False
    ) -> dict[str, Any]:
        self.done[person, feature].append((at, success))
        return event(FEATURES[feature][success], person, at.isoformat(), company_id=f"acct-{number % 8}")

    def struggling(self, as_of: date) -> set[tuple[str, str]]:
        """In 7 days more than 3 attempts, under 30 % completion, no success after the last attempt."""
        first = as_of - timedelta(days=6)
        found = set()
        for pair, moments in self.done.items():
            within = [(at, success) for at, success in moments if first <= at.date() <= as_of]
            tries = [at for at, success in within if not success]
            wins = [at for at, success in within if success]
            if len(tries) > 3 and len(wins) / len(tries) < 0.3 and not (wins and max(wins) >= max(tries)):
                found.add(pair)
        return found


def crowd_world(folder: Path) -> Crowd:
    crowd = Crowd()
    days = [FIRST - timedelta(days=back) for back in range(7, 0, -1)]
    profiles = {
        person: {"$email": f"{person}@people.example", "$first_name": "Kim", "$timezone": "UTC"}
        for person in crowd.people
    }
    events = [raw for day in days for raw in crowd.live(day)]
    write_world(folder, events, profiles=profiles, funnels=[], group_keys={})
    return crowd


OURS = ("agent.", "handrail.context", "handrail.flows", "handrail.ledger", "handrail.services", "httpx2")
"""What would stay behind of a night. The stand-ins live in this process too and keep all that they were
asked, and SQLAlchemy fills its caches of statements, which have a bound.
"""


@dataclass
class Held:
    """What one process holds on to."""

    handles: int
    objects: int
    log_bytes: int


def held(data: Path) -> Held:
    gc.collect()
    log = data / "handrail.db-wal"
    return Held(
        handles=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  (names are all that is counted)
        objects=sum(str(type(each).__module__).startswith(OURS) for each in gc.get_objects()),
        log_bytes=log.stat().st_size if log.exists() else 0,
    )


async def test_many_nights_with_failing_neighbours_keep_every_promise(tmp_path: Path) -> None:
    crowd = crowd_world(tmp_path / "world")
    made: dict[date, list[Delivery]] = {}
    failed: list[date] = []
    gone: dict[str, datetime] = {}
    growth: list[Held] = []
    data = tmp_path / "data"
    with running(load(tmp_path / "world")) as state:
        for index in range(NIGHTS):
            as_of = FIRST + timedelta(days=index)
            state.written.extend(crowd.live(as_of))
            at = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), tzinfo=UTC) + timedelta(
                hours=2
            )
            state.clock.set(at)
            for fault in FAULTS:
                state.faults.add(fault)
            async with open_context(settings_for(state, data, kb_dir=None, now=at, backfill_days=7)) as ctx:
                try:
                    await night.run(ctx)
                except HandrailError:
                    failed.append(as_of)
                async with ctx.store.read() as work:
                    made[as_of] = await work.deliveries.of_night(as_of)
            state.faults.clear()
            if index % 7 == 3:
                await one_leaves(state, gone)
            if index >= SETTLED or index == NIGHTS - 1:
                growth.append(held(data))
        secret = ctx.secret
        everything = b"".join(databases.on_disk(data).values())
        mails, counted = list(state.mails), [one.at for one in state.counted]

    rows = {row.id: row for some in made.values() for row in some}
    people = {hmac.new(secret, one.encode(), hashlib.sha256).hexdigest(): one for one in crowd.people}
    assert len(failed) < NIGHTS / 4, "the promises below are about nights that mostly work"
    assert len(mails) > NIGHTS / 3
    who_and_why(crowd, made, failed, people)
    at_most_one(mails, rows)
    assert not [
        one for one in mails if one["to"] in gone and datetime.fromisoformat(one["at"]) > gone[one["to"]]
    ]
    assert max(sum(0 <= (later - at).total_seconds() < 3600 for later in counted) for at in counted) <= 60
    assert not [person for person in crowd.people if person.encode() in everything]
    assert b"people.example" not in everything
    assert growth[-1].handles <= growth[0].handles
    assert growth[-1].objects <= growth[0].objects * 1.02
    assert max(one.log_bytes for one in growth) <= 8_000_000


async def one_leaves(state: Standin, gone: dict[str, datetime]) -> None:
    """The person of the latest mail takes the way out that the mail service offers."""
    if not state.mails:
        return
    address = state.mails[-1]["to"]
    if address not in gone:
        now = int(state.clock.now().timestamp())
        state.suppressed.setdefault("unsubscribes", []).append({"email": address, "created": now})
        gone[address] = state.clock.now()


def who_and_why(
    crowd: Crowd, made: dict[date, list[Delivery]], failed: list[date], people: dict[str, str]
) -> None:
    """Every struggle of every night has its decision, and none is left open."""
    for as_of, rows in made.items():
        decided = {(people[row.user_key], row.feature) for row in rows}
        expected = crowd.struggling(as_of)
        assert decided <= expected, as_of
        if as_of not in failed:
            assert decided == expected, as_of
        assert all(row.status is not Status.SENDING for row in rows), as_of
        assert all(row.reason for row in rows if row.status is Status.WITHHELD), as_of


def at_most_one(mails: list[dict[str, Any]], rows: dict[str, Delivery]) -> None:
    """One mail a delivery, 14 days between two to a person, 30 between two of a feature."""
    ids = [mail["custom_args"][DELIVERY_ARGUMENT] for mail in mails]
    assert len(ids) == len(set(ids))
    assert {row.id for row in rows.values() if row.status is Status.SENT} <= set(ids)
    may = {row.id for row in rows.values() if row.status in (Status.SENT, Status.UNKNOWN)}
    assert set(ids) <= may
    by_person, by_feature = defaultdict(list), defaultdict(list)
    for mail in mails:
        at = datetime.fromisoformat(mail["at"])
        by_person[mail["to"]].append(at)
        by_feature[mail["to"], rows[mail["custom_args"][DELIVERY_ARGUMENT]].feature].append(at)
    assert all(b - a >= timedelta(days=14) for times in by_person.values() for a, b in pairwise(times))
    assert all(b - a >= timedelta(days=30) for times in by_feature.values() for a, b in pairwise(times))

"""A backup put back over later tables: what has left since stays known, and all of it fits together."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from handrail.domain.deliveries import Delivery, Reason, Status
from handrail.store import archive, open_store
from handrail.store.restoring import restore

pytestmark = pytest.mark.sqlite("a backup is a copy of its files")

SECRET = b"k" * 32
NIGHT = date(2026, 3, 18)
NOW = datetime(2026, 3, 19, 2, tzinfo=UTC)


def decided(name: str, status: Status, reason: str = "") -> Delivery:
    return Delivery(
        id=name, night=NIGHT, user_key=name, feature="export", account_ids=("acme",), actor="nightly",
        tutorial_id="text", signature="", status=status, reason=reason, detail="", decided_at=NOW,
    )  # fmt: skip


async def _keep(data: Path, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Keep these, and answer everything that is kept of the night."""
    store = await open_store(f"sqlite+aiosqlite:///{data / archive.TABLES}")
    try:
        async with store.begin() as work:
            await work.deliveries.keep_all(deliveries)
            return await work.deliveries.of_night(NIGHT)
    finally:
        await store.close()


def keep(data: Path, *deliveries: Delivery) -> dict[str, Delivery]:
    return {each.id: each for each in asyncio.run(_keep(data, deliveries))}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with a backup that knows one mail, planned for the morning."""
    folder = tmp_path / "data"
    keep(folder, decided("planned then", Status.PLANNED, Reason.QUIET_HOURS))
    archive.write(tmp_path / "handrail.zip", folder, secret=SECRET, now=NOW)
    return folder


def put_back(data: Path) -> None:
    source = data.with_name("handrail.zip")
    asyncio.run(restore(source, data, secret=SECRET, now=NOW, replace=True))


def test_a_mail_that_left_after_the_backup_had_it_as_planned_counts_as_sent(data: Path) -> None:
    keep(data, decided("planned then", Status.SENT))

    put_back(data)

    after = keep(data)["planned then"]
    assert (after.status, after.reason, after.account_ids) == (Status.SENT, "", ("acme",))


def test_a_night_that_withheld_mails_after_the_backup_can_be_decided_again(data: Path) -> None:
    withheld = decided("withheld since", Status.WITHHELD, Reason.COOLDOWN)
    keep(data, withheld, decided("sent since", Status.SENT))

    put_back(data)

    with closing(sqlite3.connect(data / archive.TABLES)) as tables:
        assert tables.execute("pragma foreign_key_check").fetchall() == []
    kept = keep(data, withheld)
    assert {each.id: each.account_ids for each in kept.values()} == dict.fromkeys(
        ("planned then", "withheld since", "sent since"), ("acme",)
    )


async def test_two_mails_of_a_day_to_one_person_whose_details_are_lost_are_one_row(tmp_path: Path) -> None:
    """The morning brief and the weekly digest go to the same colleague, under the same sender."""
    brief = decided("brief", Status.SENT).model_copy(update={"user_key": "colleague", "feature": ""})
    digest = brief.model_copy(update={"id": "digest", "decided_at": NOW + timedelta(minutes=5)})
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / archive.TABLES}")
    async with store.begin() as work:
        for mail in (brief, digest):
            await work.deliveries.recall(mail)

        kept = await work.deliveries.of_night(NIGHT)
        left = await work.guards.mails_since(NOW)
    await store.close()

    assert [(each.id, each.status) for each in kept] == [("brief", Status.SENT)]
    assert left == 1, "the later of the two is when the last mail left"

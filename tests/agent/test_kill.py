"""kill -9 in the middle of a night, and a second run: counted where the mail arrives."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Delivery, Status
from handrail.flows.mailing import SENDS
from handrail.settings import Settings
from standin.state import Standin
from tests import databases
from tests.conftest import OpenWith

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 19)


def environment(settings: Settings) -> dict[str, str]:
    """The settings of the test as a process gets them."""
    values = {
        "HANDRAIL_DATA_DIR": str(settings.data_dir),
        "HANDRAIL_DATABASE_URL": settings.database_url,
        "HANDRAIL_SECRET_KEY": _secret(settings.secret_key),
        "HANDRAIL_NOW": settings.now.isoformat() if settings.now else "",
        "HANDRAIL_MIXPANEL_PROJECT_ID": str(settings.mixpanel_project_id),
        "HANDRAIL_MIXPANEL_USERNAME": settings.mixpanel_username,
        "HANDRAIL_MIXPANEL_SECRET": _secret(settings.mixpanel_secret),
        "HANDRAIL_MIXPANEL_GROUP_ID": settings.mixpanel_group_id,
        "HANDRAIL_MIXPANEL_QUERY_URL": settings.mixpanel_query_url,
        "HANDRAIL_MIXPANEL_EXPORT_URL": settings.mixpanel_export_url,
        "ANTHROPIC_API_KEY": _secret(settings.anthropic_api_key),
        "ANTHROPIC_BASE_URL": settings.anthropic_base_url,
        "SENDGRID_API_KEY": _secret(settings.sendgrid_api_key),
        "HANDRAIL_SENDGRID_URL": settings.sendgrid_url,
        "HANDRAIL_MAIL_FROM": settings.mail_from,
        "HANDRAIL_MAIL_POSTAL_ADDRESS": settings.mail_postal_address,
        "HANDRAIL_SEND_MODE": settings.send_mode.value,
        "HANDRAIL_SEND_HOURS": "always",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **values}


def _secret(value: object) -> str:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else ""


def start_night(settings: Settings, cwd: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "handrail.cli", "agent", "run", "--json"],
        env={**environment(settings), "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def mails_arrive(standins: Standin, process: "subprocess.Popen[bytes]", count: int) -> None:
    """Wait until another process has got so far: nothing of ours can announce that."""
    async with asyncio.timeout(60):
        while len(standins.mails) < count and process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def decisions(ctx: ToolContext) -> list[Delivery]:
    async with ctx.store.read() as work:
        return await work.deliveries.of_night(AS_OF)


@pytest.mark.parametrize("mails_before", [1, 9, 20])
async def test_after_a_kill_and_a_second_run_nobody_has_two_mails_and_nobody_is_forgotten(
    mails_before: int, ctx: ToolContext, standins: Standin, settings: Settings, tmp_path: Path
) -> None:
    first = start_night(settings, tmp_path)
    await mails_arrive(standins, first, mails_before)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert len(standins.mails) >= mails_before
    assert first.returncode == -signal.SIGKILL, "the night was killed, it did not end"

    second = start_night(settings, tmp_path)
    _, err = second.communicate(timeout=120)

    assert second.returncode == 0, err.decode()
    made = await decisions(ctx)
    arrived = Counter(mail["to"] for mail in standins.mails)
    assert max(arrived.values()) == 1
    assert len(made) == 42
    assert {each.status for each in made} <= {Status.SENT, Status.WITHHELD, Status.UNKNOWN}
    assert all(each.reason for each in made if each.status is Status.WITHHELD)
    sent = sum(each.status is Status.SENT for each in made)
    unknown = sum(each.status is Status.UNKNOWN for each in made)
    assert sent <= len(standins.mails) <= sent + unknown
    assert unknown <= SENDS, "so many mails are on their way at once"


async def test_a_mail_that_was_on_its_way_when_the_process_died_stays_unknown(
    ctx: ToolContext, standins: Standin, open_with: OpenWith, settings: Settings, tmp_path: Path
) -> None:
    standins.faults.add(
        {"neighbour": "sendgrid", "route": "/mail/send", "fault": "answer_late", "seconds": 5, "times": 1}
    )
    first = start_night(settings, tmp_path)
    await mails_arrive(standins, first, 1)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert len(standins.mails) == 1

    second = start_night(settings, tmp_path)
    second.communicate(timeout=120)

    made = await decisions(ctx)
    unknown = [each for each in made if each.status is Status.UNKNOWN]
    assert [each.detail for each in unknown] == ["interrupted"]
    assert max(Counter(mail["to"] for mail in standins.mails).values()) == 1


async def test_nothing_personal_is_on_disk_after_a_night_a_kill_or_a_failure(
    ctx: ToolContext, standins: Standin, settings: Settings, tmp_path: Path
) -> None:
    killed = start_night(settings, tmp_path)
    await mails_arrive(standins, killed, 3)
    assert personal_data_in(settings.data_dir, standins) == [], "while it runs"
    killed.send_signal(signal.SIGKILL)
    logs = b"".join(killed.communicate())
    assert personal_data_in(settings.data_dir, standins) == [], "after the kill"

    standins.faults.add(
        {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "status": 400, "times": 2}
    )
    again = start_night(settings, tmp_path)
    logs += b"".join(again.communicate(timeout=120))

    async with open_context(settings) as fresh:
        assert await decisions(fresh)
    assert personal_data_in(settings.data_dir, standins) == [], "after the end"
    assert [canary for canary in canaries(standins) if canary in logs] == [], "in what it printed"


def canaries(standins: Standin) -> list[bytes]:
    """Every address, full name and raw distinct_id of the world."""
    found: set[str] = set()
    for distinct_id, profile in standins.profiles.items():
        found.add(distinct_id)
        found.update(str(profile[name]) for name in ("$email", "$name") if profile.get(name))
    assert len(found) > 1500
    return [each.encode() for each in found if len(each) > 5]


def personal_data_in(folder: Path, standins: Standin) -> list[str]:
    """Files (with WAL, lock and key files) that hold a canary, and which kind."""
    wanted = canaries(standins)
    return [
        f"{name}: {canary.decode()}"
        for name, content in databases.on_disk(folder).items()
        for canary in wanted
        if canary in content
    ]


@pytest.mark.sqlite("a file stands for the tables")
async def test_the_search_for_personal_data_would_find_some(standins: Standin, tmp_path: Path) -> None:
    address = next(str(each["$email"]) for each in standins.profiles.values() if each.get("$email"))
    (tmp_path / "handrail.db").write_bytes(b"SQLite format 3\0 ... " + address.encode())

    assert personal_data_in(tmp_path, standins) == [f"handrail.db: {address}"]

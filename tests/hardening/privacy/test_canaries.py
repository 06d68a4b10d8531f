"""People who are canaries, in runs that succeed, fail, time out, die and talk: nothing of them is kept."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.settings import Settings
from standin.faults import Fault
from standin.sendgrid import events
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases
from tests.agent.test_kill import environment
from tests.conftest import settings_for
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.privacy import world
from tests.hardening.privacy.canaries import Canaries, guessed, hits, on_disk
from tests.hardening.privacy.doors import Visitor

ROOT = Path(__file__).parents[3]
TALKATIVE = (
    "import logging; from handrail.cli import logs; "
    "logs.set_up_logging.__defaults__ = (logging.DEBUG, {format!r}); "
    "from handrail.cli.app import run; run()"
)
"""The command line at the level at which libraries tell everything."""

PATIENCE = 10
"""Seconds that a mail or a text is waited for."""

MIXPANEL_PATIENCE = 30
"""Seconds: what it counts takes long by itself on a busy machine."""


@dataclass
class House:
    """An installation: its folders, its processes, and what they are given."""

    folder: Path
    standins: Standin
    settings: Settings
    canaries: Canaries
    log_format: str = "text"
    seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    looks: int = 0
    port: int = 0

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A command whose streams are files below `log`, and whose temporary files lie below `tmp`."""
        number = len(list((self.folder / "log").iterdir()))
        extra = {
            "TMPDIR": str(self.folder / "tmp"),
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(ROOT),
            "HANDRAIL_BACKFILL_DAYS": "8",
            "HANDRAIL_MEMORY_LIMIT": "100MB",
            "HANDRAIL_FOLLOW_UP": "true",
            "HANDRAIL_MIXPANEL_BREAKDOWNS": "$browser,utm_source,utm_content,method,$initial_referrer",
            "HANDRAIL_MIXPANEL_TOKEN": str(self.standins.world.project["token"]),
            "HANDRAIL_MIXPANEL_INGEST_URL": f"{self.standins.base_url}/mixpanel",
            "HANDRAIL_SENDGRID_WEBHOOK_KEY": events.public_key(),
            "HANDRAIL_MIXPANEL_SECONDS": str(MIXPANEL_PATIENCE),
            "HANDRAIL_MAIL_SECONDS": str(PATIENCE),
            "HANDRAIL_MODEL_SECONDS": str(PATIENCE),
            "HANDRAIL_PUBLIC_URL": f"http://127.0.0.1:{self.port or 8321}",
        }
        streams = [(self.folder / "log" / f"{number}.{name}").open("wb") for name in ("out", "err")]
        with contextlib.ExitStack() as stack:
            out, err = (stack.enter_context(each) for each in streams)
            return subprocess.Popen(
                [sys.executable, "-c", TALKATIVE.format(format=self.log_format), *arguments],
                env={**environment(self.settings), **extra},
                cwd=self.folder / "home",
                stdout=out,
                stderr=err,
            )

    def run(self, *arguments: str) -> int:
        return self.start(*arguments).wait(timeout=240)

    def look(self) -> list[str]:
        """Canaries in files that changed since the last look."""
        self.looks += 1
        return on_disk(self.folder, seen=self.seen)

    def said(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace") for path in (self.folder / "log").glob("*.err"))

    def backup(self) -> None:
        """As an operator copies a database that is in use; the rows of PostgreSQL lie there as text, too."""
        if databases.ON_POSTGRES:
            databases.dump(self.settings.data_dir, self.folder / "backup" / "dump")
            for name, content in databases.on_disk(self.settings.data_dir).items():
                (self.folder / "backup" / name.replace("/", "-")).write_bytes(content)
            return
        for name in ("handrail.db", "flow.db"):
            with (
                closing(sqlite3.connect(self.settings.data_dir / name)) as database,
                closing(sqlite3.connect(self.folder / "backup" / name)) as copy,
            ):
                database.backup(copy)


@pytest.fixture
def house(acme_folder: Path, tmp_path: Path) -> Any:
    canaries = Canaries()
    made = world.generate(acme_folder, tmp_path / "world", canaries)
    with running(load(made)) as state:
        for name in ("tmp", "home", "log", "backup", "data"):
            (tmp_path / "house" / name).mkdir(parents=True)
        settings = settings_for(state, tmp_path / "house" / "data")
        yield House(tmp_path / "house", state, settings, canaries)


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[list[str]]:
    """Look at the files again and again while something runs."""
    found: list[str] = []

    async def watch() -> None:
        while True:
            found.extend(await asyncio.to_thread(house.look))
            await asyncio.sleep(0.25)

    watching = asyncio.create_task(watch())
    try:
        yield found
    finally:
        watching.cancel()
        found.extend(house.look())


@asynccontextmanager
async def served(house: House) -> AsyncIterator[Visitor]:
    """`handrail serve`, until it is asked to stop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        house.port = free.getsockname()[1]
    process = house.start("serve", "--port", str(house.port))
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{house.port}", timeout=60) as client:
            async with asyncio.timeout(90):
                while not await _there(client):
                    assert process.poll() is None, house.said()
                    await asyncio.sleep(0.1)
            yield Visitor(client, house.canaries)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


async def _there(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx2.TransportError:
        return False


def refuse(house: House, neighbour: str, route: str, status: int) -> Fault:
    """One request is refused, in words with people in them."""
    quoting = house.canaries.text
    body = {"error": quoting(f"a {status} of {neighbour}{route}"), "message": quoting("a message")}
    return house.standins.faults.add(
        {
            "neighbour": neighbour,
            "route": route,
            "fault": "status",
            "status": status,
            "times": 1,
            "body": body,
        }
    )


def late(house: House, neighbour: str, route: str, patience: int = PATIENCE) -> Fault:
    """One answer comes when nobody waits for it any more."""
    return house.standins.faults.add(
        {
            "neighbour": neighbour,
            "route": route,
            "fault": "answer_late",
            "seconds": patience + 1,
            "times": 1,
        }
    )


def bad_neighbours(house: House) -> None:
    """Each refuses now and then, and quotes people where it does."""
    for neighbour, route, status in (
        ("mixpanel", "/jql", 400), ("mixpanel", "/engage", 500),
        ("mixpanel", "/funnels", 404), ("sendgrid", "/mail/send", 400), ("sendgrid", "/mail/send", 500),
        ("sendgrid", "/suppression", 403), ("mixpanel", "/import", 400),
    ):  # fmt: skip
        refuse(house, neighbour, route, status)


def bad_writer(house: House) -> None:
    """The model is refused, late, and then says what nobody may read."""
    for status in (400, 529):
        refuse(house, "anthropic", "/messages", status)
    late(house, "anthropic", "/messages")
    quoting = house.canaries.text
    words = quoting("what the model writes")
    step = {"step": "destination", "text": f"Write to {words}", "quote": words}
    draft = {"feature": "schedule-export", "tone": "plain", "subject": words, "intro": words, "steps": [step]}
    house.standins.faults.add(
        {
            "neighbour": "anthropic",
            "route": "/messages",
            "fault": "status",
            "status": 200,
            "times": 2,
            "body": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-haiku-5-5",
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "content": [{"type": "text", "text": json.dumps(draft), "citations": None}],
                "usage": {"input_tokens": 1, "output_tokens": 1},
            },
        }
    )


def commands(house: House) -> list[tuple[str, ...]]:
    """What an operator types, with canaries in it."""
    new = house.canaries
    refuse(house, "mixpanel", "/export", 400)
    sheet = house.folder.parent / "accounts.csv"
    sheet.write_text(f"id,name,csm\nacct_1001,Acme,{new.address('a CSV file')}\n", "utf-8")
    given = json.dumps({"account": new.address("an argument of `handrail tool`")})
    return [
        ("accounts", "import", str(sheet)),
        ("tool", "query_events", given),
        ("sync", "--days", "2"),
        ("accounts", "sentiment", "acct_1001", "2", "--note", new.text("a note that is typed")),
        ("export-user", new.address("an id that is typed")),
        ("doctor",),
        ("brief",),
        ("status", "--json"),
    ]


@pytest.mark.parametrize("log_format", ["text", "json"] if FULL else ["text"])
async def test_nothing_personal_is_kept_or_said_in_any_run(
    house: House, log_format: str, promise: Promise
) -> None:
    house.log_format = log_format
    bad_writer(house)
    async with watched(house) as leaks:
        killed = house.start("agent", "run")
        async with asyncio.timeout(240):
            while len(house.standins.mails) < 3 and killed.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert killed.returncode == -signal.SIGKILL, house.said()
        leaks.extend(on_disk(house.folder))
        bad_neighbours(house)
        async with served(house) as visitor:
            night = house.start("agent", "run")
            await visitor.ask_for_people()
            await visitor.post()
            await visitor.call_tools()
            assert await asyncio.to_thread(night.wait, 240) == 0, house.said()
            # Nobody was mailed while SendGrid kept its lists to itself: the night is asked again, and
            # ends too soon if it was the addresses that came too late.
            late(house, "mixpanel", "/engage", MIXPANEL_PATIENCE)
            late(house, "sendgrid", "/mail/send")
            assert await asyncio.to_thread(house.run, "agent", "run") in {0, 1}, house.said()
            assert await asyncio.to_thread(house.run, "agent", "run") == 0, house.said()
            assert await visitor.tell_of_mails(house.standins, house.settings.now) == 200  # type: ignore[arg-type]
            await visitor.look()
            for command in commands(house)[: None if FULL else 3]:
                await asyncio.to_thread(house.run, *command)
        house.backup()

    leaks += on_disk(house.folder)
    prompts = hits(json.dumps(house.standins.prompts).encode(), "a prompt")
    assert sorted({*leaks, *visitor.leaks, *prompts}) == []
    planted = house.canaries.planted
    assert len(planted) >= 60
    assert len(house.standins.mails) >= 10, "people were mailed"
    assert house.standins.faults.waiting == [], "each happened"
    assert _not_guessed(house) == []
    files = len(house.seen)
    promise(
        f"personal data on disk, in logs, pages, answers, metrics and prompts ({log_format} logs): "
        f"0 hits of {len(planted)} canaries in {files} files, looked at {house.looks} times, "
        f"and {visitor.answers} answers"
    )


def _not_guessed(house: House) -> list[str]:
    """Addresses and ids whose hash stands anywhere on the disk: nobody with a list may find a person."""
    data = b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
    words = {each[:16] for each in re.findall(rb"[0-9a-f]{16,}", data)}
    people = {*house.canaries.addresses(), *house.standins.profiles}
    people |= {str(each["$email"]) for each in house.standins.profiles.values() if "$email" in each}
    found = []
    for person in people if FULL else sorted(people)[::5]:
        found += [f"{person}: {each.hex()}" for each in guessed(person) if each.hex()[:16].encode() in words]
    for person in sorted(people)[:: 10 if FULL else 100]:
        found += [f"{person}: raw" for digest in guessed(person) if digest[:8] in data]
    return found


def test_the_search_for_hashes_would_find_one(tmp_path: Path, acme_folder: Path) -> None:
    canaries = Canaries()
    address = canaries.address("somebody")
    (tmp_path / "kept").write_bytes(b"..." + [*guessed(address)][2].hex().encode())

    class Standins:
        profiles: dict[str, dict[str, str]] = {}  # noqa: RUF012

    made = House(tmp_path, Standins(), None, canaries)  # type: ignore[arg-type]
    assert {each.partition(":")[0] for each in _not_guessed(made)} == {address}

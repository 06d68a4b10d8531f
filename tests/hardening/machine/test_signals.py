"""SIGTERM, and two of everything on one data directory."""

import asyncio
import signal
import socket
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from handrail.settings import Settings
from standin.state import Standin
from tests.agent.test_kill import mails_arrive
from tests.hardening.conftest import Promise
from tests.hardening.machine.conftest import PEOPLE, Run, broken_promises, deliveries, one_sentence, start

SLOW = {"neighbour": "sendgrid", "route": "/mail/send", "fault": "answer_late", "seconds": 0.5}


async def test_a_night_that_is_asked_to_end_lets_its_mails_arrive_and_goes_on_at_the_next_start(
    settings: Settings,
    standins: Standin,
    environment: dict[str, str],
    handrail: Run,
    tmp_path: Path,
    promise: Promise,
) -> None:
    standins.faults.add(SLOW)
    first = start("agent", "run", "--json", environment=environment, folder=tmp_path)
    await mails_arrive(standins, first, 2)
    first.send_signal(signal.SIGTERM)
    _, said = await asyncio.to_thread(first.communicate, timeout=60)
    left = await deliveries(settings)
    standins.faults.clear()
    second = await asyncio.to_thread(handrail, "agent", "run", "--json")

    assert first.returncode == 1
    assert one_sentence(said.decode()), said.decode()
    assert {each.status.value for each in left} == {"sent"}, "none is unclear"
    assert 2 <= len(left) < PEOPLE
    assert second.returncode == 0, second.stderr
    assert await broken_promises(settings, standins) == []
    promise(f"SIGTERM in a night: {len(left)} mails on their way, 0 unclear, 0 twice, the night went on")


async def test_the_scheduler_and_a_sync_end_when_they_are_asked_to(
    standins: Standin, environment: dict[str, str], tmp_path: Path
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "export", "fault": "stall", "seconds": 30})
    for arguments, code in ((("agent", "start"), 0), (("sync", "--json"), 1)):
        standins.requests.clear()
        process = start(*arguments, environment=environment, folder=tmp_path)
        async with asyncio.timeout(60):
            while not any("export" in each["path"] for each in standins.requests):
                assert process.poll() is None
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == code, said.decode()
        assert one_sentence(said.decode().replace("\n ", " ")), said.decode()


@pytest.mark.sqlite("a data directory has one worker")
async def test_two_nights_and_a_server_on_one_directory_mail_nobody_twice(
    settings: Settings, standins: Standin, environment: dict[str, str], handrail: Run, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start("serve", "--port", str(port), environment=environment, folder=tmp_path)
    try:
        async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/readyz")
                    break
                except httpx2.TransportError:
                    assert server.poll() is None
                    await asyncio.sleep(0.05)
        nights = [start("agent", "run", "--json", environment=environment, folder=tmp_path) for _ in "ab"]
        said = [(await asyncio.to_thread(each.communicate, timeout=90))[1].decode() for each in nights]
        busy = await asyncio.to_thread(handrail, "restore", "any.zip", "--replace")
    finally:
        server.send_signal(signal.SIGTERM)
        _, last = await asyncio.to_thread(server.communicate, timeout=60)

    assert answer.status_code == 200
    assert sorted(each.returncode for each in nights) == [0, 2]
    loser = said[0 if nights[0].returncode else 1]
    assert "Another night is running on this data directory" in loser
    assert one_sentence(loser)
    assert set(Counter(mail["to"] for mail in standins.mails).values()) == {1}
    assert await broken_promises(settings, standins) == []
    assert "Another Handrail process works on" in busy.stderr
    assert server.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in last.decode()

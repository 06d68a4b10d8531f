"""Two hundred clients that take their time: the others are answered meanwhile, and these are hung up on."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.hardening.conftest import Promise
from tests.hardening.doors.asking import ADMIN, bearer, settings_of
from tests.web.dashboard import served
from web import bodies, listening

CLIENTS = 200
HEAD = b"Host: 127.0.0.1\r\n"
TOKEN = f"Authorization: Bearer {ADMIN}\r\n".encode()
OPENINGS: dict[str, tuple[bytes, bytes]] = {
    "says nothing": (b"", b""),
    "begins a line": (b"GET / HT", b"T"),
    "never ends its headers": (b"GET / HTTP/1.1\r\n" + HEAD, b"X-A: b\r\n"),
    "promises a body": (b"POST /u/x HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n", b"x"),
    "sends it in pieces": (
        b"POST /u/x HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ),
    "posts to the hook": (
        b"POST /hooks/sendgrid HTTP/1.1\r\n" + HEAD + b"Content-Length: 900000\r\n\r\n",
        b"[" * 10,
    ),
    "talks to the tools": (b"POST /mcp HTTP/1.1\r\n" + HEAD + TOKEN + b"Content-Length: 5000\r\n\r\n", b"{"),
    "has no token": (b"POST /api/mixpanel/sync HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n", b"x"),
    "asks again and dawdles": (b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\nGET / HT", b"T"),
}
TICK = 0.1
OTHERS = ("/healthz", "/api/runs", "/settings", "/t/x", "/static/handrail.css")


async def dawdle(port: int, opening: bytes, drip: bytes, begun: asyncio.Event) -> bytes:
    """Send a little now and then until the server hangs up; answers all that it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(opening)
    begun.set()
    heard = b""
    try:
        while True:
            try:
                async with asyncio.timeout(TICK):
                    piece = await reader.read(65_536)
            except TimeoutError:
                writer.write(drip)
                continue
            if not piece:
                return heard
            heard += piece
    except ConnectionError:
        return heard
    finally:
        writer.close()


async def test_two_hundred_slow_clients_hold_nobody_up_and_are_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Promise
) -> None:
    monkeypatch.setattr(listening, "SECONDS_TO_ASK", 2.0)
    monkeypatch.setattr(bodies, "SECONDS", 2.0)
    kinds = list(OPENINGS)
    async with served(settings_of(tmp_path)) as base:
        port = urlsplit(base).port or 0
        begun = [asyncio.Event() for _ in range(CLIENTS)]
        slow = [
            asyncio.create_task(dawdle(port, *OPENINGS[kinds[at % len(kinds)]], begun[at]))
            for at in range(CLIENTS)
        ]
        await asyncio.gather(*(each.wait() for each in begun))
        answered: list[int] = []
        async with httpx2.AsyncClient(
            trust_env=False, base_url=base, headers=dict([bearer(ADMIN)])
        ) as client:
            for _ in range(4):
                answered += [(await client.get(path)).status_code for path in OTHERS]
        async with asyncio.timeout(60):
            heard = await asyncio.gather(*slow)

    statuses = {kind: {each[9:12] for each in heard[at :: len(kinds)]} for at, kind in enumerate(kinds)}
    assert answered == [200, 200, 200, 404, 200] * 4
    assert (
        statuses["says nothing"] == statuses["begins a line"] == statuses["never ends its headers"] == {b""}
    )
    assert statuses["promises a body"] == statuses["sends it in pieces"] == {b"408"}
    assert statuses["posts to the hook"] == statuses["talks to the tools"] == {b"408"}
    assert statuses["has no token"] == {b"401"}
    assert statuses["asks again and dawdles"] == {b"200"}
    promise(
        f"slow clients: {len(heard)} of {CLIENTS} were hung up on, {len(answered)} others answered meanwhile"
    )


async def ask_on_and_on(writer: asyncio.StreamWriter, asked: bytes) -> None:
    while True:
        writer.write(asked * 50)
        await writer.drain()


async def test_who_never_reads_the_answer_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SECONDS_TO_READ", 1.0)
    monkeypatch.setattr(listening, "SECONDS_TO_ASK", 1.0)
    asked = b"GET /openapi.json HTTP/1.1\r\n" + HEAD + TOKEN + b"\r\n"
    async with served(settings_of(tmp_path)) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(base).port, limit=1024)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_on_and_on(writer, asked), 60)
        writer.close()
        del reader


async def test_who_asks_one_thing_after_the_other_is_not_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SECONDS_TO_ASK", 1.0)
    async with served(settings_of(tmp_path)) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(base).port)
        for _ in range(30):
            writer.write(b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n")
            async with asyncio.timeout(60):
                assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(TICK):
                        await reader.read()
        writer.close()


HALF = (
    b"POST /api/mixpanel/sync HTTP/1.1\r\n" + HEAD + TOKEN + b"Content-Length: 500\r\n\r\n{",
    b"POST /settings/sending HTTP/1.1\r\n" + HEAD + TOKEN + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"POST /hooks/sendgrid HTTP/1.1\r\n" + HEAD + b"Content-Length: 500\r\n\r\n[",
    b"POST /mcp HTTP/1.1\r\n" + HEAD + TOKEN + b"Content-Length: 500\r\n\r\n{",
    b"GET /accounts/x HTTP/1.1\r\n" + HEAD + TOKEN + b"\r\n",
)


async def test_who_leaves_in_the_middle_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(settings_of(tmp_path)) as base:
        for half in HALF * 4:
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(base).port)
            writer.write(half)
            await writer.drain()
            async with httpx2.AsyncClient(trust_env=False) as client:  # by then the half has been read
                assert (await client.get(f"{base}/healthz")).status_code == 200
            writer.close()
            await writer.wait_closed()
    # Closing the server waits for every request.

    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []

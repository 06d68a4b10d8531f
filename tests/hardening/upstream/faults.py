"""Twenty-two things that a neighbour or the way to it can do, each to every request that meets it."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from tests.hardening.upstream import certificate
from tests.hardening.upstream.proxy import Answer, Proxy, Spoil, Way, spoiling

CANARY = "zqx ana@acme.example https://mixpanel.example/?token=zqx"
"""Stands in everything that the proxy makes up; none of it may reach an operator."""

GIGABYTE = 1 << 30
MEGABYTE = 1 << 20
ELSEWHERE = "/zqx"

Where = Literal["before", "on the way", "arrived"]


@dataclass(frozen=True)
class Fault:
    """`mail` is what becomes of a mail that meets it, `reaches` whether the mail service got that mail."""

    spoil: Spoil
    mail: Literal["sent", "unknown", "planned", "failed"] = "unknown"
    reaches: bool = False
    harmless: bool = False
    """The answer is whole and right all the same."""
    slow: bool = False
    """It ends at a deadline, so deadlines are made short."""
    heavy: bool = False
    """Memory is measured."""
    way: Literal["plain", "accept", "tls", "dns", "refused"] = "plain"


def made_up(status: str, body: bytes, *headers: bytes) -> bytes:
    return Answer([b"HTTP/1.1 " + status.encode(), b"content-type: application/json", *headers], body).whole()


SAID = json.dumps({"error": CANARY}).encode()


async def stall_before_headers(way: Way) -> None:
    await way.ask()
    await way.hold()


async def stall_in_body(way: Way) -> None:
    answer = await way.ask()
    await way.send(answer.head(more=100) + answer.body[: len(answer.body) // 2])
    await way.hold()


async def trickle(way: Way) -> None:
    """A byte in a while, which no limit of single operations sees: in an export, or in an endless head."""
    answer = await way.ask()
    await way.send(answer.head(more=MEGABYTE) if "/export" in way.path else answer.lines[0] + b"\r\nx-zqx: ")
    while True:
        await way.send(b"z")
        await asyncio.sleep(0.05)


async def reset_on_accept(way: Way) -> None:
    way.reset()


async def reset_after_request(way: Way) -> None:
    await way.ask()
    way.reset()


async def reset_in_body(way: Way) -> None:
    answer = await way.ask()
    await way.send(answer.head(more=100) + answer.body[: len(answer.body) // 2])
    await asyncio.sleep(0.05)  # let it be read: a reset overtakes what is on its way
    way.reset()


async def short_body(way: Way) -> None:
    answer = await way.ask()
    await way.send(answer.head(more=1024) + answer.body)


async def slow_close(way: Way) -> None:
    await way.send((await way.ask()).whole())
    await way.hold()


async def too_many(way: Way) -> None:
    await way.send(made_up("429 Too Many Requests", SAID, b"retry-after: 1"))


async def too_many_for_ever(way: Way) -> None:
    await way.send(made_up("429 Too Many Requests", SAID, b"retry-after: " + b"9" * 400 + b"\xb2"))


async def unavailable(way: Way) -> None:
    await way.send(made_up("503 Service Unavailable", SAID))


async def html(way: Way) -> None:
    page = f"<html><body>{CANARY}</body></html>".encode()
    await way.send(Answer([b"HTTP/1.1 200 OK", b"content-type: text/html"], page).whole())


async def wrong_shape(way: Way) -> None:
    """JSON that is right, and nested deeper than any reader of JSON goes."""
    await way.send(made_up("200 OK", b'{"results":' + b"[" * 200_000 + b"]" * 200_000 + b"}"))


async def truncated(way: Way) -> None:
    answer = await way.ask()
    answer.body = answer.body[: len(answer.body) // 2]
    await way.send(answer.whole())


@cache
def bomb() -> bytes:
    """A gigabyte of blanks in one megabyte."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        for _ in range(GIGABYTE // MEGABYTE):
            out.write(b" " * MEGABYTE)
    return packed.getvalue()


async def gzip_bomb(way: Way) -> None:
    await way.send(made_up("200 OK", bomb(), b"content-encoding: gzip"))


def events(size: int) -> Iterator[bytes]:
    """So many bytes of true lines of an export, a megabyte at a time."""
    made = number = 0
    while made < size:
        lines = b"".join(_event(number + each) for each in range(1000))
        number, made = number + 1000, made + len(lines)
        yield lines


def _event(number: int) -> bytes:
    properties: dict[str, Any] = {
        "time": 1773835200 + number % 3600,  # noon of the crowd's day
        "distinct_id": f"person-{number % 3}",
        "$insert_id": f"made-{number}",
        "company_id": "company-0",
        "padding": "x" * 800,
    }
    return json.dumps({"event": "Page Viewed", "properties": properties}).encode() + b"\n"


async def gigabyte(way: Way) -> None:
    """An export of a gigabyte is one; to any other question so much is no answer."""
    await way.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    if "/export" in way.path:
        for lines in events(GIGABYTE):
            await way.send(lines)
        return
    await way.send(b"[")
    for _ in range(GIGABYTE // MEGABYTE):
        await way.send(b" " * MEGABYTE)


async def empty(way: Way) -> None:
    await way.send(made_up("200 OK", b""))


async def loop(way: Way) -> None:
    """The same page for ever; where there are no pages, the announcement of an answer for ever."""
    if "/engage" in way.path:
        people = [{"$distinct_id": f"person-{each}", "$properties": {}} for each in range(3)]
        page = {"results": people, "page_size": 3, "session_id": "zqx"}
        await way.send(made_up("200 OK", json.dumps(page).encode()))
    elif "/suppression" in way.path:
        entries = [{"email": f"zqx{each}@acme.example", "created": 1} for each in range(500)]
        await way.send(made_up("200 OK", json.dumps(entries).encode()))
    else:
        await way.ask()
        while True:
            await way.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.01)


async def redirect(way: Way) -> None:
    host = next(line for line in way.head.split(b"\r\n") if line.lower().startswith(b"host:"))
    elsewhere = b"location: http://" + host[5:].strip() + ELSEWHERE.encode()
    await way.send(made_up("307 Temporary Redirect", SAID, elsewhere))


async def never(_way: Way) -> None:
    raise AssertionError("Nobody gets here.")


FAULTS: dict[str, Fault] = {
    "stall before headers": Fault(stall_before_headers, reaches=True, slow=True),
    "stall in the body": Fault(stall_in_body, reaches=True, slow=True),
    "trickle": Fault(trickle, reaches=True, slow=True),
    "reset on accept": Fault(reset_on_accept, way="accept"),
    "reset after the request": Fault(reset_after_request, reaches=True),
    "reset in the body": Fault(reset_in_body, reaches=True),
    "short body": Fault(short_body, reaches=True),
    "slow close": Fault(slow_close, mail="sent", reaches=True, harmless=True),
    "429": Fault(too_many, mail="planned"),
    "429 for ever": Fault(too_many_for_ever, mail="planned"),
    "503": Fault(unavailable),
    "HTML": Fault(html),
    "wrong shape": Fault(wrong_shape),
    "truncated": Fault(truncated, mail="sent", reaches=True),  # a 202 has no body that could be cut
    "gzip bomb": Fault(gzip_bomb, heavy=True),
    "a gigabyte": Fault(gigabyte, heavy=True),
    "empty": Fault(empty),
    "the same page for ever": Fault(loop, reaches=True, slow=True),
    "no such host": Fault(never, mail="planned", way="dns"),
    "connection refused": Fault(never, mail="planned", way="refused"),
    "a certificate of its own": Fault(never, mail="planned", way="tls"),
    "redirect": Fault(redirect),
}


@asynccontextmanager
async def met(fault: Fault, stand_ins: str, route: str = "") -> AsyncIterator[Proxy]:
    """The stand-ins behind this fault, at the proxy's `base_url`."""
    tls = certificate.own() if fault.way == "tls" else None
    async with spoiling(
        stand_ins, fault.spoil, route=route, on_accept=fault.way in ("accept", "tls"), tls=tls
    ) as proxy:
        if fault.way == "dns":
            proxy.base_url = "http://zqx.invalid"
        if fault.way == "refused":
            proxy.base_url = "http://127.0.0.1:9"
        yield proxy
        assert [path for path in proxy.paths if ELSEWHERE in path] == []

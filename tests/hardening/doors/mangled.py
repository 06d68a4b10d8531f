"""Messages that no client should send: wrong types, odd texts, cut, nested, doubled, not JSON at all."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tools import catalogue

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "odd", "version": "1"},
}
DEEP = 3000
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    1e308,
    10**30,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\u0000\ufeff",
    "../../etc/passwd",
    "ui://handrail/../../secret",
    "file:///etc/passwd",
    "{{7*7}}",
    "%s%n%d",
    "'; drop table deliveries; --",
    "<script>alert(1)</script>",
    "x" * 20_000,
    [],
    {},
    [None],
    {"": {"": ""}},
    ["x"] * 500,
    {"__proto__": {"admin": True}},
    {"$ref": "#/"},
    "2026-13-45",
    "9" * 400,
)


def good(number: int | str, method: str = "tools/list", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": META}}


def _bases() -> list[dict[str, Any]]:
    tools = [
        good(1, "tools/call", name=each.name, arguments={"account": "Acme", "period": "last_7_days"})
        for each in catalogue()
    ]
    opening = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "odd", "version": "1"},
    }
    return [
        *tools,
        good(2),
        good(3, "server/discover"),
        good(4, "prompts/get", name="account_health_check", arguments={"account": "Acme"}),
        good(5, "prompts/list"),
        good(6, "resources/read", uri="ui://handrail/review"),
        good(7, "resources/templates/list"),
        good(
            8,
            "completion/complete",
            ref={"type": "ref/prompt", "name": "account_health_check"},
            argument={"name": "account", "value": "A"},
        ),
        {"jsonrpc": "2.0", "id": 9, "method": "initialize", "params": opening},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 10, "method": "ping"},
        {"jsonrpc": "2.0", "id": 11, "method": "logging/setLevel", "params": {"level": "debug"}},
        {"jsonrpc": "2.0", "id": 12, "result": {}},
        {"jsonrpc": "2.0", "id": 13, "error": {"code": -32000, "message": "no"}},
    ]


def mangled(count: int, *, seed: int = 8) -> Iterator[bytes]:
    """`count` messages, each spoiled in its structure or in its bytes."""
    rng = random.Random(seed)
    bases = _bases()
    for _ in range(count):
        message = copy.deepcopy(rng.choice(bases))
        for _ in range(rng.randint(1, 3)):
            message = _otherwise(message, rng)
        raw = json.dumps(message).encode()
        yield rng.choice(BYTES)(raw, rng) if rng.random() < 0.35 else raw


def _otherwise(message: Any, rng: random.Random) -> Any:
    """The message with one of its values changed, lost, or one more beside it."""
    places = list(_places(message))
    if not places:
        return message
    holder, key = rng.choice(places)
    match rng.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(["", "x", "_meta", "id", "method", "\ud800", "a" * 500])] = copy.deepcopy(
                rng.choice(ODD)
            )
        case 2:
            holder[key] = [holder[key]]
        case _:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return message


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inside):
        yield value, key
        yield from _places(each)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(len(raw))]


def _flipped(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(changed).replace(b"\n", b" ").replace(b"\r", b" ")


def _deep(raw: bytes, rng: random.Random) -> bytes:
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    deep = opening * DEEP + b"1" + closing * rng.choice([0, DEEP])
    return rng.choice(
        [deep, raw.replace(b'"Acme"', deep), raw.replace(b'{"account"', b'{"deep":' + deep + b',"account"')]
    )


def _number(raw: bytes, rng: random.Random) -> bytes:
    return raw.replace(
        b'"Acme"', rng.choice([b"9" * 5000, b"NaN", b"Infinity", b"-0", b"1e999", b"0x10", b"01"])
    )


def _twice(raw: bytes, rng: random.Random) -> bytes:
    return rng.choice(
        [
            b"[" + raw + b"," + raw + b"]",
            raw + raw,
            raw.replace(b'"method"', b'"method": "ping", "method"'),
            raw.replace(b'"id"', b'"id": 99, "id"'),
            b"[]",
        ]
    )


def _no_json(raw: bytes, rng: random.Random) -> bytes:
    return (
        rng.choice(
            [
                b"\xff\xfe" + raw,
                b"\xef\xbb\xbf" + raw,
                raw.decode().encode("utf-16"),
                b"\x00" * 50,
                b"GET / HTTP/1.1",
                b"<?xml version='1.0'?><a/>",
                b"Content-Length: 5",
                b"null",
                b"5",
                b'""',
                b"{}",
                b"{" * 100,
            ]
        )
        .replace(b"\n", b" ")
        .replace(b"\r", b" ")
    )


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut,
    _flipped,
    _deep,
    _number,
    _twice,
    _no_json,
)

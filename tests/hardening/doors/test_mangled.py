"""Malformed messages of MCP: none breaks the server or gets a traceback; the next good one is answered."""

import asyncio
import json
import logging
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from handrail.context import open_context
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.doors.asking import Answer, ask, opened, settings_of
from tests.hardening.doors.mangled import good, mangled

ROOT = Path(__file__).parents[3]
JSON = ("content-type", "application/json")
BOTH = ("accept", "application/json, text/event-stream")
ODD_HEADERS: tuple[tuple[str, str], ...] = (
    ("mcp-protocol-version", "2099-01-01"),
    ("mcp-protocol-version", "\u00ff"),
    ("mcp-method", "tools/fly"),
    ("mcp-name", "x" * 5000),
    ("mcp-session-id", "not-there"),
    ("last-event-id", "-1"),
    ("accept", "text/html"),
    ("content-type", "application/json; charset=utf-32"),
    ("content-encoding", "gzip"),
)
WAIT = 60


def good_call(number: str) -> tuple[list[tuple[str, str]], bytes]:
    headers = [JSON, BOTH, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]
    return headers, json.dumps(good(number)).encode()


async def well(app: FastAPI, number: str) -> bool:
    headers, raw = good_call(number)
    answer = await asyncio.wait_for(ask(app, "POST", "/mcp", *headers, pieces=[raw]), WAIT)
    return answer.status == 200 and len(json.loads(answer.body)["result"]["tools"]) >= 15


def headers_for(raw: bytes, rng: random.Random, session: str) -> list[tuple[str, str]]:
    """Those of today's protocol, those of the one before in a session, or odd ones."""
    if rng.random() < 0.4:
        return [JSON, BOTH, ("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)]
    try:
        message = json.loads(raw)
        method, name = message["method"], message["params"].get("name", "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        method, name = "tools/call", "query_events"
    told = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", str(method)), ("mcp-name", str(name))]
    odd = [rng.choice(ODD_HEADERS)] if rng.random() < 0.2 else []
    return [each for each in (JSON, BOTH, *told) if not odd or each[0] != odd[0][0]] + odd


async def begun(app: FastAPI) -> str:
    """A session of the protocol of before."""
    opening = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}
    answer = await ask(app, "POST", "/mcp", JSON, BOTH, pieces=[json.dumps(hello).encode()])
    return answer.headers["mcp-session-id"]


async def test_mangled_messages_over_http_break_nothing(
    tmp_path: Path, promise: Promise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    total = tried(5000)
    rng = random.Random(4)
    statuses: Counter[int] = Counter()
    broken: list[tuple[bytes, int, str]] = []
    async with opened(settings_of(tmp_path, api_tokens=None, send_mode="auto")) as (app, _):
        session = await begun(app)
        for at, raw in enumerate(mangled(total)):
            headers = headers_for(raw, rng, session)
            answer: Answer = await asyncio.wait_for(ask(app, "POST", "/mcp", *headers, pieces=[raw]), WAIT)
            statuses[answer.status] += 1
            if answer.status >= 500 or "Traceback" in answer.text or "/site-packages/" in answer.text:
                broken.append((raw[:300], answer.status, answer.text[:300]))
            if at % 50 == 0:
                assert await well(app, f"good-{at}")
        ping = json.dumps({"jsonrpc": "2.0", "id": "last", "method": "ping"}).encode()
        older = [JSON, BOTH, ("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)]
        still = await asyncio.wait_for(ask(app, "POST", "/mcp", *older, pieces=[ping]), WAIT)
        assert await well(app, "last")

    crashes = [each for each in caplog.records if each.exc_info and each.levelno >= logging.WARNING]
    assert broken == []
    assert (still.status, '"last"' in still.text) == (200, True), "the session is still there"
    assert [
        (each.name, each.getMessage(), str((each.exc_info or ("", ""))[1])[:200]) for each in crashes
    ] == []
    assert sum(statuses[status] for status in (400, 404, 406, 415)) > total / 4, "most are refused as such"
    promise(f"mangled MCP messages over HTTP: 0 of {total} broke anything")


def environment(data_dir: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "HANDRAIL_DATA_DIR": str(data_dir),
        "HANDRAIL_DATABASE_URL": databases.address(data_dir),
        "HANDRAIL_SECRET_KEY": "a secret of the tests, long enough",
    }


async def answered(process: asyncio.subprocess.Process, wanted: str) -> dict[str, Any]:
    """Read on to the answer with this id; every line on the way has to be a message of the protocol."""
    assert process.stdout is not None
    while True:
        line = await process.stdout.readline()
        assert line, "the server is gone"
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        if message.get("id") == wanted:
            return dict(message)


async def test_mangled_messages_over_stdio_break_nothing(tmp_path: Path, promise: Promise) -> None:
    total = tried(5000)
    errors = tmp_path / "stderr"
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "handrail.cli",
            "mcp",
            cwd=tmp_path,
            env=environment(tmp_path / "data"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=64 << 20,
        )
        assert process.stdin is not None
        try:
            good_ones = 0
            for at, raw in enumerate(mangled(total, seed=15)):
                process.stdin.write(raw.replace(b"\n", b" ") + b"\n")
                if at % 25 == 24 or at == total - 1:
                    process.stdin.write(json.dumps(good(f"good-{at}")).encode() + b"\n")
                    answer = await asyncio.wait_for(answered(process, f"good-{at}"), WAIT)
                    assert len(answer["result"]["tools"]) >= 15
                    good_ones += 1
            process.stdin.close()
            assert await asyncio.wait_for(process.wait(), WAIT) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    said = errors.read_text("utf-8", "replace")
    assert "Traceback" not in said, said[-3000:]
    assert "a secret of the tests" not in said
    promise(f"mangled MCP messages over stdio: 0 of {total} broke anything, {good_ones} good ones answered")


async def test_a_call_without_an_id_is_not_made(tmp_path: Path) -> None:
    """It could get no answer; that it was asked for is no reason to do it, or to note it as done."""
    call = good("x", "tools/call", name="control_sending", arguments={"action": "pause"})
    del call["id"]
    async with opened(settings_of(tmp_path, api_tokens=None, send_mode="auto")) as (app, _):
        session = await begun(app)
        for headers in (
            [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)],
            [
                ("mcp-protocol-version", "2026-07-28"),
                ("mcp-method", "tools/call"),
                ("mcp-name", "control_sending"),
            ],
        ):
            await ask(app, "POST", "/mcp", JSON, BOTH, *headers, pieces=[json.dumps(call).encode()])
        assert await well(app, "after")
    # The record is whole once the server has closed.
    async with open_context(settings_of(tmp_path)) as ctx, ctx.store.read() as work:
        assert await work.deliveries.pauses() == []
        assert await work.calls.newest(10) == []


@pytest.mark.parametrize("odd", [5, ["Acme"], "Acme", True])
async def test_arguments_of_a_prompt_that_are_no_object_are_invalid_parameters(
    odd: object, tmp_path: Path
) -> None:
    raw = json.dumps(good(1, "prompts/get", name="account_health_check", arguments=odd)).encode()
    async with opened(settings_of(tmp_path, api_tokens=None)) as (app, _):
        older = ("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", await begun(app))
        answer = await ask(app, "POST", "/mcp", JSON, BOTH, *older, pieces=[raw])

    assert "-32602" in answer.text
    assert "have to be an object" in answer.text

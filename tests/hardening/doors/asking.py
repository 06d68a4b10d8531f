"""Requests exactly as an attacker spells them, put to the app itself, and every door that there is."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.settings import Settings
from mcp_server.server import create_server
from tests import databases
from tests.hardening.counts import FULL
from web.app import create_app

T = TypeVar("T")
READ, APPROVE, ADMIN = "read-" + "r" * 20, "approve-" + "a" * 20, "admin-" + "d" * 20
TOKENS = SecretStr(f"ana:read:{READ},ben:approve:{APPROVE},eve:admin:{ADMIN}")
HOST = "127.0.0.1:8321"
FILLED = {"night": "2026-11-19", "sync_id": "1", "alert_id": "1" * 12, "token": "t" * 22}
"""What stands for the parameters of paths; "x" for the others."""


def settings_of(data_dir: Path, **changes: Any) -> Settings:
    """An installation with tokens and no project: what the doors decide needs nothing behind them."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "database_url": databases.address(data_dir),
        "secret_key": SecretStr("a secret of the tests, long enough"),
        "api_tokens": TOKENS,
        "api_rate": 0,
    }
    return Settings.load(_env_file=None, **{**values, **changes})


def part(of: Sequence[T], at: int) -> Sequence[T]:
    """All of it with HANDRAIL_HARDENING=full; in the suite a third, another third at the next place."""
    return of if FULL else of[at % 3 :: 3]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[FastAPI, ToolContext]]:
    app = create_app(settings, create_server)
    async with app.router.lifespan_context(app):
        yield app, app.state.ctx


@dataclass(frozen=True)
class Door:
    """One method of one route; `template` is its path as the app names it."""

    method: str
    template: str

    @property
    def path(self) -> str:
        """The path with something in place of each parameter."""
        parts = self.template.split("{")
        filled = [FILLED.get((name := part.partition("}"))[0], "x") + name[2] for part in parts[1:]]
        return parts[0] + "".join(filled)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def doors_of(app: FastAPI) -> list[Door]:
    """Every method of every route, as the app itself keeps them."""
    return [
        Door(method, route.path)
        for route in _routes(app.router.routes)
        for method in sorted(route.methods or {"GET", "POST", "DELETE"})
    ]


def queries_of(app: FastAPI) -> dict[str, list[str]]:
    """What each route takes in its query, by the route's path; pages, too, which no document lists."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for route in _routes(app.router.routes):
        taken = get_flat_params(route.dependant) if isinstance(route, APIRoute) else []
        found[route.path] |= {each.alias for each in taken if isinstance(each.field_info, Query)}
    return {path: sorted(names) for path, names in found.items()}


def _routes(routes: Sequence[Any]) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)
        else:
            yield route


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def is_problem(self) -> bool:
        """Whether it is our error document, whole."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        told = json.loads(self.body)
        return told["status"] == self.status and bool(told["detail"]) and told["type"] == "about:blank"


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


async def ask(
    app: FastAPI,
    method: str,
    target: str,
    *headers: tuple[str, str],
    pieces: Sequence[bytes] = (),
    host: str | None = HOST,
) -> Answer:
    """One request, put to the app as a server would: headers may be missing, or there twice."""
    raw_path, _, query = target.partition("?")
    given = [*([("host", host)] if host is not None else []), *headers]
    waiting: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": at < len(pieces)}
        for at, piece in enumerate(pieces, 1)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]
    told: list[dict[str, Any]] = []

    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            done.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii", "replace"),
        "root_path": "",
        "query_string": query.encode("ascii", "replace"),
        "headers": [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in given],
        "server": ("127.0.0.1", 8321),
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await app(scope, receive, send)
    begun = next(each for each in told if each["type"] == "http.response.start")
    return Answer(
        begun["status"],
        {name.decode().lower(): value.decode("latin-1") for name, value in begun["headers"]},
        b"".join(each.get("body", b"") for each in told if each["type"] == "http.response.body"),
    )

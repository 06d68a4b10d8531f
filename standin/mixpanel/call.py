"""One request to Mixpanel's query side: its parameters, wherever they were put."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from standin.mixpanel.refusal import RefusalError

BASE = "/mixpanel"


@dataclass(frozen=True)
class Call:
    """`params` holds the URL's parameters overlaid by the body's: where both say something the body wins."""

    path: str
    url: str
    params: dict[str, Any]

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name)
        return default if value is None or value == "" else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise RefusalError(400, f"Missing required parameter: {name}")
        return value

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name, str(default)))
        except ValueError:
            raise RefusalError(400, f"Error in {name}: must be an integer") from None

    def most_segments(self, default: int) -> int:
        """The `limit` of a breakdown."""
        limit = self.number("limit", default)
        if not 1 <= limit <= 10_000:
            raise RefusalError(400, f"Query limit exceeds max limit of 10000 ({limit} was given)")
        return limit

    def flag(self, name: str, default: bool) -> bool:
        return self.text(name, str(default)).lower() in {"true", "1"}

    def parsed(self, name: str) -> Any:
        """A parameter that is JSON text in a URL or form, and may be JSON itself in a JSON body."""
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise RefusalError(400, f"Error in {name}: invalid JSON") from None

    def listed(self, name: str) -> list[Any] | None:
        value = self.parsed(name)
        if value is None or isinstance(value, list):
            return value
        raise RefusalError(400, f"Error in {name}: must be a JSON list")


async def read_call(request: Request) -> Call:
    params: dict[str, Any] = dict(request.query_params)
    if request.method != "GET":
        params |= await _body(request)
    path = request.url.path.removeprefix(BASE)
    url = f"{path}?{request.url.query}" if request.url.query else path
    return Call(path, url, params)


async def _body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    if "form" in kind:
        async with request.form() as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise RefusalError(400, "Invalid JSON in request body") from None
    if not isinstance(body, dict):
        raise RefusalError(400, "Request body must be a JSON object")
    return body

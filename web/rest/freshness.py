"""What lets a client keep an answer: its tag, and how old its figures are."""

import json
from datetime import datetime
from hashlib import sha256

from fastapi import Request
from fastapi.responses import Response


def kept_or_new(request: Request, response: Response, now: datetime) -> Response:
    """The answer with its tag and age, or 304 where the client has it already."""
    body = bytes(response.body)
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    as_of = json.loads(body).get("as_of")
    if as_of:
        age = (now - datetime.fromisoformat(as_of)).total_seconds()
        headers["Age"] = str(max(0, int(age)))
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _matches(given: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly."""
    return given.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in given.split(",")}

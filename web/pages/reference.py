"""The API's document as a page: nothing of it comes from another host."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from web.frame import Framed
from web.paths import root
from web.rest.document import ABOUT, examples

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request, frame: Framed) -> HTMLResponse:
    document = request.app.openapi()
    operations = [
        _shown(method.upper(), root(request.scope) + path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return frame("api.html", title="REST API", about=ABOUT, operations=operations)


def _shown(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    told = examples().get(operation["operationId"], {})
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"],
        "parameters": [
            {"name": each["name"], "in": each["in"], "description": each.get("description", "")}
            for each in operation.get("parameters", [])
        ],
        "request": _pretty(told["request"]) if "request" in told else "",
        "answer": _pretty(told["answer"]) if "answer" in told else "",
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

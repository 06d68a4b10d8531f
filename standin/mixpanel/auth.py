"""Who may ask: service accounts bound to the project, and the project token for ingestion."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any

from starlette.requests import Request

from standin.mixpanel.refusal import RefusalError


def basic(request: Request) -> tuple[str, str]:
    """User name and password of the Basic header, empty where there is none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def is_service_account(project: dict[str, Any], request: Request) -> bool:
    name, password = basic(request)
    return _same(name, project["username"]) and _same(password, project["secret"])


def is_token(project: dict[str, Any], request: Request) -> bool:
    name, password = basic(request)
    return _same(name, project["token"]) and not password


def is_project_secret(project: dict[str, Any], request: Request) -> bool:
    """The old API secret as user name with an empty password, where the world gives the project one."""
    name, password = basic(request)
    return bool(project.get("api_secret")) and _same(name, project["api_secret"]) and not password


def check_query(project: dict[str, Any], request: Request, project_id: str) -> None:
    """Queries and the export also answer the project secret, which names the project by itself."""
    if not (is_project_secret(project, request) and project_id in ("", str(project["project_id"]))):
        check(project, request, project_id)


def check(project: dict[str, Any], request: Request, project_id: str) -> None:
    """Refuse anybody but the project's service account asking for its own project."""
    if not is_service_account(project, request):
        raise RefusalError(401, "Invalid service account credentials")
    if not project_id:
        raise RefusalError(400, "Missing required parameter: project_id")
    if project_id != str(project["project_id"]):
        raise RefusalError(401, "Invalid credentials")


def _same(given: str, kept: object) -> bool:
    return secrets.compare_digest(given.encode(), str(kept).encode())

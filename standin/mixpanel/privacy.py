"""Requests to delete or hand out people's data: taken down and moved along by the clock; no data changes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin.mixpanel.call import read_call
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

MOST_IDS = 2000
STARTS, ENDS = timedelta(hours=1), timedelta(hours=24)
OAUTH_TOKEN = "gdpr-oauth-token-for-laptops-only"  # noqa: S105  # nosec B105  # a made-up one
DISCLOSURES = {"Data", "Categories", "Sources"}

Work = Callable[[Project, Request], Any]


def routes(project: Project) -> list[BaseRoute]:
    found: list[BaseRoute] = []
    for kind in ("data-deletions", "data-retrievals"):
        base = f"/api/app/{kind}/v3.0"
        methods = ["GET", "DELETE"] if kind == "data-deletions" else ["GET"]
        for slash in ("", "/"):
            found.append(Route(base + slash, _create(project, kind), methods=["POST"]))
            found.append(Route(f"{base}/{{tracking_id}}{slash}", _one(project, kind), methods=methods))
    return found


def _create(project: Project, kind: str) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            _check(project, request)
            call = await read_call(request)
            ids = call.listed("distinct_ids")
            if not ids or len(ids) > MOST_IDS or not all(isinstance(one, str) for one in ids):
                raise RefusalError(400, "distinct_ids must be a list of 1 to 2000 strings")
            law = call.text("compliance_type", "GDPR")
            disclosure = call.text("disclosure_type", "Data")
            if law not in {"GDPR", "CCPA"} or disclosure not in DISCLOSURES:
                raise RefusalError(400, "Invalid compliance_type or disclosure_type")
        except RefusalError as error:
            return _refused(error)
        now = project.state.clock.now()
        task: dict[str, Any] = {
            "status": "PENDING",
            "disclosure_type": disclosure.upper(),
            "date_requested": now.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "tracking_id": str(len(project.state.demands) + 1).rjust(19, "7"),
            "project_id": int(project.id),
            "compliance_type": law.lower(),
            "destination_url": None,
            "requesting_user": "owner@project.example",
            "distinct_id_count": len(ids),
        }
        demand = {"kind": kind, "at": now, "task": task, "distinct_ids": ids, "revoked": False}
        project.state.demands[task["tracking_id"]] = demand
        short = project.state.faults.take("mixpanel", request.url.path, {"task_id"})
        results: Any = {"task_id": task["tracking_id"]} if short else [task]
        return JSONResponse({"status": "ok", "results": results}, 201)

    return endpoint


def _one(project: Project, kind: str) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        tracking_id = request.path_params["tracking_id"]
        demand = project.state.demands.get(tracking_id)
        try:
            _check(project, request)
            if demand is None or demand["kind"] != kind:
                return _answer({"status": "NOT_FOUND", "distinct_ids": []})
            state = _state(project, demand)
            if request.method == "DELETE":
                if state != "PENDING":
                    raise RefusalError(405, "Task can no longer be cancelled")
                demand["revoked"] = True
                return Response(status_code=204)
        except RefusalError as error:
            return _refused(error)
        if kind == "data-deletions":
            told = {"tracking_id", "requesting_user", "compliance_type", "project_id", "date_requested"}
            task = {name: value for name, value in demand["task"].items() if name in told}
            return _answer(task | {"status": state, "distinct_ids": demand["distinct_ids"]})
        link = f"https://export.example/{tracking_id}" if state == "SUCCESS" else ""
        return _answer({"status": state, "results": link, "distinct_ids": demand["distinct_ids"]})

    return endpoint


def _state(project: Project, demand: dict[str, Any]) -> str:
    """Taken down at once, worked on after an hour, done after a day."""
    if demand["revoked"]:
        return "REVOKED"
    age = project.state.clock.now() - demand["at"]
    return "PENDING" if age < STARTS else "STARTED" if age < ENDS else "SUCCESS"


def _check(project: Project, request: Request) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    known = str(project.settings.get("gdpr_token", OAUTH_TOKEN))
    if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), known.encode()):
        raise RefusalError(401, "Invalid OAuth token")
    if request.query_params.get("token") != project.settings["token"]:
        raise RefusalError(403, "Invalid project token")


def _answer(results: dict[str, Any]) -> Response:
    return JSONResponse({"status": "ok", "results": results})


def _refused(error: RefusalError) -> Response:
    return JSONResponse({"status": "error", "error": error.message}, error.status)

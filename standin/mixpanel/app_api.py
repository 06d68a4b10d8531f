"""The app API: who am I, and what people saved, described and noted in the project."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin.mixpanel import auth, privacy, saved
from standin.mixpanel.call import read_call
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

ORGANIZATION = 77
WORKSPACE = 999

Read = Callable[[Project, Request], Any]


def routes(project: Project) -> list[BaseRoute]:
    base = "/api/app/projects/{project_id}"
    paths: dict[str, Read] = {
        "/api/app/me": _me,
        f"{base}/bookmarks": _bookmarks,
        f"{base}/cohorts": _cohorts,
        f"{base}/dashboards": _dashboards,
        f"{base}/dashboards/{{dashboard_id}}": _dashboard,
        f"{base}/workspaces/public": _workspaces,
        f"{base}/schemas": _schemas,
        f"{base}/schemas/{{kind}}": _schemas,
        f"{base}/annotations": _annotations,
    }
    reading = [
        Route(path + slash, _reading(project, read), methods=["GET"])
        for path, read in paths.items()
        for slash in ("", "/")
    ]
    writing = [
        Route(f"{base}/annotations{slash}", _annotating(project), methods=["POST"]) for slash in ("", "/")
    ]
    return [*reading, *writing, *privacy.routes(project)]


def _reading(project: Project, read: Read) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = request.path_params.get("project_id", project.id)
            auth.check(project.settings, request, asked)
            return JSONResponse({"status": "ok", "results": read(project, request)})
        except RefusalError as error:
            return JSONResponse({"status": "error", "error": error.message}, error.status)

    return endpoint


def _annotating(project: Project) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            auth.check(project.settings, request, request.path_params["project_id"])
            call = await read_call(request)
            date, text, tags = call.required("date"), call.required("description"), call.listed("tags")
            datetime.strptime(date, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  (a wall clock's)
        except ValueError:
            return JSONResponse({"status": "error", "error": "Invalid date"}, 400)
        except RefusalError as error:
            return JSONResponse({"status": "error", "error": error.message}, error.status)
        known = project.state.annotations
        made = {
            "id": 1 + max((one["id"] for one in known), default=0),
            "date": date,
            "description": text,
            "user": {"id": 1, "first_name": "Service", "last_name": "Account"},
            "tags": [{"id": tag, "name": f"tag {tag}"} for tag in tags or []],
        }
        known.append(made)
        return JSONResponse({"status": "ok", "results": made}, 201)

    return endpoint


def _annotations(project: Project, request: Request) -> list[dict[str, Any]]:
    first, last = (request.query_params.get(name, "") for name in ("fromDate", "toDate"))
    return [
        one
        for one in project.state.annotations
        if (not first or one["date"][:10] >= first) and (not last or one["date"][:10] <= last)
    ]


def _schemas(project: Project, request: Request) -> list[dict[str, Any]]:
    kind = request.path_params.get("kind")
    return [one for one in project.settings.get("schemas", []) if kind in (None, one["entityType"])]


def _me(project: Project, _: Request) -> dict[str, Any]:
    name = project.settings["username"]
    described = {
        "name": project.settings.get("name", "Project"),
        "organization_id": ORGANIZATION,
        "timezone": project.settings["timezone"],
        "has_workspaces": False,
        "domain": "mixpanel.com",
        "type": "PROJECT",
    }
    organization = {"id": ORGANIZATION, "name": "Organization", "role": "member", "permissions": []}
    return {
        "user_id": 1,
        "user_email": name,
        "user_name": name.split(".")[0],
        "organizations": {str(ORGANIZATION): organization},
        "projects": {project.id: described},
        "workspaces": {str(WORKSPACE): _workspace(project)},
    }


def _workspaces(project: Project, _: Request) -> list[dict[str, Any]]:
    return [_workspace(project)]


def _workspace(project: Project) -> dict[str, Any]:
    return {
        "id": WORKSPACE,
        "name": "All Project Data",
        "project_id": int(project.id),
        "is_default": True,
        "is_global": True,
        "is_restricted": False,
        "is_visible": True,
        "description": "",
        "creator_name": "",
    }


def _bookmarks(project: Project, request: Request) -> list[dict[str, Any]]:
    kind, ids = request.query_params.get("type"), request.query_params.get("ids")
    wanted = set(ids.split(",")) if ids else None
    return [
        report
        for report in saved.reports(project.settings)
        if kind in (None, report["type"]) and (wanted is None or str(report["id"]) in wanted)
    ]


def _cohorts(project: Project, _: Request) -> list[dict[str, Any]]:
    return list(project.settings.get("cohorts", []))


def _dashboards(project: Project, _: Request) -> list[dict[str, Any]]:
    return list(project.settings.get("dashboards", []))


def _dashboard(project: Project, request: Request) -> dict[str, Any]:
    wanted = request.path_params["dashboard_id"]
    for dashboard in project.settings.get("dashboards", []):
        if str(dashboard["id"]) == wanted:
            return dict(dashboard)
    raise RefusalError(404, f"Dashboard {wanted} not found")

"""The app API: who am I, and the saved reports, boards and cohorts of the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin.mixpanel import auth
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
    }
    return [
        Route(path + slash, _reading(project, read), methods=["GET"])
        for path, read in paths.items()
        for slash in ("", "/")
    ]


def _reading(project: Project, read: Read) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = request.path_params.get("project_id", project.id)
            auth.check(project.settings, request, asked)
            return JSONResponse({"status": "ok", "results": read(project, request)})
        except RefusalError as error:
            return JSONResponse({"status": "error", "error": error.message}, error.status)

    return endpoint


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
        for report in project.settings.get("reports", [])
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

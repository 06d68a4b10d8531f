"""Mixpanel's paths: which function answers which, and how its refusals look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin.mixpanel import (
    app_api,
    auth,
    engage,
    event_lists,
    export,
    funnels,
    ingestion,
    insights,
    jql,
    ledger,
    numbers,
    retention,
    segmentation,
    streams,
)
from standin.mixpanel.call import Call, read_call
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.state import Standin

Answer = Callable[[Project, Call], Any]

QUERIES: dict[str, Answer] = {
    "cohorts/list": engage.cohorts_list,
    "engage": engage.answer,
    "events": event_lists.several,
    "events/names": segmentation.names,
    "events/properties": event_lists.by_property,
    "events/properties/top": event_lists.top_properties,
    "events/properties/values": event_lists.top_values,
    "events/top": segmentation.top,
    "funnels": funnels.answer,
    "funnels/list": funnels.listed,
    "insights": insights.answer,
    "jql": jql.answer,
    "retention": retention.answer,
    "retention/addiction": retention.addiction,
    "segmentation": segmentation.answer,
    "segmentation/average": numbers.average,
    "segmentation/numeric": numbers.ranges,
    "segmentation/sum": numbers.total,
    "stream/query": streams.answer,
}


def routes(state: Standin) -> list[BaseRoute]:
    project = Project(state)
    queries = [
        Route(f"{base}/{path}{slash}", _query(project, answer), methods=["GET", "POST"])
        for base in ("/api/query", "/api/2.0")
        for path, answer in QUERIES.items()
        for slash in ("", "/")
    ]
    return [
        *queries,
        Route("/api/2.0/export", _export(project), methods=["GET", "POST"]),
        Route("/import", ingestion.imports(project), methods=["POST"]),
        Route("/engage", ingestion.profile_updates(project), methods=["POST"]),
        Route("/groups", ingestion.group_updates(project), methods=["POST"]),
        *app_api.routes(project),
    ]


def _query(project: Project, answer: Answer) -> Callable[[Request], Any]:
    def work(call: Call) -> bytes:
        return json.dumps(answer(project, call), ensure_ascii=False).encode("utf-8", "replace")

    async def endpoint(request: Request) -> Response:
        url = f"{request.url.path}?{request.url.query}"
        try:
            call = await read_call(request)
            url = call.url
            auth.check_query(project.settings, request, call.text("project_id"))
            with ledger.query_slot(project.state, call) as counted:
                request.scope["standin"]["counted"] = counted
                await _be_slow(project, call)
                body = await run_in_threadpool(work, call)
        except RefusalError as error:
            echo = {"request": url} if error.echo else {}
            return JSONResponse({**echo, "error": error.message}, error.status, error.headers)
        return Response(body, media_type="application/json")

    return endpoint


async def _be_slow(project: Project, call: Call) -> None:
    """A slow query keeps its concurrent place while it runs; a generic stall happens before it has one."""
    fault = project.state.faults.take("mixpanel", call.path, {"slow"})
    if fault is not None:
        await asyncio.sleep(float(fault.details.get("seconds", 1)))


def _export(project: Project) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            call = await read_call(request)
            auth.check_query(project.settings, request, call.text("project_id"))
            ledger.count_export(project.state, call)
            return await run_in_threadpool(export.answer, project, call, _takes_gzip(request))
        except RefusalError as error:
            return Response(error.message, error.status, error.headers, media_type="text/plain")

    return endpoint


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "").lower()

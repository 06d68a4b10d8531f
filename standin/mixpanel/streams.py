"""What single users did."""

from __future__ import annotations

from typing import Any

from standin.mixpanel import days
from standin.mixpanel.call import Call
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError


def answer(project: Project, call: Call) -> dict[str, Any]:
    ids = call.listed("distinct_ids")
    if not ids:
        raise RefusalError(400, "Missing required parameter: distinct_ids")
    wanted = {str(distinct_id) for distinct_id in ids}
    first, last = days.period(call, project.today())
    events = [
        {"event": event.name, "properties": event.properties}
        for event in project.events.between(first, last)
        if event.distinct_id in wanted
    ]
    return {"status": "ok", "results": {"events": events}}

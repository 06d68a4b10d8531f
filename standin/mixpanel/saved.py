"""The project's saved reports: those that its file lists, and one for each funnel that has none there."""

from __future__ import annotations

from typing import Any


def reports(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """As the app API tells bookmarks."""
    listed = list(settings.get("reports", []))
    known = {str(report["id"]) for report in listed}
    funnels = settings.get("funnels", [])
    return [*listed, *(_of_funnel(settings, each) for each in funnels if str(each["funnel_id"]) not in known)]


def _of_funnel(settings: dict[str, Any], funnel: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": funnel["funnel_id"],
        "name": funnel["name"],
        "type": "funnels",
        "project_id": settings["project_id"],
        "workspace_id": None,
        "dashboard_id": None,
        "description": "",
        "params": {
            "sections": {"show": [metric(funnel)], "time": [], "filter": [], "group": []},
            "displayOptions": {"chartType": "funnel-steps", "analysis": "linear"},
        },
    }


def metric(funnel: dict[str, Any]) -> dict[str, Any]:
    """What a funnel report shows: its steps in any order between, within its window."""
    steps = [
        {
            "type": "event",
            "id": None,
            "name": step["event"],
            "filters": [],
            "filtersDeterminer": "all",
            "funnelOrder": "loose",
        }
        for step in funnel["steps"]
    ]
    return {
        "type": "metric",
        "name": funnel["name"],
        "behavior": {
            "type": "funnel",
            "resourceType": "events",
            "conversionWindowDuration": funnel["length"],
            "conversionWindowUnit": funnel["length_unit"],
            "funnelOrder": "loose",
            "exclusions": [],
            "aggregateBy": [],
            "filter": [],
            "behaviors": steps,
        },
        "measurement": {"math": "conversion_rate_unique", "property": None, "stepIndex": None},
    }

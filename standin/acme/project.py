"""The project file of the world: settings, funnels, cohorts, saved reports and dashboards."""

from datetime import date
from typing import Any

from standin.acme.product import FEATURES, Feature
from standin.mixpanel import saved

PROJECT_ID = 2914077
TOKEN = "b81f5c0e7d3a49268c4e0f9a1d6b7352"  # noqa: S105  # nosec B105  # a made-up one
SECRET = "acme-secret-for-laptops-only"  # noqa: S105  # nosec B105  # a made-up one
TIMEZONE = "America/New_York"
GROUP_ID = "-3108846620175904417"
CREATOR = {"creator_id": 4, "creator_name": "Dalia Ferreira"}
FEATURE_BOARD, ACCOUNT_BOARD = 6120881, 6120882
LAST_30_DAYS = {"dateRangeType": "in the last", "unit": "day", "window": {"unit": "day", "value": 30}}
ADMINS, NEVER_CONNECTED = 4410271, 4410272


def project(last_day: date, now: str, counts: dict[int, int]) -> dict[str, Any]:
    """The whole of project.json; `counts` are the sizes of the cohorts by id."""
    return {
        "project_id": PROJECT_ID,
        "name": "Gridlark production",
        "token": TOKEN,
        "username": "handrail.3c9e04.mp-service-account",
        "secret": SECRET,
        "timezone": TIMEZONE,
        "created": "2025-04-14",
        "now": now,
        "account_property": "company_id",
        "group_keys": {"company_id": GROUP_ID},
        "funnels": [_funnel(feature) for feature in FEATURES],
        "cohorts": _cohorts(counts),
        "reports": [*(_funnel_report(feature) for feature in FEATURES), _active_people(), _errors()],
        "dashboards": [
            {
                "id": FEATURE_BOARD,
                "title": "Feature adoption",
                "description": "How far people get through the four features.",
                "reports": [feature.funnel_id for feature in FEATURES],
            },
            {
                "id": ACCOUNT_BOARD,
                "title": "Account health",
                "description": "Who is active, and where it hurts.",
                "reports": [52110501, 52110502],
            },
        ],
    }


def _cohorts(counts: dict[int, int]) -> list[dict[str, Any]]:
    connect = FEATURES[0]
    shared = {"is_visible": 1, "project_id": PROJECT_ID}
    admin = {"property": "user", "value": "role", "operator": "==", "operand": "admin", "type": "string"}
    return [
        {
            "id": ADMINS,
            "name": "Admins",
            "description": "People who may change settings.",
            "count": counts[ADMINS],
            "created": "2026-01-19 10:05:00",
            **shared,
            "definition": {"selector": {"operator": "and", "children": [admin]}, "behaviors": {}},
        },
        {
            "id": NEVER_CONNECTED,
            "name": "Tried to connect a source, never finished",
            "description": "Started to connect a data source in the last 30 days, finished none.",
            "count": counts[NEVER_CONNECTED],
            "created": "2026-03-02 15:41:09",
            **shared,
            "definition": {
                "selector": {
                    "operator": "and",
                    "children": [
                        {"property": "behaviors", "value": "bhvr_0", "operator": ">=", "operand": 1},
                        {"property": "behaviors", "value": "bhvr_1", "operator": "==", "operand": 0},
                    ],
                },
                "behaviors": {
                    "bhvr_0": _behavior(connect.attempt),
                    "bhvr_1": _behavior(connect.success),
                },
            },
        },
    ]


def _behavior(event: str) -> dict[str, Any]:
    return {
        "count": {"event_selector": {"event": event}, "type": "absolute"},
        "window": {"unit": "day", "value": 30},
    }


def _report(number: int, name: str, kind: str, board: int, description: str = "") -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "type": kind,
        "project_id": PROJECT_ID,
        "workspace_id": None,
        "dashboard_id": board,
        "created": "2026-01-19T10:12:40",
        "modified": "2026-10-02T16:20:31",
        **CREATOR,
        "description": description,
    }


def _params(show: list[dict[str, Any]], chart: str, group: str | None = None) -> dict[str, Any]:
    groups = [
        {
            "value": group,
            "propertyName": group,
            "resourceType": "events",
            "propertyType": "string",
            "propertyDefaultType": "string",
        }
    ]
    return {
        "sections": {
            "show": show,
            "time": [LAST_30_DAYS],
            "filter": [],
            "group": groups if group else [],
        },
        "displayOptions": {"chartType": chart, "analysis": "linear"},
    }


def _funnel(feature: Feature) -> dict[str, Any]:
    return {
        "funnel_id": feature.funnel_id,
        "name": feature.funnel,
        "steps": [{"event": event} for event in feature.steps],
        "length": feature.length,
        "length_unit": feature.length_unit,
    }


def _funnel_report(feature: Feature) -> dict[str, Any]:
    report = _report(feature.funnel_id, feature.funnel, "funnels", FEATURE_BOARD)
    return report | {"params": _params([saved.metric(_funnel(feature))], "funnel-steps")}


def _metric(event: str, math: str) -> dict[str, Any]:
    behavior = {
        "type": "event",
        "name": event,
        "resourceType": "events",
        "filtersDeterminer": "all",
        "filters": [],
    }
    return {"type": "metric", "behavior": behavior, "measurement": {"math": math}}


def _active_people() -> dict[str, Any]:
    report = _report(
        52110501, "Active people by company", "insights", ACCOUNT_BOARD, "Unique people in the last 30 days."
    )
    return report | {"params": _params([_metric("$all_events", "unique")], "table", "company_id")}


def _errors() -> dict[str, Any]:
    report = _report(52110502, "Errors by reason", "insights", ACCOUNT_BOARD)
    show = [_metric(feature.error, "total") for feature in FEATURES]
    return report | {"params": _params(show, "bar", "reason")}

"""The keys of an ad-hoc report: Mixpanel refuses a body that has any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standin.mixpanel.refusal import RefusalError

ENVELOPE = {"project_id", "workspace_id", "query_origin", "queryLimits", "bookmark"}
BOOKMARK = {"sections", "displayOptions"}
SECTIONS = {"show", "time", "filter", "group", "formula", "globalDataGroupId"}
DISPLAY = {"chartType", "analysis", "rollingWindowSize"}
TIME = {"dateRangeType", "unit", "value", "window"}
METRIC = {
    "type", "id", "name", "behavior", "measurement", "isHidden", "definition", "referencedMetrics",
}  # fmt: skip
MEASUREMENT = {"math", "property", "stepIndex"}
BEHAVIOR = {
    "type", "id", "name", "resourceType", "filters", "filtersDeterminer", "behaviors", "filter",
    "conversionWindowDuration", "conversionWindowUnit", "funnelOrder", "funnelReentryMode", "exclusions",
    "aggregateBy", "retentionUnit", "retentionAlignmentType", "retentionCustomBucketSizes",
    "retentionUnboundedMode",
}  # fmt: skip
FILTER = {
    "resourceType", "filterType", "defaultType", "filterValue", "filterOperator", "filterDateUnit", "value",
}  # fmt: skip
GROUP = {
    "value", "propertyName", "resourceType", "propertyType", "propertyDefaultType", "customBucket",
}  # fmt: skip


def check(envelope: Mapping[str, Any], bookmark: Mapping[str, Any]) -> None:
    """Raises a 400 that names the first key which does not belong."""
    _keys(envelope, ENVELOPE, "")
    _keys(envelope.get("queryLimits") or {}, {"limit"}, "queryLimits.")
    _keys(bookmark, BOOKMARK, "")
    sections = bookmark.get("sections") or {}
    _keys(sections, SECTIONS, "sections.")
    _keys(bookmark.get("displayOptions") or {}, DISPLAY, "displayOptions.")
    for section, known in (("time", TIME), ("filter", FILTER), ("group", GROUP)):
        _each(sections.get(section), known, f"sections.{section}.")
    _each(sections.get("show"), METRIC, "sections.show.")
    for metric in sections.get("show") or []:
        _keys(metric.get("measurement") or {}, MEASUREMENT, "measurement.")
        behavior = metric.get("behavior") or {}
        _keys(behavior, BEHAVIOR, "behavior.")
        for part in [behavior, *(behavior.get("behaviors") or [])]:
            _keys(part, BEHAVIOR, "behavior.")
            _each(part.get("filters"), FILTER, "filters.")


def _each(listed: Any, known: set[str], place: str) -> None:
    for one in listed or []:
        _keys(one, known, place)


def _keys(given: Mapping[str, Any], known: set[str], place: str) -> None:
    for key in given:
        if key not in known:
            raise RefusalError(400, f"Extra inputs are not permitted at {place}{key}")

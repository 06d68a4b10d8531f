"""JSON schemas of structured output: what the API's grammar lacks, and making a value fit one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LACKING = {
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "maxItems", "uniqueItems", "oneOf"),
}


def unsupported(schema: Any) -> Iterator[str]:
    """What a schema asks for that the API answers with a 400."""
    if not isinstance(schema, dict):
        return
    for word in sorted(_LACKING & set(schema)):
        yield f"property '{word}' is not supported"
    if schema.get("minItems", 0) > 1:
        yield "property 'minItems' only supports 0 and 1"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    for family in ("properties", "$defs", "definitions"):
        for inner in schema.get(family, {}).values():
            yield from unsupported(inner)
    yield from unsupported(schema.get("items"))
    for family in ("anyOf", "allOf"):
        for inner in schema.get(family, []):
            yield from unsupported(inner)


def fit(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """`value` with only the keys a schema has, and something empty where it needs what `value` lacks."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    kind = _kind(schema)
    if kind == "object" and "properties" in schema:
        given = value if isinstance(value, dict) else {}
        needed = set(schema.get("required", [])) | (set(given) & set(schema["properties"]))
        return {
            name: fit(given.get(name), inner, root)
            for name, inner in schema["properties"].items()
            if name in needed
        }
    if kind == "array":
        items = value if isinstance(value, list) else []
        return [fit(item, schema.get("items", {}), root) for item in items]
    return _empty(schema, kind) if value is None else value


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and take the first of several choices that is not null."""
    while "$ref" in schema or "anyOf" in schema or "allOf" in schema:
        if "$ref" in schema:
            found: Any = root
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        else:
            choices = schema.get("anyOf") or schema["allOf"]
            schema = next((each for each in choices if each.get("type") != "null"), choices[0])
    return schema


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "string")
    return str(kind[0]) if isinstance(kind, list) else str(kind)


def _empty(schema: dict[str, Any], kind: str) -> Any:
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    return {"string": "", "integer": 0, "number": 0, "boolean": False, "object": {}}.get(kind)

"""JSON schemas as a chat client needs them: every character of the tool list costs it money."""

from typing import Any

Schema = dict[str, Any]

_NOISE = {"title", "minLength", "maxLength", "minimum"}
"""Said by the name, or by the refusal of a wrong value."""


def arguments(schema: Schema) -> Schema:
    """What a call takes: names, types, choices, defaults that say something, and descriptions."""
    properties = {
        name: {key: value for key, value in each.items() if not _is_noise(key, value)}
        for name, each in schema.get("properties", {}).items()
    }
    required = {"required": schema["required"]} if schema.get("required") else {}
    return {"type": "object", "properties": properties, **required}


EVERYWHERE = frozenset(
    {"as_of", "next_step", "caveats", "mixpanel_url", "account", "candidates", "period", "showing", "cursor"}
)
"""Fields of many answers, which `mcp_server/instructions.md` tells once for all of them."""


def answer(schema: Schema) -> Schema:
    """What a call answers: its own fields of the first level. Everything below is told by its own names.

    It says less than the whole schema and nothing else: what fits the whole one fits this one.
    `docs/tools.md` has all fields.
    """
    properties = {
        name: {"type": _types(each, schema.get("$defs", {})), **_description(each)}
        for name, each in schema.get("properties", {}).items()
        if name not in EVERYWHERE
    }
    required = [name for name in schema.get("required", []) if name in properties]
    return {"type": "object", "properties": properties, "required": required}


def _is_noise(key: str, value: Any) -> bool:
    return key in _NOISE or (key == "default" and value in (None, "", [], {}))


def _description(schema: Schema) -> Schema:
    return {"description": schema["description"]} if "description" in schema else {}


def _types(schema: Schema, named: Schema) -> str | list[str]:
    """The JSON types a value may have: a union's, a reference's, or its own."""
    if "$ref" in schema:
        return _types(named[schema["$ref"].rsplit("/", 1)[-1]], named)
    if "anyOf" not in schema:
        own: str = schema["type"]
        return own
    found: dict[str, None] = {}
    for option in schema["anyOf"]:
        types = _types(option, named)
        found.update(dict.fromkeys([types] if isinstance(types, str) else types))
    return list(found)

"""JSON schemas as a chat client needs them: every character of the tool list costs it money."""

from typing import Any

Schema = dict[str, Any]


def slim(schema: Schema) -> Schema:
    """The same schema without generated titles and null defaults; nullable scalars as a list of types."""
    return {key: _part(key, value) for key, value in _nullable(schema).items() if not _is_noise(key, value)}


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value in (None, "", [], {}))


def _part(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"} and isinstance(value, dict):
        return {name: slim(each) for name, each in value.items()}
    if isinstance(value, dict):
        return slim(value)
    if isinstance(value, list):
        return [slim(each) if isinstance(each, dict) else each for each in value]
    return value


def _nullable(schema: Schema) -> Schema:
    """`anyOf: [{type: integer}, {type: null}]` says the same as `type: [integer, null]`, at more length."""
    options = schema.get("anyOf")
    if not isinstance(options, list) or len(options) != 2 or options[1] != {"type": "null"}:
        return schema
    first = options[0]
    if not isinstance(first.get("type"), str):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**first, **rest, "type": [first["type"], "null"]}

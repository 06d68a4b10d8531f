"""docs/tools.md: every tool with its arguments and fields, read from the catalogue."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from tools import catalogue
from tools._server import published

PAGE = Path(__file__).parent / "tools.md"
_EFFECTS = {"read": "reads", "write": "writes to Handrail's own store", "send": "sends mail"}


def page() -> str:
    """docs/tools.md as it should be."""
    listed = {tool.name: tool for tool in published({"read", "write", "send"})}
    parts = ["# Tools\n", "Written from the code by `make docs`; do not edit.\n"]
    for tool in catalogue():
        parts.append(f"## `{tool.name}`\n")
        alone = " The page beside an answer calls it, no model." if tool.of_a_page else ""
        parts.append(f"{tool.title}. This tool {_EFFECTS[tool.effect]}.{alone}\n")
        parts.append(inspect.cleandoc(tool.function.__doc__ or "") + "\n")
        parts.append("| argument | type | default | |\n|---|---|---|---|")
        schema = listed[tool.name].parameters
        required = schema.get("required", [])
        for name, argument in schema["properties"].items():
            parts.append(_row(name, argument, name in required))
        parts.append("")
        parts.append("It answers:\n")
        parts.extend(_fields(inspect.get_annotations(tool.function, eval_str=True)["return"]))
        parts.append("")
    return "\n".join(parts)


def _fields(model: type[BaseModel], depth: int = 0) -> Iterator[str]:
    """Every field of an answer, those of its parts indented; clients are told the first level alone."""
    for name, field in model.model_fields.items():
        told = f": {field.description}" if field.description else ""
        yield f"{'    ' * depth}- `{name}`{told}"
        for part in _parts(field.annotation):
            yield from _fields(part, depth + 1)


def _parts(annotation: Any) -> list[type[BaseModel]]:
    """The models inside a type: the type itself, or those of a list or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _parts(inner)]


def _row(name: str, argument: dict[str, Any], required: bool) -> str:
    kind = " or ".join(f"`{value}`" for value in argument["enum"]) if "enum" in argument else argument["type"]
    default = "required" if required else f"`{argument['default']}`" if argument.get("default") else "empty"
    if argument.get("default") is False:
        default = "`false`"
    return f"| `{name}` | {kind} | {default} | {argument.get('description', '')} |"

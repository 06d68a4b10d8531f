"""The generated part of the documentation: one page of tools, written from the catalogue."""

import inspect
from pathlib import Path
from typing import Any

from tools import catalogue
from tools._server import published

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
_EFFECTS = {"read": "reads", "write": "writes to Handrail's own store", "send": "sends mail"}


def page() -> str:
    """docs/tools.md as it should be."""
    listed = {tool.name: tool for tool in published({"read", "write", "send"})}
    parts = ["# Tools\n", "Written from the code by `make docs`; do not edit.\n"]
    for tool in catalogue():
        parts.append(f"## `{tool.name}`\n")
        parts.append(f"{tool.title}. This tool {_EFFECTS[tool.effect]}.\n")
        parts.append(inspect.cleandoc(tool.function.__doc__ or "") + "\n")
        parts.append("| argument | type | default | |\n|---|---|---|---|")
        schema = listed[tool.name].parameters
        required = schema.get("required", [])
        for name, argument in schema["properties"].items():
            parts.append(_row(name, argument, name in required))
        parts.append("")
    return "\n".join(parts)


def _row(name: str, argument: dict[str, Any], required: bool) -> str:
    kind = " or ".join(f"`{value}`" for value in argument["enum"]) if "enum" in argument else argument["type"]
    default = "required" if required else f"`{argument['default']}`" if argument.get("default") else "empty"
    if argument.get("default") is False:
        default = "`false`"
    return f"| `{name}` | {kind} | {default} | {argument.get('description', '')} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

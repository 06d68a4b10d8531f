"""An answer as text: the same facts as its fields, in a third of the tokens of their JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

FIRST, LAST = ("summary",), ("caveats", "next_step", "mixpanel_url")


def told(answer: BaseModel) -> CallToolResult:
    """The answer with its fields for programs, and as text for whoever reads."""
    fields = answer.model_dump(mode="json", by_alias=True)
    content = [TextContent(type="text", text=text(fields))]
    return CallToolResult(content=list(content), structured_content=fields)


def text(fields: Mapping[str, Any]) -> str:
    """The summary, the figures and tables in their order, then caveats, next step and link.

    What is empty is left out; null inside a table is `-`.
    """
    middle = [name for name in fields if name not in (*FIRST, *LAST)]
    named = ((name, fields[name]) for name in (*middle, *LAST) if name in fields)
    lines = [str(fields[name]) for name in FIRST if fields.get(name)]
    return "\n".join([*lines, *(_field(name, value) for name, value in named if not _empty(value))])


def _field(name: str, value: Any) -> str:
    if _is_table(value):
        return f"{name}:\n{_table(value)}"
    if _is_grid(value):
        return f"{name}:\n" + "\n".join(" ".join(_cell(each) for each in row) for row in value)
    return f"{name}: {_cell(value)}"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line of names, then a line a row. Columns that are empty in every row are left out."""
    names = dict.fromkeys(name for row in rows for name in row)
    used = [name for name in names if not all(_empty(row.get(name)) for row in rows)]
    lines = (" | ".join(_cell(row.get(name)).replace("|", "/") for name in used) for row in rows)
    return "\n".join([" | ".join(used), *lines])


def _cell(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_cell(each)}" for name, each in value.items() if not _empty(each)) or "-"
    if isinstance(value, list):
        nested = any(isinstance(each, Mapping) for each in value)
        return ", ".join(f"({_cell(each)})" if nested else _cell(each) for each in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return str(int(value) if value.is_integer() else round(value, 4))
    return " ".join(str(value).split())


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _is_grid(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, list) for each in value)


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})

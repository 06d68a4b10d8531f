"""The served surface, frozen in contract.json: `python -m tests.mcp_server.contract` writes it anew."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import Prompt, Tool

from handrail.context import open_context
from handrail.settings import Settings
from mcp_server.server import create_server

FILE = Path(__file__).parent / "contract.json"

Surface = dict[str, Any]


async def served() -> Surface:
    """What clients rely on: names, arguments, hints, fields of answers, addresses. No words."""
    async with Client(create_server(lambda: open_context(Settings.load()))) as client:
        tools = (await client.list_tools()).tools
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        prompts = (await client.list_prompts()).prompts
    return {
        "tools": {tool.name: _tool(tool) for tool in sorted(tools, key=lambda tool: tool.name)},
        "resources": {str(each.uri): each.mime_type for each in resources},
        "resource_templates": {each.uri_template: each.mime_type for each in templates},
        "prompts": {prompt.name: _prompt(prompt) for prompt in prompts},
    }


def _tool(tool: Tool) -> Surface:
    hints = tool.annotations
    arguments = tool.input_schema["properties"].items()
    return {
        "arguments": {
            name: {key: schema[key] for key in ("type", "enum", "default") if key in schema}
            for name, schema in arguments
        },
        "required": sorted(tool.input_schema.get("required", [])),
        "hints": hints.model_dump(by_alias=True, exclude={"title"}) if hints else {},
        "answers": sorted((tool.output_schema or {}).get("properties", {})),
    }


def _prompt(prompt: Prompt) -> Surface:
    return {each.name: {"required": bool(each.required)} for each in prompt.arguments or []}


def lost(frozen: Any, now: Any, at: str = "") -> Iterator[str]:
    """Every place where what is served now is no longer what was frozen."""
    if isinstance(frozen, dict) and isinstance(now, dict):
        for name, value in frozen.items():
            place = f"{at} / {name}" if at else name
            if name in now:
                yield from lost(value, now[name], place)
            else:
                yield f"{place} is gone"
    elif isinstance(frozen, list) and isinstance(now, list):
        needed = at.endswith(" / required")
        yield from (f"{at} / {value} is gone" for value in frozen if value not in now and not needed)
        yield from (f"{at} / {value} is required now" for value in now if needed and value not in frozen)
    elif frozen != now:
        yield f"{at} was {frozen!r} and is {now!r}"


def added(frozen: Surface, now: Surface) -> list[str]:
    """What is served now and was not frozen: the same question the other way round, without what changed."""
    return [words.removesuffix(" is gone") for words in lost(now, frozen) if words.endswith(" is gone")]


if __name__ == "__main__":
    FILE.write_text(json.dumps(asyncio.run(served()), indent=1, ensure_ascii=False) + "\n", "utf-8")

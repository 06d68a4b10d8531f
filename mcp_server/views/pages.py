"""The pages that hosts with MCP Apps show beside an answer: each whole in itself, nothing is loaded."""

import html
from pathlib import Path
from typing import Any

from mcp.server.apps import Apps, ResourceCsp, client_supports_apps
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from handrail.charts.drawing import page_style
from tools import Tool, catalogue

HERE = Path(__file__).parent
SCRIPTS = {"events": "sheet.js", "funnel": "sheet.js", "review": "review.js"}


def extension() -> Apps:
    """MCP Apps with the page of every tool that has one. No address is declared: the host allows none."""
    apps = Apps()
    for tool in catalogue():
        if tool.view and not tool.of_a_page:
            apps.add_html_resource(
                tool.view.uri,
                page(tool, tool.view.page),
                name=tool.view.page,
                title=tool.title,
                description=f"The page beside the answer of {tool.name}.",
                csp=ResourceCsp(),
                prefers_border=True,
            )
    return apps


def page(tool: Tool, name: str) -> str:
    """The whole page: style and script are in it."""
    parts = {
        "title": html.escape(tool.title),
        "tool": tool.name,
        "style": page_style() + _text("page.css"),
        "script": _text("host.js") + _text(SCRIPTS[name]),
    }
    whole = _text("page.html")
    for each, words in parts.items():
        whole = whole.replace(f"{{{{ {each} }}}}", words)
    return whole


async def hide_from_models(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
    """Middleware: tools that a page alone calls are listed only for hosts that keep them from the model."""
    result = await call_next(ctx)
    if ctx.method == "tools/list" and isinstance(result, dict) and not client_supports_apps(ctx):
        hidden = {tool.name for tool in catalogue() if tool.of_a_page}
        result["tools"] = [each for each in result["tools"] if each["name"] not in hidden]
    return result


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")

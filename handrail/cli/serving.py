"""The two servers: MCP over stdio, and the web app."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from handrail.cli.logs import set_up_as_told, set_up_logging
from handrail.cli.tracing import trace
from handrail.context import ToolContext, open_context
from handrail.errors import CallerError, ConfigError, HandrailError
from handrail.settings import LOOPBACK, SendMode, Settings
from handrail.workspaces import at_work, one

GRACE_SECONDS = 10
"""A chat client's open stream must not keep a server that was asked to stop."""


def mcp() -> None:
    """Serve the tools over stdio. stdout belongs to the protocol: everything else goes to stderr."""
    set_up_logging()
    from mcp_server.server import create_server  # noqa: PLC0415

    try:
        settings = one()
        set_up_as_told(settings)
        trace(settings)
        # The demo sends to its own outbox, whatever the environment says of sending.
        listed = settings.model_copy(update={"send_mode": SendMode.AUTO}) if settings.demo else settings
        with _without_rich():
            server = create_server(lambda: _open(settings), listed)
        with at_work(settings.workspace):
            server.run()
    except HandrailError as error:
        sys.stderr.write(f"handrail: {error}\n")
        sys.exit(2)


@contextmanager
def _without_rich() -> Iterator[None]:
    """The SDK would make a log handler of rich's beside ours: a fifth of a second that a client waits for."""
    kept = {name: module for name, module in sys.modules.items() if name == "rich.console"}
    sys.modules["rich.console"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich.console"]
        sys.modules.update(kept)


def _open(settings: Settings) -> AbstractAsyncContextManager[ToolContext]:
    """The connected project, or with HANDRAIL_DEMO a made-up one."""
    if settings.demo:
        from handrail.cli.demo import open_demo  # noqa: PLC0415  (brings the stand-ins along)

        return open_demo(settings.demo)
    return open_context(settings)


def web(workspaces: Sequence[Settings], host: str, port: int) -> None:
    """Serve dashboard, REST, mail links and /mcp of each until stopped."""
    import uvicorn  # noqa: PLC0415

    from mcp_server.server import create_server  # noqa: PLC0415
    from web.app import create_app  # noqa: PLC0415
    from web.listening import LIMITS  # noqa: PLC0415
    from web.workspaces import create_house  # noqa: PLC0415

    if host not in LOOPBACK:
        _refuse_without_tokens(workspaces)
    settings = workspaces[0]
    set_up_as_told(settings)
    trace(settings)
    if settings.workspace:
        app = create_house(workspaces, create_server)
    else:
        app = create_app(settings, create_server)
        asyncio.run(_try_to_open(settings))
    uvicorn.run(app, host=host, port=port, **LIMITS, timeout_graceful_shutdown=GRACE_SECONDS)


async def _try_to_open(settings: Settings) -> None:
    """What keeps it from opening is told in a sentence here; the server would show a traceback."""
    async with open_context(settings, actor="web"):
        pass


def _refuse_without_tokens(workspaces: Sequence[Settings]) -> None:
    for each in workspaces:
        if each.api_tokens is None:
            where = f" for the workspace {each.workspace}" if each.workspace else ""
            raise ConfigError(
                "This --host serves more than this machine: set HANDRAIL_API_TOKENS (name:role:token) first"
                f"{where}."
            )


async def call(ctx: ToolContext, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool as a chat client would, with its arguments checked; answers its structured content."""
    from mcp import Client  # noqa: PLC0415
    from mcp.types import TextContent  # noqa: PLC0415

    from mcp_server.server import create_server  # noqa: PLC0415
    from tools._server import already_open  # noqa: PLC0415

    async with Client(create_server(already_open(ctx))) as client:
        answer = await client.call_tool(name, arguments)
    if answer.is_error:
        text = " ".join(block.text for block in answer.content if isinstance(block, TextContent))
        raise CallerError(text.removeprefix(f"Error executing tool {name}: "))
    return dict(answer.structured_content or {})

"""Completion of the names that prompts and resource templates take."""

from collections.abc import Awaitable, Callable, Iterable

from mcp.server import MCPServer
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from handrail.context import ToolContext
from handrail.engine.text import shown
from handrail.errors import HandrailError
from handrail.flows.reports import list_reports
from mcp_server.access import COMPLETED
from tools._server import OnDemand

MOST = 100
"""Values in one answer, by the protocol."""

NIGHTS = 90


def publish(server: MCPServer[OnDemand], on_demand: OnDemand) -> None:
    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        _ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion | None:
        known = _KNOWN.get(argument.name)
        if known is None:
            return None
        try:
            ctx = await on_demand.get()
            if ctx.sees and COMPLETED.get(argument.name, "refused") == "refused":
                return None
            return fitting(await known(ctx), argument.value)
        except HandrailError:
            return None


def fitting(known: Iterable[str], typed: str) -> Completion:
    """Values that begin with what was typed, then those that contain it, each in the order given."""
    wanted = typed.strip().casefold()
    # What would read differently once cleaned could not be handed back: it is left out.
    clean = [each for each in dict.fromkeys(known) if each and each == shown(each)]
    found = [each for each in clean if wanted in each.casefold()]
    found.sort(key=lambda each: not each.casefold().startswith(wanted))
    return Completion(values=found[:MOST], total=len(found), has_more=len(found) > MOST)


async def _accounts(ctx: ToolContext) -> list[str]:
    async with ctx.store.read() as work:
        book = await work.accounts.all()
    return sorted((each.name for each in book), key=str.casefold)


async def _account_ids(ctx: ToolContext) -> list[str]:
    async with ctx.store.read() as work:
        book = await work.accounts.all()
    return [
        name
        for each in sorted(book, key=lambda one: one.name.casefold())
        for name in (each.name, each.mixpanel_id)
    ]


async def _features(ctx: ToolContext) -> list[str]:
    return [each.slug for each in ctx.kb.features()]


async def _funnels(ctx: ToolContext) -> list[str]:
    async with ctx.store.read() as work:
        return await work.funnels.names()


async def _reports(ctx: ToolContext) -> list[str]:
    return [each.name for each in await list_reports(ctx)]


async def _nights(ctx: ToolContext) -> list[str]:
    async with ctx.store.read() as work:
        return [str(each.night) for each in await work.nights.newest(NIGHTS)]


_KNOWN: dict[str, Callable[[ToolContext], Awaitable[list[str]]]] = {
    "account": _accounts,
    "accounts": _accounts,
    "date": _nights,
    "feature": _features,
    "funnel": _funnels,
    "id": _account_ids,
    "report": _reports,
    "slug": _features,
}
"""By the argument's name: it means the same in every prompt and template."""

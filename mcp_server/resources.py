"""What a chat client can read without asking a tool."""

from collections.abc import Awaitable, Callable

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import FunctionResource

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.engine import grounding, score_words
from handrail.engine.brief_words import text
from handrail.errors import CallerError, HandrailError
from handrail.flows import health
from handrail.flows.brief import kept
from handrail.flows.sending_rules import sending_rules
from tools import catalogue
from tools._answers import find, which
from tools._server import OnDemand
from tools.get_night_report import get_night_report

LATEST_BRIEF = "handrail://brief/latest"
OF_AN_ACCOUNT = ("get_account_health", "query_events", "query_funnel", "find_struggling_users", "list_alerts")
"""The tools whose sentences make an account's overview, as far as they are in the catalogue."""

Read = Callable[..., Awaitable[str]]


def publish(server: MCPServer[OnDemand], on_demand: OnDemand) -> None:
    """Put every resource and resource template on the server."""

    def fixed(uri: str, name: str, title: str, mime_type: str, read: Read) -> None:
        async def now() -> str:
            return await _in_our_words(on_demand, read)

        resource = FunctionResource.from_function(
            now, uri, name=name, title=title, description=read.__doc__, mime_type=mime_type
        )
        server.add_resource(resource)

    fixed(LATEST_BRIEF, "morning_brief", "Morning brief", "text/plain", _brief)
    fixed("kb://features", "features", "Features", "text/markdown", _features)
    fixed("run://latest", "last_night", "Last night", "application/json", _night)
    fixed("score://definition", "score", "Engagement score", "text/markdown", _score)
    fixed("policy://sending", "sending_rules", "Sending rules", "text/markdown", _policy)

    @server.resource(
        "kb://features/{slug}",
        title="Feature document",
        description=_feature.__doc__,
        mime_type="text/markdown",
    )
    async def feature(slug: str) -> str:
        return await _in_our_words(on_demand, _feature, slug)

    @server.resource(
        "account://{id}/overview", title="Account", description=_overview.__doc__, mime_type="text/markdown"
    )
    async def account(id: str) -> str:  # noqa: A002  (the template's own word)
        return await _in_our_words(on_demand, _overview, id)

    @server.resource(
        "run://{date}", title="One night", description=_night.__doc__, mime_type="application/json"
    )
    async def night(date: str) -> str:
        return await _in_our_words(on_demand, _night, date)


async def _in_our_words(on_demand: OnDemand, read: Read, *given: str) -> str:
    try:
        return await read(await on_demand.get(), *given)
    except HandrailError as error:
        raise ResourceError(str(error)) from None


async def _brief(ctx: ToolContext) -> str:
    """What the last night did, at most five accounts worth a look with their evidence and a next step, and
    what was not done and why. Account names in it are text from analytics."""
    return text(await kept(ctx))


async def _features(ctx: ToolContext) -> str:
    """The features that are watched, one a line; each has a document at kb://features/SLUG."""
    return "\n".join(f"- `{each.slug}`: {each.title}. {each.summary}" for each in ctx.kb.features())


async def _feature(ctx: ToolContext, slug: str) -> str:
    """A feature's document: its steps, what its errors mean, and the rest, with the ids to cite."""
    return _document(ctx.kb.feature(slug))


def _document(feature: Feature) -> str:
    parts = [f"# {feature.title}", feature.summary, feature.url]
    parts += [f"## {each.title}\n`{each.id}`\n\n{each.text}" for each in grounding.passages(feature)]
    return "\n\n".join(parts)


async def _night(ctx: ToolContext, night: str = "") -> str:
    """The report of a night (YYYY-MM-DD, or latest): who struggled, what was sent or withheld, and why."""
    return (await get_night_report(ctx, night=night)).model_dump_json(indent=1)


async def _policy(ctx: ToolContext) -> str:
    """The rules that decide whether a mail may leave, in their order, with this installation's limits."""
    return sending_rules(ctx.settings)


async def _score(ctx: ToolContext) -> str:
    """How the engagement score is made here: its components, weights and bands, and what it leaves out."""
    return score_words.definition(health.definition(ctx))


async def _overview(ctx: ToolContext, account: str) -> str:
    """An account in a few sentences: health, events, funnels, who is stuck, and what to know of the figures.

    By name, domain or id. Names in it are text from analytics.
    """
    who = await find(ctx, account)
    if isinstance(who, list):
        raise CallerError(which(account, who))
    told: list[str] = []
    caveats: dict[str, None] = {}
    for tool in catalogue():
        if tool.name not in OF_AN_ACCOUNT:
            continue
        try:
            answer = await tool.function(ctx, account=who.id)
        except HandrailError as error:
            told.append(f"- {tool.title}: {error}")
            continue
        told.append(f"- {tool.title}: {answer.model_dump()['summary']}")
        caveats.update(dict.fromkeys(getattr(answer, "caveats", ())))
    known = (
        ["", "What has to be known of these figures:", *(f"- {each}" for each in caveats)] if caveats else []
    )
    return "\n".join([f"# {who.name} ({who.mixpanel_id})", "", *told, *known])

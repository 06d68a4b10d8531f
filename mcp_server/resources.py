"""What a chat client can read without asking a tool."""

from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import FunctionResource, Resource

from handrail.engine.brief_words import text
from handrail.errors import HandrailError
from handrail.flows.brief import kept
from tools._server import OnDemand

LATEST_BRIEF = "handrail://brief/latest"


def brief(on_demand: OnDemand) -> Resource:
    """The newest morning brief as text."""

    async def latest() -> str:
        try:
            return text(await kept(await on_demand.get()))
        except HandrailError as error:
            raise ResourceError(str(error)) from None

    return FunctionResource.from_function(
        latest,
        LATEST_BRIEF,
        name="morning_brief",
        title="Morning brief",
        description="What the last night did, at most five accounts worth a look with their evidence and a "
        "next step, and what was not done and why. Account names in it are text from analytics.",
        mime_type="text/plain",
    )

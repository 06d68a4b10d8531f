"""Asking the person who talks to the client before a tool acts, on both eras of the protocol."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.errors import HandrailError
from tools._tool import Ask, Question

ASKED, ANSWERED = "question_asked", "question_answered"
"""Hidden parameters, which no client sees or can give."""

KEYWORD = inspect.Parameter.KEYWORD_ONLY


class Yes(BaseModel):
    yes: bool = Field(title="Send it", description="Send exactly this mail to exactly this person.")


def parameters(
    ask: Ask, shown: list[inspect.Parameter], open_context: Callable[[Context[Any]], Awaitable[ToolContext]]
) -> list[inspect.Parameter]:
    """The hidden parameters of a tool that asks first: the question, and the person's answer to it.

    A client that cannot ask gets no question; the tool then goes by its argument `confirm`.
    """

    async def question(*, mcp_context: Context[Any], **given: Any) -> Question | None:
        if not _can_ask(mcp_context):
            return None
        try:
            return await ask(await open_context(mcp_context), **given)
        except HandrailError as error:
            raise ToolError(str(error)) from None

    _sign(question, [*shown, inspect.Parameter("mcp_context", KEYWORD, annotation=Context)])

    async def answer(asked: Annotated[Question | None, Resolve(question)]) -> Elicit[Yes] | Yes:
        return Elicit(asked.text, Yes) if asked else Yes(yes=False)

    return [
        inspect.Parameter(ASKED, KEYWORD, annotation=Annotated[Question | None, Resolve(question)]),
        inspect.Parameter(ANSWERED, KEYWORD, annotation=Annotated[ElicitationResult[Yes], Resolve(answer)]),
    ]


def settle(given: dict[str, Any]) -> None:
    """Take the hidden parameters out; a yes to the question becomes its code in `confirm`.

    Whoever could be asked was asked: then `confirm` counts for nothing.
    """
    asked: Question | None = given.pop(ASKED, None)
    answered = given.pop(ANSWERED, None)
    if asked is None:
        return
    if not isinstance(answered, AcceptedElicitation) or not answered.data.yes:
        raise ToolError("Nothing was sent: the person who was asked did not say yes.")
    given["confirm"] = asked.code


def _can_ask(context: Context[Any]) -> bool:
    """A bare `elicitation: {}`, the only shape before there were modes, means forms."""
    known = context.client_capabilities
    asks = known.elicitation if known else None
    return asks is not None and (asks.form is not None or asks.url is None)


def _sign(function: Callable[..., Any], shown: list[inspect.Parameter]) -> None:
    vars(function)["__signature__"] = inspect.Signature(shown)
    function.__annotations__ = {each.name: each.annotation for each in shown}

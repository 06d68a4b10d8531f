"""A person is asked before a mail leaves, on both protocol eras, by hosts that can ask and by others."""

from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitResult

from handrail.context import ToolContext
from mcp_server.server import create_server
from standin.state import Standin
from tests.mcp_server.test_server import ERAS, content, text
from tests.tools.test_send_tutorial import FEATURE, change_texts, stuck_person
from tools._server import already_open


class Person:
    """Answers a host's questions, and keeps them."""

    def __init__(self, action: Any, yes: bool | None = None) -> None:
        self.action = action
        self.yes = yes
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        assert set(params.requested_schema["properties"]) == {"yes"}
        self.asked.append(params.message)
        return ElicitResult(action=self.action, content=None if self.yes is None else {"yes": self.yes})


@pytest.mark.parametrize("era", ERAS)
async def test_a_person_who_says_yes_has_read_the_very_mail_that_leaves(
    era: Any, ctx: ToolContext, standins: Standin
) -> None:
    who, person = await stuck_person(ctx), Person("accept", yes=True)
    async with Client(create_server(already_open(ctx)), mode=era, elicitation_callback=person) as client:
        sent = content(await client.call_tool("send_tutorial", {"user_key": who, "feature": FEATURE}))

    [question] = person.asked
    [mail] = standins.mails
    assert sent["status"] == "sent"
    assert f"Subject: {mail['subject']}" in question
    assert who[:12] in question
    assert mail["to"] not in question


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("person", [Person("accept", yes=False), Person("decline"), Person("cancel")])
async def test_without_a_yes_nothing_leaves_and_no_code_makes_up_for_it(
    era: Any, person: Person, ctx: ToolContext, standins: Standin
) -> None:
    who = await stuck_person(ctx)
    person.asked.clear()
    async with Client(create_server(already_open(ctx)), mode=era) as other:
        given = {"user_key": who, "feature": FEATURE}
        code = content(await other.call_tool("send_tutorial", given))["confirm"]
    async with Client(create_server(already_open(ctx)), mode=era, elicitation_callback=person) as client:
        answer = await client.call_tool("send_tutorial", {**given, "confirm": code})

    assert answer.is_error
    assert "Nothing was sent" in text(answer)
    assert len(person.asked) == 1
    assert standins.mails == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_host_that_cannot_ask_sends_with_the_code_of_the_mail_that_was_shown(
    era: Any, ctx: ToolContext, standins: Standin
) -> None:
    given = {"user_key": await stuck_person(ctx), "feature": FEATURE}
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        shown = content(await client.call_tool("send_tutorial", given))
        before = list(standins.mails)
        sent = content(await client.call_tool("send_tutorial", {**given, "confirm": shown["confirm"]}))

    assert (shown["status"], before) == (None, [])
    assert sent["status"] == "sent"
    assert len(standins.mails) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_text_that_changes_while_the_person_reads_does_not_leave(
    era: Any, ctx: ToolContext, standins: Standin
) -> None:
    given = {"user_key": await stuck_person(ctx), "feature": FEATURE}
    asked: list[str] = []

    async def slow_reader(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        if len(asked) == 1:
            change_texts(ctx)
            return ElicitResult(action="accept", content={"yes": True})
        return ElicitResult(action="decline")

    async with Client(create_server(already_open(ctx)), mode=era, elicitation_callback=slow_reader) as client:
        answer = await client.call_tool("send_tutorial", given)

    assert answer.is_error
    assert standins.mails == []
    assert "Another text." not in asked[0]
    assert era == "legacy" or "Another text." in asked[1], "the newer era asks anew, with the new text"


async def test_the_question_and_its_answer_are_no_arguments_that_a_client_could_give(
    ctx: ToolContext, standins: Standin
) -> None:
    given = {"user_key": await stuck_person(ctx), "feature": FEATURE}
    async with Client(create_server(already_open(ctx))) as client:
        listed = next(each for each in (await client.list_tools()).tools if each.name == "send_tutorial")
        forged = await client.call_tool(
            "send_tutorial",
            {**given, "question_asked": {"text": "x", "code": "y"}, "question_answered": True},
        )

    assert set(listed.input_schema["properties"]) == {"user_key", "feature", "confirm"}
    assert forged.is_error
    assert standins.mails == []

"""The Messages API stand-in, driven by the real SDK with strict validation of every reply."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_type_hints

import anthropic
import httpx2
import pytest
from anthropic.types import Message, TextBlock, ToolUseBlock
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.messages import MessageBatch

from standin.messages import reading, rules, schemas
from standin.server import running
from standin.state import Standin
from standin.world import World

TASK = {
    "task": "write_tutorial",
    "feature": "import-contacts",
    "stuck_step": "map-columns",
    "main_error": "missing_column",
    "style": "plain",
}
STEP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["step", "text", "quote"],
    "properties": {"step": {"type": "string"}, "text": {"type": "string"}, "quote": {"type": "string"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["feature", "subject", "intro", "steps"],
    "properties": {
        "feature": {"type": "string"},
        "subject": {"type": "string"},
        "intro": {"type": "string"},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}},
    },
    "$defs": {"Step": STEP},
}
FORMAT = {"format": {"type": "json_schema", "schema": SCHEMA}}
SEARCH: dict[str, Any] = {
    "name": "search_feature_docs",
    "description": "Passages of the knowledge base.",
    "input_schema": {
        "type": "object",
        "properties": {"feature": {"type": "string"}},
        "required": ["feature"],
    },
}
PASSAGES = [
    {
        "id": "import-contacts#start",
        "kind": "step",
        "step": "start",
        "title": "Open the import",
        "text": "Go to Contacts and choose Import in the top right corner. Nothing changes before the end.",
    },
    {
        "id": "import-contacts#upload",
        "kind": "step",
        "step": "upload",
        "title": "Upload the file",
        "text": "Drop a .csv or .xlsx file of at most 25 MB onto the grey field.",
    },
    {
        "id": "import-contacts#map-columns",
        "kind": "step",
        "step": "map-columns",
        "title": "Match the columns",
        "text": "Loomwork suggests a field for every column. Email has to be matched. Then choose Check.",
    },
    {
        "id": "import-contacts#finish",
        "kind": "step",
        "step": "finish",
        "title": "Review and import",
        "text": "The review shows how many contacts are new. Choose Import to go ahead.",
    },
    {
        "id": "import-contacts#error-encoding",
        "kind": "error",
        "step": "upload",
        "title": "encoding",
        "text": "The file is not saved as UTF-8. Save it again.",
    },
    {
        "id": "import-contacts#error-missing_column",
        "kind": "error",
        "step": "map-columns",
        "title": "missing_column",
        "text": "No column is matched to Email. Choose the column with the addresses beside Email.",
    },
    {
        "id": "connect-calendar#start",
        "kind": "step",
        "step": "start",
        "title": "Connect",
        "text": "Choose Connect a calendar.",
    },
]
TITLE = "Import contacts from a spreadsheet"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    folder = tmp_path_factory.mktemp("world")
    with running(World(folder, {"now": "2026-11-21T02:00:00+00:00", "timezone": "UTC"})) as state:
        yield state


@pytest.fixture
def state(served: Standin) -> Standin:
    served.reset()
    return served


@pytest.fixture
async def client(state: Standin) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=f"{state.base_url}/anthropic",
        api_key="sk-test",
        max_retries=0,
        timeout=20,
        _strict_response_validation=True,
    ) as client:
        yield client


def asking(**changes: Any) -> dict[str, Any]:
    words = f"Please write.\n{json.dumps({**TASK, **changes})}\nThank you {{kindly}}."
    return {"role": "user", "content": [{"type": "text", "text": "Rules."}, {"type": "text", "text": words}]}


def found(call: ToolUseBlock, passages: list[dict[str, Any]] = PASSAGES) -> dict[str, Any]:
    answer = "Found:\n" + json.dumps({"title": TITLE, "passages": passages})
    block = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": answer}]}
    return {"role": "user", "content": [block]}


async def create(client: anthropic.AsyncAnthropic, *messages: dict[str, Any], **more: Any) -> Message:
    given = {
        "model": "claude-haiku-5-5",
        "max_tokens": 2048,
        "system": "You write tutorials.",
        "tools": [SEARCH],
        "output_config": FORMAT,
        "messages": list(messages),
        **more,
    }
    answer: Message = await client.messages.create(**given)
    return answer


def called(message: Message) -> ToolUseBlock:
    [block] = [each for each in message.content if isinstance(each, ToolUseBlock)]
    return block


def said(message: Message) -> str:
    [block] = message.content
    assert isinstance(block, TextBlock)
    return block.text


async def told(client: anthropic.AsyncAnthropic, *, passages: Any = PASSAGES, **task: Any) -> dict[str, Any]:
    """A whole conversation: the task, the search, its result, the tutorial."""
    first = await create(client, asking(**task))
    last = await create(client, asking(**task), first.to_param(), found(called(first), passages))  # type: ignore[arg-type]
    value: dict[str, Any] = json.loads(said(last))
    return value


async def refused(client: anthropic.AsyncAnthropic, *messages: dict[str, Any], **more: Any) -> str:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await create(client, *messages, **more)
    assert caught.value.type == "invalid_request_error"
    assert str(caught.value.request_id).startswith("req_")
    return str(caught.value.api_message)


async def test_a_whole_tool_conversation_ends_in_a_tutorial_of_the_documents_words(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    question = asking()
    first = await create(client, question)

    assert first.stop_reason == "tool_use"
    assert first.content[0].type == "thinking"
    assert called(first).name == "search_feature_docs"
    assert called(first).input == {"feature": "import-contacts"}

    last = await create(client, question, first.to_param(), found(called(first)))  # type: ignore[arg-type]

    assert last.stop_reason == "end_turn"
    assert json.loads(said(last)) == {
        "feature": "import-contacts",
        "subject": "Quick help with Import contacts from a spreadsheet",
        "intro": "This picks up at “Match the columns”.",
        "steps": [
            {
                "step": "map-columns",
                "text": "No column is matched to Email. Choose the column with the addresses beside Email.",
                "quote": "No column is matched to Email.",
            },
            {
                "step": "finish",
                "text": "The review shows how many contacts are new. Choose Import to go ahead.",
                "quote": "The review shows how many contacts are new.",
            },
        ],
    }
    assert [len(kept["body"]["messages"]) for kept in state.prompts] == [1, 3]
    assert state.prompts[0]["body"]["messages"] == [question]


async def test_usage_counts_a_quarter_of_the_characters(client: anthropic.AsyncAnthropic) -> None:
    short = await create(client, {"role": "user", "content": "Hello"}, output_config={}, tools=[])
    long = await create(client, {"role": "user", "content": "Hello" * 4000}, output_config={}, tools=[])

    assert long.usage.input_tokens - short.usage.input_tokens == pytest.approx(5000, abs=2)
    assert short.usage.output_tokens == len(said(short)) // 4


async def test_without_a_main_error_the_step_is_told_in_its_own_words(
    client: anthropic.AsyncAnthropic,
) -> None:
    [stuck, _] = (await told(client, main_error=None))["steps"]

    assert stuck == {
        "step": "map-columns",
        "text": "Loomwork suggests a field for every column. Email has to be matched.",
        "quote": "Loomwork suggests a field for every column.",
    }


async def test_an_error_of_another_step_is_not_used(client: anthropic.AsyncAnthropic) -> None:
    [stuck, _] = (await told(client, main_error="encoding"))["steps"]

    assert stuck["quote"] == "Loomwork suggests a field for every column."


async def test_without_a_stuck_step_the_document_is_told_from_its_start(
    client: anthropic.AsyncAnthropic,
) -> None:
    tutorial = await told(client, stuck_step=None, main_error=None)

    assert [step["step"] for step in tutorial["steps"]] == ["start", "upload", "map-columns", "finish"]
    assert tutorial["intro"] == "This goes through Import contacts from a spreadsheet, step by step."


async def test_at_most_five_steps_are_told(client: anthropic.AsyncAnthropic) -> None:
    many = [{**PASSAGES[0], "id": f"import-contacts#s{n}", "step": f"s{n}"} for n in range(9)]

    steps = (await told(client, passages=many, stuck_step="s2"))["steps"]

    assert [step["step"] for step in steps] == ["s2", "s3", "s4", "s5", "s6"]


@pytest.mark.parametrize("passages", [[], PASSAGES[-1:]])
async def test_with_no_passage_of_the_feature_there_are_no_steps(
    client: anthropic.AsyncAnthropic, passages: list[dict[str, Any]]
) -> None:
    assert (await told(client, passages=passages))["steps"] == []


@pytest.mark.parametrize("style", ["plain", "checklist", "story"])
async def test_every_style_tells_the_same_steps_with_exact_quotes(
    client: anthropic.AsyncAnthropic, style: str
) -> None:
    tutorial = await told(client, style=style)

    assert "Match the columns" in tutorial["intro"]
    assert [step["step"] for step in tutorial["steps"]] == ["map-columns", "finish"]
    for step in tutorial["steps"]:
        sources = [each["text"] for each in PASSAGES if each["step"] == step["step"]]
        assert any(step["quote"] in source for source in sources)
        assert step["text"].endswith(("beside Email.", "to go ahead."))


async def test_styles_differ_in_their_words(client: anthropic.AsyncAnthropic) -> None:
    intros = {(await told(client, style=style))["intro"] for style in ("plain", "checklist", "story")}

    assert len(intros) == 3


async def test_only_keys_of_the_schema_are_written_and_required_ones_always(
    client: anthropic.AsyncAnthropic,
) -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["subject", "links", "kind", "note"],
        "properties": {
            "subject": {"type": "string"},
            "links": {"type": "array", "items": {"type": "string"}},
            "kind": {"enum": ["tutorial", "other"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "extra": {"type": "string"},
        },
    }
    config = {"format": {"type": "json_schema", "schema": schema}}

    answer = await create(client, asking(), tools=[], output_config=config)

    assert json.loads(said(answer)) == {
        "subject": "Quick help with Import contacts",
        "links": [],
        "kind": "tutorial",
        "note": "",
    }


async def test_without_an_output_format_the_same_json_comes_as_text(client: anthropic.AsyncAnthropic) -> None:
    answer = await create(client, asking(), tools=[], output_config={})

    assert set(json.loads(said(answer))) == {"feature", "tone", "subject", "intro", "steps"}


async def test_another_search_tool_gets_the_words_it_requires(client: anthropic.AsyncAnthropic) -> None:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    tools = [
        {"name": "list_alerts", "input_schema": {"type": "object", "properties": {}}},
        {"name": "kb_search", "input_schema": schema},
    ]

    call = called(await create(client, asking(), tools=tools))

    assert (call.name, call.input) == ("kb_search", {"query": "map columns missing column"})


async def test_a_reply_longer_than_max_tokens_is_cut(client: anthropic.AsyncAnthropic) -> None:
    answer = await create(client, asking(), tools=[], max_tokens=5)

    assert answer.stop_reason == "max_tokens"
    assert len(said(answer)) == 20


async def test_the_task_is_found_in_a_string_among_prose_with_braces(
    client: anthropic.AsyncAnthropic,
) -> None:
    words = "Use {name} as is {}. " + json.dumps(TASK)

    assert called(await create(client, {"role": "user", "content": words})).input == {
        "feature": "import-contacts"
    }


async def test_counting_and_models_answer_as_the_sdk_expects(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(
        model="claude-haiku-5-5", messages=[{"role": "user", "content": "x" * 4000}]
    )
    listed = [each.id async for each in client.models.list()]

    assert counted.input_tokens == pytest.approx(1000, abs=40)
    assert "claude-haiku-5-5" in listed
    assert (await client.models.retrieve("claude-haiku-5-5")).lifecycle == "active"
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("gpt-2")
    with pytest.raises(anthropic.NotFoundError):
        await create(client, asking(), model="gpt-2")


async def test_sampling_prefill_forced_tools_and_unknown_keys_are_refused(
    client: anthropic.AsyncAnthropic,
) -> None:
    user: dict[str, Any] = {"role": "user", "content": "Hi"}
    assistant: dict[str, Any] = {"role": "assistant", "content": "{"}

    assert "temperature" in await refused(client, user, extra_body={"temperature": 0})
    assert "prefill" in await refused(client, user, assistant)
    assert "user role" in await refused(client, assistant, user)
    assert "tool_choice" in await refused(client, user, tool_choice={"type": "any"})
    assert "tool_choice" in await refused(
        client, user, tool_choice={"type": "tool", "name": "search_feature_docs"}
    )
    assert "thread" in await refused(client, user, extra_body={"thread": {"type": "create"}})
    assert "thinking" in await refused(client, user, thinking={"type": "enabled", "budget_tokens": 1024})
    assert "text content" in await refused(
        client, {"role": "user", "content": [{"type": "text", "text": ""}]}
    )
    assert "max_tokens" in await refused(client, user, max_tokens=0)
    assert "pattern" in await refused(client, user, tools=[{**SEARCH, "name": "search.docs"}])
    assert "unique" in await refused(client, user, tools=[SEARCH, SEARCH])


async def test_bodies_out_of_shape_are_refused(client: anthropic.AsyncAnthropic) -> None:
    user: dict[str, Any] = {"role": "user", "content": "Hi"}
    shapeless = {"name": "search_feature_docs", "input_schema": {}}

    assert "model" in await refused(client, user, model=5)
    assert "stream" in await refused(client, user, extra_body={"stream": True})
    assert "input_schema" in await refused(client, user, tools=[shapeless])
    assert "effort" in await refused(client, user, output_config={"effort": "huge"})
    assert "json_schema" in await refused(client, user, output_config={"format": {"type": "json"}})
    assert "at least one message" in await refused(client)
    assert "role" in await refused(client, {"role": "robot", "content": "Hi"})
    assert "content" in await refused(client, {"role": "user", "content": []})
    assert "tag 'tool_use'" in await refused(client, {"role": "user", "content": [{"type": "tool_use"}]})


async def test_a_schema_that_the_grammar_lacks_is_refused(client: anthropic.AsyncAnthropic) -> None:
    user = {"role": "user", "content": "Hi"}

    def config(schema: dict[str, Any]) -> dict[str, Any]:
        return {"format": {"type": "json_schema", "schema": schema}}

    open_ended = {key: value for key, value in SCHEMA.items() if key != "additionalProperties"}
    limited = {**SCHEMA, "properties": {"subject": {"type": "string", "maxLength": 78}}}
    assert "additionalProperties" in await refused(client, user, output_config=config(open_ended))
    assert "maxLength" in await refused(client, user, output_config=config(limited))
    for inner in (
        {"type": "array", "items": {"type": "string", "pattern": "a"}},
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        {"type": "array", "items": {"type": "string"}, "minItems": 2},
    ):
        nested = {**SCHEMA, "properties": {"subject": inner}}
        assert "support" in await refused(client, user, output_config=config(nested))
    assert list(schemas.unsupported({**SCHEMA, "properties": {"pattern": {"type": "string"}}})) == []


async def test_calls_and_results_have_to_pair_up(client: anthropic.AsyncAnthropic) -> None:
    first = await create(client, asking())
    reply: Any = first.to_param()
    result = found(called(first))["content"][0]
    prose = {"type": "text", "text": "Here you are."}

    def answered(*blocks: dict[str, Any]) -> dict[str, Any]:
        return {"role": "user", "content": list(blocks)}

    assert "without `tool_result`" in await refused(client, asking(), reply, answered(prose))
    stray = {**result, "tool_use_id": "toolu_other"}
    assert "unexpected" in await refused(client, asking(), reply, answered(result, stray))
    assert "unexpected" in await refused(client, asking(), reply, answered(result, result))
    assert "unexpected" in await refused(client, answered(result))
    assert "before any other" in await refused(client, asking(), reply, answered(prose, result))


async def test_history_is_append_only_once_a_thinking_block_is_in_it(
    client: anthropic.AsyncAnthropic,
) -> None:
    first = await create(client, asking())
    reply: Any = first.to_param()
    rest = (reply, found(called(first)))

    assert "signature" in await refused(client, asking(), *rest, system="Another system prompt.")
    assert "signature" in await refused(client, asking(), *rest, tools=[])
    assert "signature" in await refused(client, asking(), *rest, model="claude-sonnet-5-5")
    assert "signature" in await refused(client, asking(style="story"), *rest)
    marked = asking()
    marked["content"][-1]["cache_control"] = {"type": "ephemeral"}
    assert (await create(client, marked, *rest)).stop_reason == "end_turn"


async def test_a_missing_version_or_bearer_is_refused_with_a_request_id(state: Standin) -> None:
    url = f"{state.base_url}/anthropic/v1/messages"
    body = {"model": "claude-haiku-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    version = {"anthropic-version": "2026-10-21"}
    bearer = {"Authorization": "Bearer sk-test"}
    async with httpx2.AsyncClient() as http:
        no_version = await http.post(url, json=body, headers=bearer)
        old_key = await http.post(url, json=body, headers={**version, "x-api-key": "sk-test"})
        old_version = await http.post(url, json=body, headers={"anthropic-version": "2023-06-01", **bearer})
        no_object = await http.post(url, json=[], headers={**version, **bearer})
        no_json = await http.post(url, content=b"{", headers={**version, **bearer})
        good = await http.post(url, json=body, headers={**version, **bearer})

    assert (old_version.status_code, no_object.status_code) == (400, 400)
    assert [each.status_code for each in (no_version, old_key, no_json, good)] == [400, 401, 400, 200]
    assert "anthropic-version" in no_version.json()["error"]["message"]
    assert old_key.json()["error"]["type"] == "authentication_error"
    assert old_key.json()["request_id"] == old_key.headers["request-id"]
    assert good.headers["request-id"].startswith("req_")


async def test_a_refused_body_is_kept_too(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    await refused(client, asking(), extra_body={"temperature": 0})

    assert [kept["body"]["temperature"] for kept in state.prompts] == [0]
    assert state.prompts[0]["at"].startswith("2026-11-21T02:00:0")


def test_the_known_keys_are_those_of_the_installed_sdk() -> None:
    in_headers = {"workspace_id", "user_profile_id"}

    assert set(get_type_hints(MessageCreateParamsNonStreaming)) - in_headers == rules.CREATE_KEYS
    assert set(get_type_hints(MessageCountTokensParams)) - in_headers == rules.COUNT_KEYS


def test_passages_are_found_however_deep_the_answer_holds_them() -> None:
    answer = {"structured": {"result": {"passages": PASSAGES}}}
    message = {"role": "user", "content": [{"type": "tool_result", "content": json.dumps(answer)}]}

    request = reading.read({"messages": [asking(), message]})

    assert [each["id"] for each in request.passages] == [each["id"] for each in PASSAGES[:-1]]
    assert request.title == "Import contacts"


def test_a_title_is_found_beside_the_passages_or_with_the_feature() -> None:
    for answer in (
        {"title": TITLE, "passages": PASSAGES},
        {"documents": [{"feature": "import-contacts", "title": TITLE}], "passages": PASSAGES},
        {"passages": [{**PASSAGES[0], "document_title": TITLE}]},
        {"passages": [*PASSAGES, {"id": "import-contacts#top", "kind": "section", "title": TITLE}]},
    ):
        message = {"role": "user", "content": [{"type": "tool_result", "content": json.dumps(answer)}]}
        assert reading.read({"messages": [asking(), message]}).title == TITLE


def fault(state: Standin, name: str) -> None:
    state.faults.add({"neighbour": "anthropic", "route": "/v1/messages", "fault": name, "times": 1})


async def test_a_refusal_is_a_200_with_its_category(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    fault(state, "refuse")

    answer = await create(client, asking())

    assert answer.stop_reason == "refusal"
    assert answer.content == []
    assert answer.stop_details is not None
    assert answer.stop_details.category == "general_harms"


async def test_overload_is_a_529_once(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    fault(state, "overloaded")

    with pytest.raises(anthropic.OverloadedError):
        await create(client, asking())

    assert (await create(client, asking())).stop_reason == "tool_use"


async def test_faults_of_the_last_turn_wait_for_it(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    fault(state, "nonsense")
    first = await create(client, asking())
    reply: Any = first.to_param()

    last = await create(client, asking(), reply, found(called(first)))

    assert first.stop_reason == "tool_use"
    assert last.stop_reason == "end_turn"
    with pytest.raises(json.JSONDecodeError):
        json.loads(said(last))


async def test_a_cut_reply_says_so_and_is_no_json(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    fault(state, "truncate")

    answer = await create(client, asking(), tools=[])

    assert answer.stop_reason == "max_tokens"
    with pytest.raises(json.JSONDecodeError):
        json.loads(said(answer))


async def test_a_wrong_shape_is_json_without_the_required_keys(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    fault(state, "wrong_shape")

    value = json.loads(said(await create(client, asking(), tools=[])))

    assert not set(value) & set(SCHEMA["required"])


async def test_an_inventive_reply_fits_the_schema_and_is_made_up(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    fault(state, "inventive")

    tutorial = await told(client)

    assert set(tutorial) == set(SCHEMA["required"])
    assert not {step["step"] for step in tutorial["steps"]} & {str(each["step"]) for each in PASSAGES}
    assert "https://evil.example" in tutorial["steps"][0]["text"]
    assert not any(step["quote"] in str(each["text"]) for step in tutorial["steps"] for each in PASSAGES)


async def test_a_loop_asks_again_although_it_was_answered(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    state.faults.add({"neighbour": "anthropic", "route": "/v1/messages", "fault": "loop"})
    messages: list[Any] = [asking()]

    for _ in range(4):
        answer = await create(client, *messages)
        messages += [answer.to_param(), found(called(answer))]
        assert called(answer).input == {"feature": "import-contacts"}


async def test_an_unknown_tool_is_one_that_was_never_offered(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    fault(state, "unknown_tool")

    assert called(await create(client, asking())).name == "mail_everyone"


async def handed_in(client: anthropic.AsyncAnthropic, **tasks: dict[str, Any]) -> MessageBatch:
    """A batch with one request for each task, by its id."""
    requests: Any = [
        {
            "custom_id": each,
            "params": {
                "model": "claude-haiku-5-5",
                "max_tokens": 2048,
                "output_config": FORMAT,
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": json.dumps({"title": TITLE, "passages": PASSAGES})},
                            {"type": "text", "text": json.dumps({**TASK, **task})},
                        ],
                    }
                ],
            },
        }
        for each, task in tasks.items()
    ]
    return await client.messages.batches.create(requests=requests)


async def outcomes(client: anthropic.AsyncAnthropic, batch_id: str) -> dict[str, Any]:
    return {each.custom_id: each.result async for each in await client.messages.batches.results(batch_id)}


async def test_a_batch_is_handed_in_looked_at_and_fetched_as_lines(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    batch = await handed_in(client, a={}, b={"stuck_step": "finish", "main_error": None})
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
    assert batch.results_url is None

    ended = await client.messages.batches.retrieve(batch.id)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 2)
    assert str(ended.results_url).startswith(state.base_url)

    found = await outcomes(client, batch.id)
    assert [json.loads(found[each].message.content[0].text)["steps"][0]["step"] for each in "ab"] == [
        "map-columns",
        "finish",
    ]
    assert [each.id async for each in client.messages.batches.list()] == [batch.id]
    assert len(state.prompts) == 2


async def test_a_slow_batch_can_be_called_off(state: Standin, client: anthropic.AsyncAnthropic) -> None:
    state.faults.add({"neighbour": "anthropic", "route": "/batches", "fault": "batch_slow", "times": 1})
    batch = await handed_in(client, a={})

    assert (await client.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
    assert (await client.messages.batches.cancel(batch.id)).processing_status == "canceling"
    assert (await client.messages.batches.retrieve(batch.id)).request_counts.canceled == 1
    assert (await outcomes(client, batch.id))["a"].type == "canceled"


async def test_requests_of_a_batch_are_refused_one_by_one_when_they_are_worked_on(
    state: Standin, client: anthropic.AsyncAnthropic
) -> None:
    state.faults.add({"neighbour": "anthropic", "route": "/batches", "fault": "expired", "times": 1})
    bad: Any = {"custom_id": "bad", "params": {"model": "claude-haiku-5-5", "max_tokens": 1, "messages": []}}
    late: Any = {"custom_id": "late", "params": bad["params"]}
    batch = await client.messages.batches.create(requests=[bad, late])

    await client.messages.batches.retrieve(batch.id)

    found = await outcomes(client, batch.id)
    assert {name: each.type for name, each in found.items()} == {"bad": "errored", "late": "expired"}
    assert "at least one message" in found["bad"].error.error.message


async def test_a_batch_out_of_shape_or_unknown_is_refused(client: anthropic.AsyncAnthropic) -> None:
    same: Any = {"custom_id": "a", "params": {}}
    wrong: list[Any] = [[], [same, same], [{"custom_id": "x" * 65, "params": {}}]]
    for requests in wrong:
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.batches.create(requests=requests)
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve("msgbatch_nobody")


async def test_marked_beginnings_are_cached_and_counted_apart(client: anthropic.AsyncAnthropic) -> None:
    mark = {"type": "ephemeral"}
    system: Any = [{"type": "text", "text": "You write tutorials. " * 150, "cache_control": mark}]

    first = (await create(client, asking(), system=system)).usage
    second = (await create(client, asking(stuck_step="finish"), system=system)).usage
    other = (await create(client, asking(), system=system, tools=[])).usage

    assert first.cache_creation_input_tokens == second.cache_read_input_tokens
    assert int(first.cache_creation_input_tokens or 0) > 512
    assert (first.cache_read_input_tokens, second.cache_creation_input_tokens) == (0, 0)
    assert first.input_tokens == pytest.approx(second.input_tokens, abs=10)
    assert other.cache_read_input_tokens == 0, "tools come first: another list misses"


async def test_a_beginning_under_the_least_length_is_not_cached(client: anthropic.AsyncAnthropic) -> None:
    system: Any = [{"type": "text", "text": "Short.", "cache_control": {"type": "ephemeral"}}]

    for _ in range(2):
        usage = (await create(client, asking(), system=system, tools=[])).usage
        assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)

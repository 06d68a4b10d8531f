"""What the conformance suite calls by name, to be added to the product's own server; the names are its own.

So the real middleware, lifespan and mounting are under test. Never served by the product.
"""

import asyncio
import base64
import io
import json
import struct
import wave
import zlib
from collections.abc import Callable
from typing import Annotated, Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    Elicit,
    ElicitationResult,
    Resolve,
    UserMessage,
)
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

SAID = "Conformance fixture."
STRING = {"type": "string"}
PLAIN = ["x", "y", "z"]
TITLED = [{"const": each, "title": each.upper()} for each in PLAIN]

Server = MCPServer[Any]
Wanted = dict[str, Any]


def add_conformance_fixture(server: Server) -> None:
    """Everything that both revisions of the suite call."""
    for function in (
        *(test_simple_text, test_image_content, test_audio_content, test_embedded_resource),
        *(test_multiple_content_types, test_error_handling, test_tool_with_progress, test_x_mcp_header),
        *(test_missing_capability, test_trigger_tool_change, test_trigger_prompt_change),
        *(test_input_required_result_multi_round, test_elicitation),
        *(test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums),
    ):
        server.add_tool(function, description=SAID)
    _add_rounds(server)
    _add_resources(server)
    for prompt in (
        *(test_simple_prompt, test_prompt_with_arguments, test_prompt_with_embedded_resource),
        *(test_prompt_with_image, test_input_required_result_prompt),
    ):
        server.prompt(description=SAID)(prompt)


def _png() -> bytes:
    """One grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def _wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(b"\0\0")
    return out.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _image() -> ImageContent:
    return ImageContent(type="image", data=_base64(_png()), mime_type="image/png")


def _embedded(uri: str, text: str = "embedded") -> EmbeddedResource:
    content = TextResourceContents(uri=uri, mime_type="text/plain", text=text)
    return EmbeddedResource(type="resource", resource=content)


def _form(message: str, **properties: Any) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sample(text: str) -> CreateMessageRequest:
    said = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[said], max_tokens=50))


# Kinds of content.


def test_simple_text() -> str:
    return "plain text"


def test_image_content() -> ImageContent:
    return _image()


def test_audio_content() -> AudioContent:
    return AudioContent(type="audio", data=_base64(_wav()), mime_type="audio/wav")


def test_embedded_resource() -> EmbeddedResource:
    return _embedded("test://embedded-resource")


def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    return [
        TextContent(type="text", text="several"),
        _image(),
        _embedded("test://mixed-content-resource", "{}"),
    ]


def test_error_handling() -> str:
    raise ToolError("fails on purpose")


async def test_tool_with_progress(ctx: Context[Any]) -> str:
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await asyncio.sleep(0.05)
    return "done"


def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "none",  # noqa: PT028
) -> str:
    return region


def test_missing_capability(ctx: Context[Any]) -> str:
    if not (ctx.client_capabilities and ctx.client_capabilities.sampling):
        lacking: Wanted = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "sampling is needed", lacking)
    return "ok"


async def test_trigger_tool_change(ctx: Context[Any]) -> str:
    await ctx.notify_tools_changed()
    return "ok"


async def test_trigger_prompt_change(ctx: Context[Any]) -> str:
    await ctx.notify_prompts_changed()
    return "ok"


# Several rounds of asking, 2026-07-28.


def _add_rounds(server: Server) -> None:
    def asks(name: str, wanted: Callable[[Context[Any]], Wanted], done: Callable[[Wanted], str]) -> None:
        async def ask(ctx: Context[Any]) -> str | InputRequiredResult:
            have, need = dict(ctx.input_responses or {}), wanted(ctx)
            if all(key in have for key in need):
                return done(have)
            return InputRequiredResult(input_requests=need, request_state="r1")

        server.add_tool(ask, name=f"test_input_required_result_{name}", description=SAID)

    asks("elicitation", lambda _: {"user_name": _who()}, lambda have: f"Hello, {_name(have)}!")
    asks(
        "sampling",
        lambda _: {"capital_question": _capital()},
        lambda have: str(have["capital_question"].content.text),
    )
    asks(
        "list_roots",
        lambda _: {"client_roots": ListRootsRequest()},
        lambda have: str(len(have["client_roots"].roots)),
    )
    asks("multiple_inputs", lambda _: _three(), lambda _: "all three")
    asks("capabilities", _by_capabilities, lambda _: "ok")
    for name in ("request_state", "tampered_state"):
        server.add_tool(_with_state, name=f"test_input_required_result_{name}", description=SAID)


def _who() -> ElicitRequest:
    return _form("What is your name?", name=STRING)


def _name(have: Wanted) -> Any:
    return (have["user_name"].content or {}).get("name")


def _capital() -> CreateMessageRequest:
    return _sample("What is the capital of France?")


def _three() -> Wanted:
    return {"user_name": _who(), "greeting": _sample("Greet"), "client_roots": ListRootsRequest()}


def _by_capabilities(ctx: Context[Any]) -> Wanted:
    can = ctx.client_capabilities
    offered: list[tuple[str, Any, Any]] = [
        ("user_name", _who(), can and can.elicitation),
        ("capital_question", _capital(), can and can.sampling),
        ("client_roots", ListRootsRequest(), can and can.roots),
    ]
    return {name: request for name, request, has in offered if has}


async def _with_state(ctx: Context[Any]) -> str | InputRequiredResult:
    if "confirm" in (ctx.input_responses or {}):
        return "state-ok" if ctx.request_state == "s1" else "state-bad"
    confirm: Wanted = {"confirm": _form("Please confirm", ok={"type": "boolean"})}
    return InputRequiredResult(input_requests=confirm, request_state="s1")


async def test_input_required_result_multi_round(ctx: Context[Any]) -> str | InputRequiredResult:
    have: Wanted = dict(ctx.input_responses or {})
    state = json.loads(ctx.request_state or "{}")
    if "step2" in have and state.get("round") == 2:
        return f"{state['name']}: {have['step2'].content['color']}"
    if "step1" in have and state.get("round") == 1:
        told = json.dumps({"round": 2, "name": have["step1"].content["name"]})
        second: Wanted = {"step2": _form("Colour?", color=STRING)}
        return InputRequiredResult(input_requests=second, request_state=told)
    first: Wanted = {"step1": _form("Name?", name=STRING)}
    return InputRequiredResult(input_requests=first, request_state=json.dumps({"round": 1}))


# Asking on both revisions. The fields' names are the suite's.


class Reply(BaseModel):
    response: str = Field(description="reply")


class Defaults(BaseModel):
    name: str = Field(default="John Doe", description="n")
    age: int = Field(default=30, description="a")
    score: float = Field(default=95.5, description="s")
    status: str = Field(
        default="active", description="st", json_schema_extra={"enum": ["active", "inactive", "pending"]}
    )
    verified: bool = Field(default=True, description="v")


class Enums(BaseModel):
    untitledSingle: str = Field(description="1", json_schema_extra={"enum": PLAIN})  # type: ignore[dict-item]  # noqa: N815
    titledSingle: str = Field(description="2", json_schema_extra={"oneOf": TITLED})  # type: ignore[dict-item]  # noqa: N815
    legacyEnum: str = Field(  # noqa: N815
        description="3",
        json_schema_extra={"enum": PLAIN, "enumNames": ["X", "Y", "Z"]},  # type: ignore[dict-item]
    )
    untitledMulti: list[str] = Field(  # noqa: N815
        description="4",
        json_schema_extra={"items": {"type": "string", "enum": PLAIN}},  # type: ignore[dict-item]
    )
    titledMulti: list[str] = Field(  # noqa: N815
        description="5",
        json_schema_extra={"items": {"anyOf": TITLED}},  # type: ignore[dict-item]
    )


def _ask(message: str) -> Elicit[Reply]:
    return Elicit(message, Reply)


def _ask_defaults() -> Elicit[Defaults]:
    return Elicit("Your details", Defaults)


def _ask_enums() -> Elicit[Enums]:
    return Elicit("Choose", Enums)


def _said(answer: Any) -> str:
    content = answer.data.model_dump_json() if isinstance(answer, AcceptedElicitation) else "{}"
    return f"action={answer.action}, content={content}"


def test_elicitation(message: str, answer: Annotated[ElicitationResult[Reply], Resolve(_ask)]) -> str:
    return _said(answer)


def test_elicitation_sep1034_defaults(
    answer: Annotated[ElicitationResult[Defaults], Resolve(_ask_defaults)],
) -> str:
    return _said(answer)


def test_elicitation_sep1330_enums(answer: Annotated[ElicitationResult[Enums], Resolve(_ask_enums)]) -> str:
    return _said(answer)


# Resources and prompts.


def _add_resources(server: Server) -> None:
    server.resource("test://static-text", name="static-text", mime_type="text/plain")(lambda: "static")
    server.resource("test://static-binary", name="static-binary", mime_type="image/png")(_png)
    server.resource("test://watched-resource", name="watched", mime_type="text/plain")(lambda: "watched")
    server.resource("test://template/{id}/data", mime_type="application/json")(_from_template)


def _from_template(id: str) -> str:  # noqa: A002  (the suite's variable)
    return json.dumps({"id": id})


def test_simple_prompt() -> list[UserMessage]:
    return [UserMessage("simple")]


def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    return [UserMessage(f"{arg1} and {arg2}")]


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
    return [UserMessage(_embedded(resourceUri)), UserMessage("read it")]


def test_prompt_with_image() -> list[UserMessage]:
    return [UserMessage(_image()), UserMessage("look")]


async def test_input_required_result_prompt(ctx: Context[Any]) -> list[UserMessage] | InputRequiredResult:
    told = (ctx.input_responses or {}).get("user_context")
    if told:
        return [UserMessage(str(getattr(told, "content", "")))]
    wanted: Wanted = {"user_context": _form("Context?", context=STRING)}
    return InputRequiredResult(input_requests=wanted)

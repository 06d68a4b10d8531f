"""Test-only: the names the official suite calls, added to the product's own server."""

import asyncio, base64, io, json, struct, wave, zlib
from typing import Annotated
from pydantic import BaseModel, Field
from mcp import MCPError
from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    Elicit,
    ElicitationResult,
    MCPServer,
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


def _png() -> bytes:
    chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def _wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(8000)
        w.writeframes(b"\0\0")
    return out.getvalue()


b64 = lambda b: base64.b64encode(b).decode()
image = lambda: ImageContent(type="image", data=b64(_png()), mime_type="image/png")
embed = lambda uri, text="embedded": EmbeddedResource(
    type="resource", resource=TextResourceContents(uri=uri, mime_type="text/plain", text=text)
)
form = lambda msg, **props: ElicitRequest(
    params=ElicitRequestFormParams(
        message=msg, requested_schema={"type": "object", "properties": props, "required": list(props)}
    )
)
sample = lambda text: CreateMessageRequest(
    params=CreateMessageRequestParams(
        messages=[SamplingMessage(role="user", content=TextContent(type="text", text=text))], max_tokens=50
    )
)
STR = {"type": "string"}


def add_conformance_fixture(m: MCPServer) -> None:
    tool = lambda: m.tool(description="conformance fixture")  # the suite wants a description on everything
    prompt = lambda: m.prompt(description="conformance fixture")

    # content kinds
    @tool()
    def test_simple_text() -> str:
        return "plain text"

    @tool()
    def test_image_content() -> ImageContent:
        return image()

    @tool()
    def test_audio_content() -> AudioContent:
        return AudioContent(type="audio", data=b64(_wav()), mime_type="audio/wav")

    @tool()
    def test_embedded_resource() -> EmbeddedResource:
        return embed("test://embedded-resource")

    @tool()
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        return [
            TextContent(type="text", text="several"),
            image(),
            embed("test://mixed-content-resource", "{}"),
        ]

    @tool()
    def test_error_handling() -> str:
        raise ToolError("fails on purpose")

    @tool()
    async def test_tool_with_progress(ctx: Context) -> str:
        for p in (0, 50, 100):
            await ctx.report_progress(p, 100)
            await asyncio.sleep(0.05)
        return "done"

    @tool()
    def test_x_mcp_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "none",
    ) -> str:
        return region

    @tool()
    def test_missing_capability(ctx: Context) -> str:
        if not (ctx.client_capabilities and ctx.client_capabilities.sampling):
            raise MCPError(
                MISSING_REQUIRED_CLIENT_CAPABILITY,
                "sampling is needed",
                {"requiredCapabilities": {"sampling": {}}},
            )
        return "ok"

    @tool()
    async def test_trigger_tool_change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        return "ok"

    @tool()
    async def test_trigger_prompt_change(ctx: Context) -> str:
        await ctx.notify_prompts_changed()
        return "ok"

    # multi round trip (2026-07-28)
    def asks(name, make, done):
        async def fn(ctx: Context) -> str | InputRequiredResult:
            have, need = ctx.input_responses or {}, make(ctx)
            return (
                done(have)
                if all(k in have for k in need)
                else InputRequiredResult(input_requests=need, request_state="r1")
            )

        m.add_tool(fn, name=name, description="conformance fixture")

    who, capital = (
        (lambda: form("What is your name?", name=STR)),
        (lambda: sample("What is the capital of France?")),
    )
    asks(
        "test_input_required_result_elicitation",
        lambda c: {"user_name": who()},
        lambda h: f"Hello, {(h['user_name'].content or {}).get('name')}!",
    )
    asks(
        "test_input_required_result_sampling",
        lambda c: {"capital_question": capital()},
        lambda h: h["capital_question"].content.text,
    )
    asks(
        "test_input_required_result_list_roots",
        lambda c: {"client_roots": ListRootsRequest()},
        lambda h: str(len(h["client_roots"].roots)),
    )
    asks(
        "test_input_required_result_multiple_inputs",
        lambda c: {"user_name": who(), "greeting": sample("Greet"), "client_roots": ListRootsRequest()},
        lambda h: "all three",
    )

    def by_caps(c):
        k = c.client_capabilities
        return {
            n: v
            for n, v, has in (
                ("user_name", who(), k and k.elicitation),
                ("capital_question", capital(), k and k.sampling),
                ("client_roots", ListRootsRequest(), k and k.roots),
            )
            if has
        }

    asks("test_input_required_result_capabilities", by_caps, lambda h: "ok")

    def stateful(name):
        async def fn(ctx: Context) -> str | InputRequiredResult:
            if "confirm" in (ctx.input_responses or {}):
                return "state-ok" if ctx.request_state == "s1" else "state-bad"
            return InputRequiredResult(
                input_requests={"confirm": form("Please confirm", ok={"type": "boolean"})}, request_state="s1"
            )

        m.add_tool(fn, name=name, description="conformance fixture")

    stateful("test_input_required_result_request_state")
    stateful("test_input_required_result_tampered_state")

    @tool()
    async def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
        have, state = ctx.input_responses or {}, json.loads(ctx.request_state or "{}")
        if "step2" in have and state.get("round") == 2:
            return f"{state['name']}: {have['step2'].content['color']}"
        if "step1" in have and state.get("round") == 1:
            return InputRequiredResult(
                input_requests={"step2": form("Colour?", color=STR)},
                request_state=json.dumps({"round": 2, "name": have["step1"].content["name"]}),
            )
        return InputRequiredResult(
            input_requests={"step1": form("Name?", name=STR)}, request_state=json.dumps({"round": 1})
        )

    # elicitation on both eras
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

    plain, titled = ["x", "y", "z"], [{"const": k, "title": k.upper()} for k in "xyz"]

    class Enums(BaseModel):
        untitledSingle: str = Field(description="1", json_schema_extra={"enum": plain})
        titledSingle: str = Field(description="2", json_schema_extra={"oneOf": titled})
        legacyEnum: str = Field(
            description="3", json_schema_extra={"enum": plain, "enumNames": ["X", "Y", "Z"]}
        )
        untitledMulti: list[str] = Field(
            description="4", json_schema_extra={"items": {"type": "string", "enum": plain}}
        )
        titledMulti: list[str] = Field(description="5", json_schema_extra={"items": {"anyOf": titled}})

    def ask(message: str) -> Elicit[Reply]:
        return Elicit(message, Reply)

    def ask_defaults() -> Elicit[Defaults]:
        return Elicit("Your details", Defaults)

    def ask_enums() -> Elicit[Enums]:
        return Elicit("Choose", Enums)

    said = lambda a: (
        f"action={a.action}, content={a.data.model_dump_json() if isinstance(a, AcceptedElicitation) else '{}'}"
    )

    def test_elicitation(message: str, a: Annotated[ElicitationResult[Reply], Resolve(ask)]) -> str:
        return said(a)

    def test_elicitation_sep1034_defaults(
        a: Annotated[ElicitationResult[Defaults], Resolve(ask_defaults)],
    ) -> str:
        return said(a)

    def test_elicitation_sep1330_enums(a: Annotated[ElicitationResult[Enums], Resolve(ask_enums)]) -> str:
        return said(a)

    for fn in (test_elicitation, test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums):
        tool()(fn)
    # resources
    m.resource("test://static-text", name="static-text", mime_type="text/plain")(lambda: "static")
    m.resource("test://static-binary", name="static-binary", mime_type="image/png")(_png)
    m.resource("test://watched-resource", name="watched", mime_type="text/plain")(lambda: "watched")

    @m.resource("test://template/{id}/data", mime_type="application/json")
    def template_data(id: str) -> str:
        return json.dumps({"id": id})

    # prompts
    @prompt()
    def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage("simple")]

    @prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(f"{arg1} and {arg2}")]

    @prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
        return [UserMessage(embed(resourceUri)), UserMessage("read it")]

    @prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(image()), UserMessage("look")]

    @prompt()
    async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | InputRequiredResult:
        r = (ctx.input_responses or {}).get("user_context")
        return (
            [UserMessage(str(r.content))]
            if r
            else InputRequiredResult(input_requests={"user_context": form("Context?", context=STR)})
        )

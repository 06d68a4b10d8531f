"""Spans leave over OTLP where the setting says, and hold nothing of what was asked."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from handrail.context import ToolContext
from tests.agent.test_kill import environment

ROOT = Path(__file__).parents[3]


class Collector(BaseHTTPRequestHandler):
    """Takes what is posted, as an OTLP collector would."""

    taken: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.taken.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_each_call_is_a_span_that_names_the_tool_and_none_of_its_arguments(
    ctx: ToolContext, collector: str, tmp_path: Path
) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "handrail.cli", "mcp"],
        env={**environment(ctx.settings), "PYTHONPATH": str(ROOT), "HANDRAIL_OTLP_URL": collector},
        cwd=tmp_path,
    )
    async with Client(parameters) as client:
        answer = await client.call_tool("query_events", {"account": "Acme"})

    sent = b"".join(body for _, body in Collector.taken)
    async with ctx.store.read() as work:
        calls = await work.calls.newest(10)
    assert not answer.is_error
    assert {path for path, _ in Collector.taken} == {"/v1/traces"}
    assert b"tools/call query_events" in sent
    assert b"handrail" in sent
    assert b"Acme" not in sent
    assert [(each.caller, each.tool, each.outcome) for each in calls] == [("local", "query_events", "ok")]


def test_without_the_setting_no_exporter_is_imported() -> None:
    from handrail.cli.tracing import trace  # noqa: PLC0415
    from handrail.settings import Settings  # noqa: PLC0415

    before = set(sys.modules)
    trace(Settings.load(_env_file=None, otlp_url=""))

    assert not {name for name in set(sys.modules) - before if name.startswith("opentelemetry")}

"""What the MCP server costs over stdio: its start until the list of tools, and calls beside a trivial one."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
CACHED = "search_feature_docs"
"""The read tool that answers from memory: it has a bound. The others ask the database."""
CALLS = {
    CACHED: {"query": "allow list"},
    "find_accounts": {"sort_by": "events"},
    "query_events": {"account": "Acme"},
    "query_funnel": {"account": "Acme"},
}
"""Tools that read, each with arguments that need nothing of Mixpanel."""
STARTUP_CPU, TIMES_TRIVIAL = 1.2, 2.0
TRIVIAL = """
from mcp.server import MCPServer
from pydantic import BaseModel

class Answer(BaseModel):
    summary: str

server = MCPServer("trivial", log_level="WARNING")

@server.tool()
async def trivial(account: str) -> Answer:
    "Say nothing much."
    return Answer(summary=account)

server.run()
"""


class Server:
    """A server process, spoken to by hand so that no client's costs are counted."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._sent = 0
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        }
        self.ask("initialize", hello)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self._sent += 1
        self._write({"jsonrpc": "2.0", "id": self._sent, "method": method, "params": parameters or {}})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._sent:
                return answer
        raise SystemExit("the server ended before it answered")

    def call(self, name: str, arguments: dict[str, Any]) -> None:
        answer = self.ask("tools/call", {"name": name, "arguments": arguments})
        if "result" not in answer or answer["result"].get("isError"):
            raise SystemExit(f"{name} failed: {answer}")

    def cpu(self) -> float:
        """User and system seconds of the process so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[Server]:
    # A machine that never keeps Python's bytecode would measure the compiler.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in kept.items() if not name.startswith("HANDRAIL_")}
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield Server(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def start_cpu(**environment: str) -> float:
    """CPU seconds of one start until the tools are listed."""
    with started("-m", "handrail.cli", "mcp", **environment) as server:
        server.ask("tools/list")
        return server.cpu()


def calls(rounds: int, batch: int, **environment: str) -> dict[str, list[tuple[float, float]]]:
    """By tool: CPU milliseconds of one call, ours and the trivial one's, batch by batch in turns."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CALLS}
    with (
        started("-m", "handrail.cli", "mcp", **environment) as ours,
        started("-c", TRIVIAL) as trivial,
    ):
        for name, arguments in CALLS.items():
            ours.call(name, arguments)
        for _ in range(rounds):
            for name, arguments in CALLS.items():
                least = _batch(trivial, "trivial", {"account": "Acme"}, batch)
                found[name].append((_batch(ours, name, arguments, batch), least))
    return found


def _batch(server: Server, name: str, arguments: dict[str, Any], count: int) -> float:
    before = server.cpu()
    for _ in range(count):
        server.call(name, arguments)
    return (server.cpu() - before) * 1000 / count


def table(rounds: int, batch: int) -> str:
    """Every figure, and those that have a bound beside it."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as home:
        environment = {"HANDRAIL_DEMO": "acme", "HOME": home}
        starts = [start_cpu(**environment) for _ in range(rounds + 1)][1:]
        found = calls(rounds, batch, **environment)
    rows = ["| tool over stdio | CPU ms a call | trivial tool | times |", "|---|---|---|---|"]
    for name, pairs in found.items():
        ours, least = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        rows.append(f"| {name} | {ours:.2f} | {least:.2f} | {times(pairs):.2f} |")
    start, cached = statistics.median(starts), times(found[CACHED])
    return "\n".join(
        [
            *rows,
            "",
            "| figure | measured | must | met |",
            "|---|---|---|---|",
            f"| CPU s, start to the list of tools | {start:.2f} | {STARTUP_CPU} | "
            f"{_met(start <= STARTUP_CPU)} |",
            f"| {CACHED}, times a trivial tool | {cached:.2f} | {TIMES_TRIVIAL:.0f} | "
            f"{_met(cached <= TIMES_TRIVIAL)} |",
        ]
    )


def times(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(ours / least for ours, least in pairs if least)


def _met(good: bool) -> str:
    return "yes" if good else "**no**"

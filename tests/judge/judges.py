"""The judges: the official suite, the Inspector's command line, and a probe that calls every tool."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.judge.court import Court, Verdict

HERE = Path(__file__).parent
ERAS = ("legacy", "modern")
OURS_ALONE = (
    *("server-initialize", "server-session-lifecycle", "ping", "completion-complete"),
    *("tools-list", "resources-list", "prompts-list", "caching", "http-header-validation"),
    *("dns-rebinding-protection", "sep-2164-resource-not-found", "server-sse-multiple-streams"),
)
"""Scenarios that mean something on a server that has none of the suite's own tools."""


def conformance(court: Court) -> Iterator[Verdict]:
    """Both revisions on our server with the suite's tools added, then what applies to ours as it is."""
    suite = court.node / "conformance"
    of = ("server", "--output-dir", court.folder / "out", "--url")
    baselines: dict[str, list[str | Path]] = {
        "2026-07-28": [],
        "2025-11-25": ["--expected-failures", HERE / "not_offered.yml"],
    }
    for revision, baseline in baselines.items():
        asked = (suite, *of, court.fixture, "--requirements", revision, *baseline)
        yield court.hear("conformance", f"{revision}, with the suite's tools", *asked)
    for scenario in OURS_ALONE:
        yield court.hear("conformance", scenario, suite, *of, court.ours, "--scenario", scenario)


def inspector(court: Court) -> Iterator[Verdict]:
    """Lists, schemas, a call and a page of text, over both transports and on both eras."""
    given = [part for pair in court.stdio_environment.items() for part in ("-e", "=".join(pair))]
    doors = {"HTTP": [court.ours], "stdio": [*court.stdio, *given]}
    acme = json.dumps({"account": "Acme"})
    asked = (
        ("tools/list", "--strict"),
        ("tools/call", "--tool-name", "query_events", "--tool-args-json", acme),
        ("resources/list",),
        ("resources/read", "--uri", "handrail://brief/latest"),
        ("prompts/list",),
    )
    for door, target in doors.items():
        for era in ERAS:
            for method, *options in asked:
                command: list[str | Path] = [
                    court.node / "mcp-inspector",
                    "--cli",
                    *target,
                    "--protocol-era",
                    era,
                ]
                command += ["--connect-timeout", "60000", "--stored-auth-only", "--format", "json"]
                yield court.hear(
                    "Inspector", f"{method} over {door}, {era}", *command, "--method", method, *options
                )


def probe(court: Court) -> Iterator[Verdict]:
    """Every tool with made-up arguments, which may be refused; then with real ones, which may not."""
    doors = {"HTTP": ["--url", court.ours], "stdio": _stdio(court)}
    real = ("--args", HERE / "arguments.json", "--skip", "send_*", "--strict")
    for door, target in doors.items():
        program = ["amagi-mcp-probe", "--timeout", "120", "--startup-timeout", "60"]
        made_up = [*program, "--allow-destructive", *target]
        yield court.hear("probe", f"made-up arguments over {door}", *made_up)
        yield court.hear("probe", f"real arguments over {door}", *program, *real, *target)


def _stdio(court: Court) -> list[str]:
    given = [part for pair in court.stdio_environment.items() for part in ("--env", "=".join(pair))]
    return [*given, "--", *court.stdio]


JUDGES: tuple[Callable[[Court], Iterator[Verdict]], ...] = (conformance, inspector, probe)

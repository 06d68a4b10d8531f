"""The command line over several workspaces: which one is meant, all at once, and one that fails."""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from handrail.cli.each import side_by_side
from handrail.cli.logs import FORMAT, JsonLines, Lines
from handrail.cli.serving import web
from handrail.errors import ConfigError
from handrail.settings import Settings
from handrail.workspaces import at_work
from standin.state import Standin
from tests.handrail.cli.test_commands import ROOT, handrail
from tests.neighbours import write_workspace


@pytest.fixture
def environment(tmp_path: Path, standins: Standin) -> dict[str, str]:
    """Two workspaces; the Mixpanel of the second does not know its credentials."""
    folder = tmp_path / "workspaces"
    write_workspace(folder, "acme", standins)
    write_workspace(
        folder, "globex", standins, HANDRAIL_MIXPANEL_PROJECT_ID="4242", HANDRAIL_MIXPANEL_USERNAME="nobody"
    )
    return {"HANDRAIL_WORKSPACES": str(folder), "HANDRAIL_DATA_DIR": str(tmp_path / "data")}


def test_a_command_for_one_workspace_asks_which(tmp_path: Path, environment: dict[str, str]) -> None:
    unsaid = handrail("accounts", "list", cwd=tmp_path, env=environment)
    unknown = handrail("--workspace", "initech", "accounts", "list", cwd=tmp_path, env=environment)
    said = handrail("--workspace", "acme", "accounts", "list", "--json", cwd=tmp_path, env=environment)

    assert (unsaid.returncode, unsaid.stdout) == (2, "")
    assert unsaid.stderr == (
        "handrail: Several workspaces are set up here: acme, globex. Say which one: "
        "handrail --workspace NAME …, or HANDRAIL_WORKSPACE.\n"
    )
    assert unknown.returncode == 2
    assert "no workspace 'initech'. There are: acme, globex." in unknown.stderr
    assert (said.returncode, json.loads(said.stdout)) == (0, {"accounts": []})
    assert [path.name for path in (tmp_path / "data" / "workspaces").iterdir()] == ["acme"]


def test_no_command_reads_the_settings_past_the_workspaces() -> None:
    past = [
        path.name
        for path in (ROOT / "handrail" / "cli").glob("*.py")
        if "Settings.load(" in path.read_text("utf-8")
    ]

    assert past == ["demo.py"], "commands ask handrail.workspaces: one() or every()"


def test_status_doctor_and_upgrade_tell_all_whatever_becomes_of_one(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    upgraded = handrail("db", "upgrade", cwd=tmp_path, env=environment)
    status = handrail("status", cwd=tmp_path, env=environment)
    doctor = handrail("doctor", "--json", cwd=tmp_path, env=environment)
    (tmp_path / "data" / "workspaces" / "acme" / "secret.key").write_text("another", "utf-8")
    spoiled = handrail("status", "--json", cwd=tmp_path, env=environment)

    assert upgraded.stdout == (
        "acme\n----\nThe database is up to date.\n\nglobex\n------\nThe database is up to date.\n"
    )
    assert status.stdout.startswith("acme\n----\nsending mode: off\n")
    assert "\n\nglobex\n------\nsending mode: off\n" in status.stdout
    found = {
        name: {check["name"]: check["ok"] for check in told["checks"]}
        for name, told in json.loads(doctor.stdout).items()
    }
    assert (found["acme"]["Mixpanel credentials"], found["globex"]["Mixpanel credentials"]) == (True, False)
    assert (status.returncode, doctor.returncode, spoiled.returncode) == (0, 1, 1)
    told = json.loads(spoiled.stdout)
    assert list(told) == ["acme", "globex"]
    assert "another HANDRAIL_SECRET_KEY" in told["acme"]["error"]
    assert told["globex"]["send_mode"] == "off"


async def test_mcp_over_stdio_is_of_one_workspace(tmp_path: Path, environment: dict[str, str]) -> None:
    own = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "handrail.cli", "mcp", "--workspace", "acme"],
        env=own,
        cwd=tmp_path,
    )
    async with Client(stdio_client(server)) as client:
        await client.call_tool("control_sending", {})
    nobody = handrail("mcp", cwd=tmp_path, env=environment)
    called_mcp = handrail("mcp", "--workspace", "mcp", cwd=tmp_path, env=environment)

    assert [path.name for path in (tmp_path / "data" / "workspaces").iterdir()] == ["acme"]
    assert nobody.returncode == 2
    assert "Several workspaces" in nobody.stderr
    assert "no workspace 'mcp'. There are: acme, globex." in called_mcp.stderr


def test_serving_others_wants_tokens_of_every_workspace(settings: Settings) -> None:
    workspaces = [settings.model_copy(update={"workspace": name}) for name in ("acme", "globex")]

    with pytest.raises(ConfigError, match="first for the workspace acme"):
        web(workspaces, "0.0.0.0", 0)


async def test_the_agent_keeps_a_clock_for_each_workspace_until_asked_to_stop(
    tmp_path: Path, environment: dict[str, str], standins: Standin
) -> None:
    write_workspace(tmp_path / "workspaces", "acme", standins, HANDRAIL_MIXPANEL_USERNAME="nobody")
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "handrail.cli", "agent", "start"),
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    assert started.stderr is not None
    waiting = {"[acme] ", "[globex] "}
    while waiting:
        line = (await started.stderr.readline()).decode()
        assert line, "it has ended"
        waiting -= {name for name in waiting if line.startswith(name) and "the night failed" in line}
    started.terminate()
    rest = (await started.stderr.read()).decode()

    assert await started.wait() == 0
    assert rest.count("handrail: stopped; a night that was running goes on at the next start.") == 2


CALLS = "import socket, sys; line = socket.socket(socket.AF_UNIX); line.connect(sys.argv[1]); "


async def test_a_process_that_ends_is_begun_again_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    heard: asyncio.Queue[str] = asyncio.Queue()
    gone: asyncio.Queue[str] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        heard.put_nowait(name)
        await reader.read()
        gone.put_nowait(name)
        writer.close()

    server = await asyncio.start_unix_server(answer, "calls")
    commands = {
        name: [sys.executable, "-S", "-c", CALLS + rest, "calls"]
        for name, rest in {
            "acme": "line.sendall(b'acme\\n'); sys.exit(3)",
            "globex": "import signal; line.sendall(b'globex\\n'); signal.pause()",
        }.items()
    }
    running = asyncio.create_task(side_by_side(commands, again=0))
    calls: list[str] = []
    while calls.count("acme") < 3 or "globex" not in calls:
        calls.append(await heard.get())
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    while await gone.get() != "globex":
        pass
    server.close()

    assert calls.count("globex") == 1
    assert "the process of workspace acme ended with 3: begun again in 0 s" in caplog.messages


def test_log_lines_say_for_which_workspace_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.LogRecord("web", logging.WARNING, __file__, 1, "something", (), None)
    plain = Lines(FORMAT).format(record)
    with at_work("acme"):
        told, as_json = Lines(FORMAT).format(record), json.loads(JsonLines().format(record))
    monkeypatch.setenv("HANDRAIL_WORKSPACE", "globex")

    assert told == f"[acme] {plain}"
    assert as_json["workspace"] == "acme"
    assert Lines(FORMAT).format(record) == f"[globex] {plain}"
    monkeypatch.delenv("HANDRAIL_WORKSPACE")
    assert "workspace" not in json.loads(JsonLines().format(record))

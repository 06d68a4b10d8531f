"""What runs Handrail on a server: the container, the compose file, the systemd units."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from handrail.cli.app import app
from handrail.ending import LAST_SECONDS, PATIENCE
from tests.hardening.supply import tools
from tests.required import lacking
from tests.test_docs import variables

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
COMMANDS = set(get_command(app).commands)  # type: ignore[attr-defined]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
IN_ENV = {
    "POSTGRES_PASSWORD": "letters4and9digits",
    "HANDRAIL_SECRET_KEY": "a secret of the tests, long enough",
    "HANDRAIL_API_TOKENS": "ops:admin:a-token-of-the-tests",
}


def auditing(name: str) -> Path:
    """One of the tools that `make scan` installs."""
    if not (tools.BIN / name).exists():
        tools.lacking(f"{name} is not installed")
    return tools.BIN / name


def stages() -> list[dict[str, str]]:
    """The Dockerfile's instructions, stage by stage; one that comes several times is joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append({})
        if found and word.isupper():
            found[-1][word] = f"{found[-1].get(word, '')}\n{rest}".strip()
    return found


def test_the_container_runs_as_nobody_special_and_installs_by_hash() -> None:
    build, run = stages()

    assert 0 < int(run["USER"]) < 65536
    assert f"--uid {run['USER']}" in run["RUN"]
    assert json.loads(run["ENTRYPOINT"]) == list(PROJECT["project"]["scripts"])
    assert set(json.loads(run["CMD"])) <= COMMANDS
    assert "--require-hashes --only-binary :all: -r requirements/runtime.txt" in re.sub(
        r"\s+", " ", build["RUN"]
    )
    assert "pip" not in run["RUN"]
    assert run["VOLUME"] == "/data"
    assert "HANDRAIL_DATA_DIR=/data" in run["ENV"]


def test_what_is_too_large_for_memory_goes_to_the_volume_and_not_to_a_tmp_in_memory() -> None:
    run = stages()[-1]

    assert f"HANDRAIL_TEMP_DIR={run['VOLUME']}" in run["ENV"].split()


def test_the_container_has_a_python_that_the_product_takes() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")

    [minor] = re.findall(r"^ARG PYTHON_IMAGE=python:3\.(\d+)-slim$", text, flags=re.MULTILINE)
    assert 11 <= int(minor) < 14
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    assert {stage["FROM"].split()[0] for stage in stages()} == {"${PYTHON_IMAGE}"}


def test_what_changes_seldom_is_laid_down_before_the_code() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")

    places = [
        text.index(each)
        for each in (
            "COPY requirements/runtime.txt",
            "-r requirements/runtime.txt",
            "COPY . .",
            "hatchling build",
        )
    ]
    assert places == sorted(places)


def test_the_build_sees_what_the_wheel_is_made_of_and_nothing_else() -> None:
    first, *rest = (ROOT / ".dockerignore").read_text("utf-8").split()
    let_in = {line.removeprefix("!") for line in rest if line.startswith("!")}

    assert first == "*"
    assert let_in == {
        *PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        *("pyproject.toml", "README.md", "requirements/runtime.txt", "deploy/healthy"),
    }
    assert "**/__pycache__" in rest


def test_hadolint_finds_nothing() -> None:
    ran = subprocess.run(
        [auditing("hadolint"), "--no-color", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (0, "")


class Answering(BaseHTTPRequestHandler):
    """Answers /healthz with the server's status, and nothing else."""

    def do_GET(self) -> None:
        self.send_response(getattr(self.server, "status", 500) if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as the base has it)
        pass


@pytest.fixture
def answering() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def healthy(folder: Path, command: str, *, port: int = 1, status: int = 0) -> int:
    """The health check's exit code in a container that was started with `command`.

    Its `handrail` answers `status`, and its port 8321 is `port`.
    """
    shims = folder / "bin"
    shims.mkdir(exist_ok=True)
    (shims / "handrail").write_text(f'#!/bin/sh\n[ "$*" = status ] && exit {status}\nexit 9\n')
    asked = f'"$(printf %s "$2" | sed \'s/:8321/:{port}/\')"'
    (shims / "python").write_text(f"#!/bin/sh\nexec {sys.executable} $1 {asked}\n")
    for shim in shims.iterdir():
        shim.chmod(0o755)
    line = folder / "cmdline"
    line.write_bytes(b"".join(word.encode() + b"\0" for word in command.split()))
    return subprocess.run(
        ["/bin/sh", ROOT / "deploy" / "healthy", line],
        env={"PATH": f"{shims}:/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_a_container_that_serves_is_well_when_it_answers(
    answering: HTTPServer, tmp_path: Path, status: int, well: bool
) -> None:
    answering.status = status  # type: ignore[attr-defined]
    line = "/opt/handrail/bin/python /opt/handrail/bin/handrail serve --host 0.0.0.0"

    assert (healthy(tmp_path, line, port=answering.server_port) == 0) is well


@pytest.mark.parametrize("command", ["agent start", "agent start --worker"])
@pytest.mark.parametrize(("status", "well"), [(0, True), (2, False)])
def test_a_container_that_runs_nights_is_well_when_it_can_read_its_tables(
    tmp_path: Path, status: int, well: bool, command: str
) -> None:
    line = f"/opt/handrail/bin/python /opt/handrail/bin/handrail {command}"

    assert (healthy(tmp_path, line, status=status) == 0) is well


def test_a_container_that_talks_over_stdio_is_not_asked(tmp_path: Path) -> None:
    assert healthy(tmp_path, "/opt/handrail/bin/python /opt/handrail/bin/handrail mcp", status=2) == 0


def compose(folder: Path, environment: dict[str, str], *profiles: str) -> "subprocess.CompletedProcess[str]":
    """What `docker compose config` makes of the file, with this `.env` beside it."""
    shutil.copy2(ROOT / "compose.yaml", folder)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    return subprocess.run(
        [auditing("docker-compose"), *profiles, "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def resolved(folder: Path, *profiles: str) -> dict[str, dict[str, Any]]:
    ran = compose(folder, IN_ENV, *profiles)
    assert (ran.returncode, ran.stderr) == (0, "")
    found: dict[str, dict[str, Any]] = json.loads(ran.stdout)["services"]
    return found


@pytest.fixture
def services(tmp_path: Path) -> dict[str, dict[str, Any]]:
    return resolved(tmp_path, "--profile", "workers")


def test_every_service_can_write_to_its_volume_and_to_memory_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    assert set(services) == {"database", "tables", "web", "agent", "worker"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges"]
        assert "/tmp" in service["tmpfs"]
        assert {each["type"] for each in service["volumes"]} == {"volume"}
        assert "privileged" not in service
    ours = {name: each for name, each in services.items() if name != "database"}
    assert not [name for name, each in ours.items() if "cap_add" in each]


def test_workers_are_started_only_where_they_are_asked_for(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert services.keys() - resolved(tmp_path).keys() == {"worker"}


def test_only_the_pages_are_offered_and_to_this_machine_alone(services: dict[str, dict[str, Any]]) -> None:
    offered = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert list(offered) == ["web"]
    assert [(each["host_ip"], each["published"], each["target"]) for each in offered["web"]] == [
        ("127.0.0.1", "8321", 8321)
    ]


def test_our_services_run_our_commands_with_settings_that_there_are(
    services: dict[str, dict[str, Any]],
) -> None:
    ours = {name: each for name, each in services.items() if name != "database"}

    assert {name: each["command"] for name, each in ours.items()} == {
        "tables": ["db", "upgrade"],
        "web": ["serve", "--host", "0.0.0.0"],
        "agent": ["agent", "start"],
        "worker": ["agent", "start", "--worker"],
    }
    for service in ours.values():
        assert {name for name in service["environment"] if name.startswith("HANDRAIL_")} <= variables()
        assert service["environment"]["HANDRAIL_DATABASE_URL"].startswith("postgresql+asyncpg://handrail:")
        assert service["environment"]["HANDRAIL_DATABASE_URL"].endswith("@database/handrail")


def test_nothing_starts_before_the_tables_are_ready(services: dict[str, dict[str, Any]]) -> None:
    def waits(name: str) -> dict[str, str]:
        return {each: how["condition"] for each, how in services[name]["depends_on"].items()}

    assert waits("tables") == {"database": "service_healthy"}
    assert all(
        waits(name) == {"tables": "service_completed_successfully"} for name in ("web", "agent", "worker")
    )
    assert services["tables"]["restart"] == "no"
    assert "pg_isready" in services["database"]["healthcheck"]["test"][1]


def test_no_container_is_killed_before_the_mails_on_their_way_have_arrived(
    services: dict[str, dict[str, Any]],
) -> None:
    graces = {
        name: seconds(each["stop_grace_period"]) for name, each in services.items() if name != "database"
    }

    assert [name for name, grace in graces.items() if grace <= PATIENCE + LAST_SECONDS] == []


def seconds(grace: str) -> int:
    """A length of time as `docker compose config` writes it, such as 1m0s."""
    [(whole, rest)] = re.findall(r"^(?:(\d+)m)?(\d+)s$", grace)
    return 60 * int(whole or 0) + int(rest)


@pytest.mark.parametrize("name", IN_ENV)
def test_a_secret_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    ran = compose(tmp_path, {each: value for each, value in IN_ENV.items() if each != name})

    assert ran.returncode != 0
    assert f"required variable {name} is missing a value: set it in .env" in ran.stderr


def settings_of(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if re.match(r"[A-Z]\w+=", line):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_units_start_our_commands_and_are_locked_in_alike() -> None:
    assert [unit.stem for unit in UNITS] == ["handrail-agent", "handrail-web", "handrail-worker"]
    agent, web, worker = map(settings_of, UNITS)

    assert agent["ExecStart"] == ["/opt/handrail/bin/handrail agent start"]
    assert web["ExecStart"] == ["/opt/handrail/bin/handrail serve"]
    assert worker["ExecStart"] == ["/opt/handrail/bin/handrail agent start --worker"]
    own = ("Description", "ExecStart")
    alike = [{name: value for name, value in each.items() if name not in own} for each in (agent, worker)]
    assert alike == [{name: value for name, value in web.items() if name not in own}] * 2
    assert web["User"] == ["handrail"]
    assert web["ProtectSystem"] == ["strict"]
    assert web["StateDirectory"] == ["handrail"]
    assert web["Environment"] == ["HANDRAIL_DATA_DIR=/var/lib/handrail", "HANDRAIL_TEMP_DIR=/var/tmp"]
    assert web["PrivateTmp"] == ["yes"]
    assert re.match(r"u handrail ", (UNITS[0].parent / "handrail.conf").read_text("utf-8").splitlines()[1])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_no_unit_is_killed_before_the_mails_on_their_way_have_arrived(unit: Path) -> None:
    [grace] = settings_of(unit)["TimeoutStopSec"]

    assert int(grace) > PATIENCE + LAST_SECONDS


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        lacking("systemd", "systemd-analyze is not there: the units are not verified.")
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_unit_and_finds_it_well_locked_in(unit: Path, analyze: str, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace("/opt/handrail/bin/handrail", "/bin/true"), "utf-8")

    verified = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    judged = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", copy],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout[-500:]

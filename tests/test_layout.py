"""The shape of the tree: small functions, small files, one sentence at the top of each module."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ["agent", "handrail", "mcp_server", "standin", "tools", "web"]
FUNCTION_LINES = 60
FILE_LINES = 400
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "data", "info"}


def modules() -> list[Path]:
    """Every module but migrations, which a tool writes."""
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if "versions" not in path.parts]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)

    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]

    assert long == []
    assert len(text.splitlines()) <= FILE_LINES
    assert path.stem not in FORBIDDEN_NAMES
    assert not text.strip() or ast.get_docstring(tree), "a module opens with one sentence"


def test_the_top_level_holds_what_was_asked_for() -> None:
    asked = {
        "agent", "handrail", "kb", "mcp_server", "standin", "tests", "tools", "web", "docs",
        "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", ".env.example",
        "claude_desktop_config.example.json",
    }  # fmt: skip
    assert asked <= {path.name for path in ROOT.iterdir()}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_no_tracked_file_names_this_machine_or_is_large() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    assert paths
    for path in paths:
        assert path.stat().st_size < 1_000_000, path


def test_cleaning_up_leaves_the_data_of_an_installation(tmp_path: Path) -> None:
    for name in ("demo-acme/handrail.db", "handrail.db", "secret.key"):
        (tmp_path / ".handrail" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".handrail" / name).touch()

    subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], cwd=tmp_path, check=True)

    assert {path.name for path in (tmp_path / ".handrail").iterdir()} == {"handrail.db", "secret.key"}

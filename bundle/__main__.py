"""`make bundle`: what Git keeps of the product, with a manifest, validated and packed into dist/."""

import inspect
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.judge.court import Unavailable, node_environment, node_judges
from tools import catalogue

ROOT = Path(__file__).parents[1]
MANIFEST = Path(__file__).parent / "manifest.json"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def manifest() -> dict[str, Any]:
    """The manifest with this version, and the tools as the catalogue has them."""
    tools = [
        {"name": tool.name, "description": inspect.cleandoc(tool.function.__doc__ or "").partition("\n")[0]}
        for tool in catalogue()
        if not tool.of_a_page
    ]
    return {
        **json.loads(MANIFEST.read_text("utf-8")),
        "version": project()["project"]["version"],
        "tools": tools,
    }


def fill(folder: Path) -> None:
    """Put into `folder` what the wheel is built from, and nothing that Git does not keep."""
    rooms = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    kept = ["pyproject.toml", "README.md", *rooms]
    listed = subprocess.run(  # noqa: S603  (our own paths)
        ["git", "ls-files", "-z", *kept],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest(), indent=2) + "\n", "utf-8")


def main() -> int:
    """Exit code 1 if the tool that validates and packs is not to be had, or refuses the manifest."""
    try:
        mcpb = node_judges() / "mcpb"
    except Unavailable as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    bundle = ROOT / "dist" / f"handrail-{manifest()['version']}.mcpb"
    bundle.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="handrail-bundle-") as name:
        folder = Path(name)
        fill(folder)
        for verb, *paths in (("validate", folder / "manifest.json"), ("pack", folder, bundle)):
            command = [str(mcpb), verb, *map(str, paths)]
            ran = subprocess.run(command, env=node_environment(), check=False)  # noqa: S603  (our own paths)
            if ran.returncode:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

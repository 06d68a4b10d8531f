"""What is installed is what was pinned: every package by its hash, as a wheel, from no address of ours."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hardening.conftest import Promise
from tests.hardening.supply import tools

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"
FILES = sorted(REQUIREMENTS.glob("*.txt"))
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,-]+\])?==(?P<version>[\w.!+-]+)"
    r"(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


class Pin(NamedTuple):
    name: str
    version: str
    hashes: frozenset[str]


def pins(path: Path) -> list[Pin]:
    """The packages of a requirements file. Fails on a line that is none with a version and its hashes."""
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = []
    for line in lines:
        pin = _PIN.fullmatch(line)
        assert pin, f"{path.name}: {line[:80]}"
        found.append(Pin(pin["name"], pin["version"], frozenset(re.findall(r"sha256:(\w+)", pin["hashes"]))))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_a_package_with_its_version_and_hashes_and_nothing_else(
    path: Path, promise: Promise
) -> None:
    found = pins(path)

    assert found
    assert len({pin.name for pin in found}) <= len(found)
    assert "://" not in path.read_text("utf-8"), "no address of an index, and no package by its address"
    promise(
        f"supply: {path.name}: {len(found)} of {len(found)} packages pinned with hashes, 0 index addresses"
    )


def test_what_is_asked_for_is_pinned() -> None:
    assert [path.stem for path in FILES] == ["audit", "dev", "docs", "runtime", "spark-source", "spark"]
    for path in FILES:
        asked = path.with_suffix(".in").read_text("utf-8")
        names = set(re.findall(r"^([a-z0-9][\w.-]*)", asked, flags=re.MULTILINE))
        assert names
        assert names <= {pin.name for pin in pins(path)}


class Shelf(NamedTuple):
    """A folder that an installer may take packages from, and a place to install into."""

    packages: Path
    place: Path
    environment: dict[str, str]

    def install(self, requirement: str) -> subprocess.CompletedProcess[str]:
        """Run the project's own script, without any index."""
        asked = self.packages / "asked.txt"
        asked.write_text(requirement + "\n", "utf-8")
        return subprocess.run(
            ["/bin/sh", REQUIREMENTS / "install.sh", sys.executable, asked, "tools"],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> bool:
        return any((self.place / "tools").glob("lib/*/site-packages/probe"))


@pytest.fixture(scope="module", params=["pip", "uv"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The script with this installer; the environment is made once."""
    folder = tmp_path_factory.mktemp(request.param)
    packages, place, programs = folder / "packages", folder / "place", folder / "programs"
    for each in (packages, place, programs):
        each.mkdir()
    if request.param == "uv":
        uv = shutil.which("uv") or shutil.which("uv", path=str(tools.BIN))
        if uv is None:
            tools.lacking("There is no uv")
        (programs / "uv").symlink_to(uv)
    shelf = Shelf(
        packages,
        place,
        {
            "PATH": str(programs),
            "HOME": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(packages),
            "UV_CONFIG_FILE": str(folder / "uv.toml"),
        },
    )
    (folder / "uv.toml").write_text(f"no-index = true\nfind-links = ['{packages}']\n", "utf-8")
    _wheel(packages)
    _source(packages, ran=folder / "ran")
    return shelf


def _wheel(folder: Path) -> None:
    facts = "probe-1.0.dist-info"
    with zipfile.ZipFile(folder / "probe-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("probe/__init__.py", "")
        wheel.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{facts}/RECORD", f"probe/__init__.py,,\n{facts}/METADATA,,\n{facts}/WHEEL,,\n")


def _source(folder: Path, *, ran: Path) -> None:
    """A package that is built as it is installed, by code of its own, which leaves a trace."""
    within = folder / "source-1.0"
    within.mkdir()
    (within / "built.py").write_text(f"open({str(ran)!r}, 'w').close()\n", "utf-8")
    (within / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'built'\nbackend-path = ['.']\n", "utf-8"
    )
    (within / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: source\nVersion: 1.0\n", "utf-8")
    with tarfile.open(folder / "source-1.0.tar.gz", "w:gz") as packed:
        packed.add(within, within.name)
    shutil.rmtree(within)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_package_whose_hash_was_changed_or_left_out_is_refused(shelf: Shelf) -> None:
    right = _hash(shelf.packages / "probe-1.0-py3-none-any.whl")
    wrong = ("0" if right[0] != "0" else "1") + right[1:]

    changed = shelf.install(f"probe==1.0 --hash=sha256:{wrong}")
    left_out = shelf.install("probe==1.0")
    assert changed.returncode
    assert left_out.returncode
    assert "hash" in changed.stderr.lower()
    assert "hash" in left_out.stderr.lower()
    assert not shelf.installed()

    taken = shelf.install(f"probe==1.0 --hash=sha256:{right}")
    assert taken.returncode == 0, taken.stderr
    assert shelf.installed()


def test_a_package_that_would_run_code_to_install_is_refused(shelf: Shelf) -> None:
    right = _hash(shelf.packages / "source-1.0.tar.gz")

    refused = shelf.install(f"source==1.0 --hash=sha256:{right}")

    assert refused.returncode
    assert not (shelf.packages.parent / "ran").exists()

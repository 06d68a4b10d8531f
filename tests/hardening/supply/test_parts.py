"""What the product is made of: all of it listed and looked through, nothing that runs or loads at install."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.hardening.conftest import Promise
from tests.hardening.supply import tools
from tests.hardening.supply.test_pins import REQUIREMENTS, ROOT, pins

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
ROOMS = [room for room in WHEEL["packages"] if any((ROOT / room).glob("**/*.py"))]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """The list that `make sbom` writes."""
    if not (tools.PLACE / "ready").exists():
        tools.lacking("The tools of `make scan` are not installed")
    done = subprocess.run(["make", "-s", "sbom"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed: dict[str, Any] = json.loads((ROOT / done.stdout.strip()).read_text("utf-8"))
    return listed


def test_the_list_of_parts_has_every_package_with_its_version_and_hashes(
    parts: dict[str, Any], promise: Promise
) -> None:
    listed = {
        (
            part["name"],
            part["version"],
            frozenset(
                each["content"]
                for place in part["externalReferences"]
                for each in place.get("hashes", [])
                if each["alg"] == "SHA-256"
            ),
        )
        for part in parts["components"]
    }
    pinned = {tuple(pin) for pin in pins(REQUIREMENTS / "runtime.txt")}

    assert parts["bomFormat"] == "CycloneDX"
    assert parts["metadata"]["component"]["version"] == PROJECT["project"]["version"]
    assert listed == pinned
    promise(f"supply: {len(listed)} of {len(pinned)} packages in the list of parts, each with its hashes")


def test_what_the_product_declares_is_pinned() -> None:
    declared = {re.split(r"[^\w.-]", each)[0] for each in PROJECT["project"]["dependencies"]}

    assert declared <= {pin.name for pin in pins(REQUIREMENTS / "runtime.txt")}


def test_installing_the_product_runs_nothing_of_it_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(built).namelist()

    assert "hooks" not in PROJECT["tool"]["hatch"]["build"]
    assert "hooks" not in WHEEL
    assert PROJECT["build-system"] == {"requires": ["hatchling"], "build-backend": "hatchling.build"}
    assert not [
        path.name for path in ROOT.iterdir() if path.name in ("setup.py", "setup.cfg", "hatch_build.py")
    ]
    assert {name.split("/")[0] for name in names} <= {
        *WHEEL["packages"],
        built.name.split("-py3")[0] + ".dist-info",
    }
    assert not [name for name in names if name.endswith((".pth", ".so", ".pyd", ".exe"))]


def test_the_scan_looks_through_everything_that_is_shipped() -> None:
    [shipped] = re.findall(r"^SHIPPED := (.*)$", MAKEFILE, flags=re.MULTILINE)

    assert sorted(shipped.split()) == sorted(ROOMS)


def test_a_package_that_the_audit_could_not_ask_about_does_not_pass() -> None:
    [asked] = re.findall(r"pip-audit .*", MAKEFILE)

    assert "--strict" in asked
    assert "--ignore-vuln" not in asked, "an exception needs its reason: in docs/operations.md, and here"


EXCEPTION = re.compile(r"# (?:noqa: [A-Z0-9, ]*\bS\d|nosec|nosemgrep)")
_CODES = re.compile(r"noqa: [A-Z0-9, ]+|nosec [B0-9, ]+|nosemgrep: [\w-]+")


def test_every_exception_from_the_scan_says_which_rule_and_why(promise: Promise) -> None:
    """Why stands behind it, or in a comment of the line before or after."""
    count = 0
    for path in [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]:
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if not (found := EXCEPTION.search(line)):
                continue
            count += 1
            near = [
                *lines[max(number - 1, 0) : number],
                line[found.start() :],
                *lines[number + 1 : number + 2],
            ]
            comments = " ".join(each.partition("#")[2] for each in near)
            assert re.search(r"[a-z]{2,} [a-z]{2,}", _CODES.sub("", comments)), f"{path}:{number + 1}"
            assert not re.search(r"# (nosec|nosemgrep)\s*($|#)", line), f"{path}:{number + 1} names no rule"

    assert count
    promise(f"supply: {count} of {count} exceptions from bandit and semgrep say their rule and their reason")

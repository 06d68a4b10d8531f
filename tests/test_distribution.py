"""What others install: configurations, the registry's entry, the bundle."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from typer.main import get_command

from bundle.__main__ import fill, manifest
from handrail.cli.app import app
from handrail.settings import Settings
from tests.test_docs import variables
from tools import catalogue

ROOT = Path(__file__).parents[1]
CLIENTS = sorted((ROOT / "docs" / "clients").glob("*.md"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
COMMANDS = set(get_command(app).commands)  # type: ignore[attr-defined]
EXAMPLE: dict[str, Any] = json.loads((ROOT / "claude_desktop_config.example.json").read_text("utf-8"))
REGISTRY: dict[str, Any] = json.loads((ROOT / "server.json").read_text("utf-8"))


def entries(configuration: Any) -> list[dict[str, Any]]:
    """The servers of a client's configuration."""
    return list((configuration.get("mcpServers") or configuration.get("servers") or {}).values())


def blocks(page: Path) -> list[Any]:
    return [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]


def holds(server: dict[str, Any]) -> bool:
    """Whether an entry starts this product with settings that there are, or leads to its endpoint."""
    if "url" in server:
        return bool(server["url"] == "http://127.0.0.1:8321/mcp")
    known = bool(server["command"] == "handrail") and set(server["args"]) <= COMMANDS
    return known and set(server["env"]) <= variables()


def test_the_example_has_the_demo_and_a_real_project() -> None:
    assert list(EXAMPLE["mcpServers"]) == ["handrail-demo", "handrail"]
    assert all(holds(server) for server in entries(EXAMPLE))
    assert "HANDRAIL_DEMO" not in EXAMPLE["mcpServers"]["handrail"]["env"]


def test_the_real_example_makes_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EXAMPLE["mcpServers"]["handrail"]["env"].items():
        monkeypatch.setenv(name, value)

    settings = Settings.load(_env_file=None)

    assert settings.mixpanel_project_id == 1234567
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize("page", CLIENTS, ids=lambda path: path.stem)
def test_what_a_page_tells_to_paste_starts_this_server(page: Path) -> None:
    text = page.read_text("utf-8")

    assert all(holds(server) for block in blocks(page) for server in entries(block))
    assert set(re.findall(r"\b(HANDRAIL_[A-Z_]+)", text)) <= variables()
    assert set(re.findall(r"-- handrail ([a-z]+)", text)) <= COMMANDS
    assert page.name in (ROOT / "README.md").read_text("utf-8")


def test_five_clients_have_a_page_and_those_that_take_json_have_some() -> None:
    assert {page.stem for page in CLIENTS} == {"claude-desktop", "claude-code", "vscode", "cursor", "chatgpt"}
    with_json = {page.stem for page in CLIENTS if blocks(page)}
    assert with_json == {"claude-code", "vscode", "cursor"}


def _closed(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = {"type": "string", "minLength": 1}
VERSION = {**TEXT, "maxLength": 255, "pattern": r"^\d+\.\d+\.\d+$"}
INPUT = {
    **dict.fromkeys(("description", "default", "placeholder", "value"), TEXT),
    **{name: {"type": "boolean"} for name in ("isRequired", "isSecret")},
    "format": {"enum": ["string", "number", "boolean", "filepath"]},
    "choices": {"type": "array", "items": TEXT},
}
ENTRY = _closed(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200},
        "description": {**TEXT, "maxLength": 100},
        "title": {**TEXT, "maxLength": 100},
        "version": VERSION,
        "packages": {
            "type": "array",
            "items": _closed(
                {
                    "registryType": {"enum": ["npm", "pypi", "oci", "nuget", "mcpb"]},
                    "identifier": TEXT,
                    "transport": _closed({"type": {"const": "stdio"}}, {}),
                    "version": VERSION,
                },
                {
                    "runtimeHint": TEXT,
                    "packageArguments": {
                        "type": "array",
                        "items": _closed({"type": {"const": "positional"}, "value": TEXT}, INPUT),
                    },
                    "environmentVariables": {"type": "array", "items": _closed({"name": TEXT}, INPUT)},
                },
            ),
        },
    },
    {},
)
"""What the registry's schema of 2025-12-11 (the address above) says of the fields that our entry has.

It is stricter: a field that it does not know would pass there, and be lost.
"""


def test_the_registrys_entry_is_as_the_registry_wants_it() -> None:
    [package] = REGISTRY["packages"]

    assert [error.message for error in Draft7Validator(ENTRY).iter_errors(REGISTRY)] == []
    assert package["registryType"] == "pypi"
    assert package["identifier"] == PROJECT["name"]
    assert [argument["value"] for argument in package["packageArguments"]] == ["mcp"]
    assert f"mcp-name: {REGISTRY['name']}" in (ROOT / "README.md").read_text("utf-8")


def test_the_registrys_entry_names_settings_that_there_are_and_hides_the_secret() -> None:
    [package] = REGISTRY["packages"]
    asked = {each["name"]: each for each in package["environmentVariables"]}

    assert set(asked) <= variables()
    assert {name for name, each in asked.items() if each.get("isSecret")} == {"HANDRAIL_MIXPANEL_SECRET"}
    assert {name for name, each in asked.items() if each.get("isRequired")} >= {
        "HANDRAIL_MIXPANEL_PROJECT_ID",
        "HANDRAIL_MIXPANEL_USERNAME",
        "HANDRAIL_MIXPANEL_SECRET",
    }


def test_there_is_one_version() -> None:
    told = {REGISTRY["version"], REGISTRY["packages"][0]["version"], manifest()["version"]}
    kept = json.loads((ROOT / "bundle" / "manifest.json").read_text("utf-8"))["version"]

    assert told | {kept} == {PROJECT["version"]}


def test_the_bundles_manifest_names_the_tools_and_asks_for_what_it_passes_on() -> None:
    told = manifest()
    given = told["server"]["mcp_config"]["env"]
    asked = told["user_config"]

    assert [tool["name"] for tool in told["tools"]] == [
        tool.name for tool in catalogue() if not tool.of_a_page
    ]
    assert all(tool["description"].endswith(".") for tool in told["tools"])
    assert set(given) <= variables()
    assert set(given.values()) == {f"${{user_config.{name}}}" for name in asked}
    assert [name for name, each in asked.items() if each.get("sensitive")] == ["secret"]
    assert told["server"]["mcp_config"]["args"][-2:] == ["handrail", "mcp"]
    assert told["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]


def test_the_bundle_holds_the_product_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path)

    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert manifest()["server"]["entry_point"] in names
    assert {"pyproject.toml", "manifest.json", "mcp_server/instructions.md"} <= names
    assert not [name for name in names if name.startswith(("tests/", ".", "evals/", "benchmarks/"))]

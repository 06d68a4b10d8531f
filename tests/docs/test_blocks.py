"""Every code block of the documentation: its commands exist as they are written, its files are read by the
product, and its requests are answered. tests/hardening/supply/test_pages.py runs the commands."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from typer.main import get_command

from handrail.cli.app import app
from handrail.domain.accounts import AccountFacts
from handrail.services import account_file, kb, score_file
from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests import databases
from tests.docs.blocks import Block, blocks, commands, recipe
from tests.test_docs import ROOT, variables
from web.app import create_app

KINDS = {
    "sh",
    "console",
    "python",
    "json",
    "toml",
    "ini",
    "csv",
    "markdown",
    "promql",
    "sql",
    "nginx",
    "text",
}
"""What is checked here, `python` by test_recipes.py. `text` is what a program printed; `sql` and `nginx` are
for a database server's and a proxy's administrator, and are not tried."""

OF_OTHERS = {
    "claude": "another maker's program",
    "docker": "no engine runs containers where the tests run; tests/test_deploying.py has the file judged",
    "systemctl": "no systemd runs there either",
    "systemd-run": "the same",
    "systemd-sysusers": "the same",
    "pip": "installs from an index",
    "python3": "makes an environment",
    "cp": "a shell's own, in steps that tests/hardening/supply runs",
    "mkdir": "the same",
    "mv": "the same",
    "echo": "the same",
    "touch": "the same",
    "chmod": "the same",
    "install": "the same",
}
"""Programs that are neither ours nor tried here, and why."""

GUIDES = ["adding-a-tool.md", "adding-a-channel.md", "adding-a-source.md"]

BASE = "http://127.0.0.1:8321"


def ids(block: Block) -> str:
    return str(block)


def test_every_block_says_what_it_is() -> None:
    assert len(blocks()) > 50
    assert [str(block) for block in blocks() if block.language not in KINDS] == []


@pytest.mark.parametrize("block", blocks("sh", "console"), ids=ids)
def test_the_commands_of_a_block_exist_as_they_are_written(block: Block) -> None:
    found = list(commands(block))

    assert found
    for program, *words in found:
        name = Path(program).name
        if name == "handrail":
            read(words)
        elif name == "pytest":
            written = {path for page in GUIDES for path in recipe(page)}
            assert [path for path in words if path not in written and not (ROOT / path).is_file()] == []
        elif name == "make":
            target = next(word for word in words if "=" not in word)
            assert re.search(
                rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE
            ), target
        else:
            assert name == "curl" or name in OF_OTHERS, name


def read(words: list[str]) -> None:
    """Have the command line read these words, without doing what they say."""
    command: Any = get_command(app)
    if words[0] == "--workspace":
        words = words[2:]
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    command.make_context(command.name, words)


@pytest.mark.parametrize("block", blocks("sh", "ini"), ids=ids)
def test_the_variables_of_a_block_are_settings(block: Block) -> None:
    named = set(re.findall(r"\b((?:HANDRAIL|ANTHROPIC|SENDGRID)_[A-Z_]+)=", block.text))

    assert named <= variables()
    assert named or block.language == "sh"


@pytest.mark.parametrize("block", blocks("json", "toml"), ids=ids)
def test_a_block_of_json_or_toml_is_read(block: Block) -> None:
    (json.loads if block.language == "json" else tomllib.loads)(block.text)


def test_the_definition_of_a_score_in_the_page_is_one(tmp_path: Path) -> None:
    [block] = blocks("toml")
    (tmp_path / "score.toml").write_text(block.text, "utf-8")

    assert score_file.read(tmp_path / "score.toml").bands["healthy"] == 80


def test_the_file_of_accounts_in_the_page_is_taken(tmp_path: Path) -> None:
    [block] = blocks("csv")
    (tmp_path / "accounts.csv").write_text(block.text, "utf-8")

    [(line, facts)] = account_file.read(tmp_path / "accounts.csv")
    assert line == 2
    assert isinstance(facts, AccountFacts)


def test_the_feature_document_in_the_page_is_taken(tmp_path: Path) -> None:
    [block] = blocks("markdown")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (1200, 900)).save(tmp_path / "images" / "exports.png")
    (tmp_path / "schedule-export.md").write_text(block.text, "utf-8")

    assert [step.id for step in kb.read(tmp_path).feature("schedule-export").steps] == ["start", "finish"]


def asked(words: list[str]) -> tuple[str, str, dict[str, str], str]:
    """Method, path, headers and body of a `curl`."""
    given: dict[str, list[str]] = {"-H": [], "-d": [], "": []}
    rest = iter(words)
    for word in rest:
        if word in given:
            given[word].append(next(rest))
        elif not word.startswith("-"):
            given[""].append(word)
    [address], body = given[""], "".join(given["-d"])
    headers = dict(each.split(": ", 1) for each in given["-H"])
    return "POST" if body else "GET", re.sub(r"^https?://[^/]+", "", address), headers, body


@pytest.fixture
def synced(settings: Settings, _synced_data: Path) -> Settings:
    databases.copy(_synced_data, settings.data_dir)
    return settings


async def test_the_requests_of_the_pages_are_answered_as_they_say(
    standins: Standin, synced: Settings
) -> None:
    project = standins.world.project
    asking = [
        (block, words[1:])
        for block in blocks("sh", "console")
        for words in commands(block)
        if words[0] == "curl"
    ]
    server = create_app(synced, create_server)
    async with (
        server.router.lifespan_context(server),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=server), base_url=BASE, timeout=60) as client,
    ):
        next_cursor = ""
        for block, words in asking:
            method, path, headers, body = asked(words)
            if path.endswith("/connect"):
                body = json.dumps({name: project[name] for name in ("project_id", "username", "secret")})
            path = path.replace("$NEXT", next_cursor)
            answer = await client.request(method, path, headers=headers, content=body or None)
            await server.state.ctx.background.finish()
            next_cursor = answer.json().get("next_cursor") or ""
            if block.language == "console":
                told = json.loads(
                    re.sub(r"…|\[…\]", "", block.text.partition("\n")[2]).replace(": }", ": []}")
                )
                got = answer.json()
                assert {name: got[name] for name in ("type", "title", "status")} == {
                    name: told[name] for name in ("type", "title", "status")
                }
                assert got["detail"].startswith(told["detail"].strip())
            else:
                assert answer.status_code < 400, (str(block), answer.text)
        assert len(asking) > 5
        figures = (await client.get("/metrics")).text
    for block in blocks("promql"):
        named = set(re.findall(r"handrail_\w+", block.text))
        assert named
        assert sorted(name for name in named if f"\n{name}" not in figures) == []


def test_programs_that_are_not_ours_are_still_named() -> None:
    text = "\n".join(block.text for block in blocks("sh"))

    assert sorted(each for each in OF_OTHERS if not re.search(rf"^{each}\b", text, re.MULTILINE)) == []

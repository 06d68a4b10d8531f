"""Every route, prompt, resource and stage of a night stands in the documentation, as the product names it."""

import re
from pathlib import Path

import pytest
from mcp import Client

from agent import night
from handrail.context import open_context
from handrail.settings import Settings
from mcp_server import prompts
from mcp_server.server import create_server
from tests.hardening.doors.asking import Door, doors_of
from tests.test_docs import PAGES, ROOT
from tools._server import already_open
from web.app import create_app

TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)

OF_THE_PAGES = ("/static/",)
"""Style sheets, scripts and pictures of the pages: nobody asks for them."""


def named(template: str) -> bool:
    """Whether a path stands in the documentation, whatever its parameters are called there."""
    parts = [re.escape(part) for part in re.split(r"\{[^}]*\}", template)]
    return bool(re.search(r"\{[^}`]*\}".join(parts) + r"(?![\w/{])", TEXT))


def doors(tmp_path: Path) -> list[Door]:
    settings = Settings.load(_env_file=None, data_dir=tmp_path, database_url="")
    return doors_of(create_app(settings, create_server))


def test_every_route_of_the_app_stands_in_the_documentation(tmp_path: Path) -> None:
    found = doors(tmp_path)

    assert len(found) > 60
    missing = {door.template for door in found if not door.template.startswith(OF_THE_PAGES)}
    assert sorted(template for template in missing if not named(template)) == []


def test_every_operation_of_rest_stands_in_its_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "rest.md").read_text("utf-8")
    told = {re.sub(r"\{[^}]*\}", "{}", each) for each in re.findall(r"`([A-Z]+ /[^`]*)`", page)}
    asked = {re.sub(r"\{[^}]*\}", "{}", str(door)) for door in doors(tmp_path) if "/api/" in door.template}

    assert len(asked) > 20
    assert sorted(asked - told) == []
    assert sorted(each for each in told - asked if " /api/" in each) == []


@pytest.mark.parametrize("path", sorted(prompts.FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_every_prompt_stands_in_its_page_with_what_it_asks_for(path: Path) -> None:
    page = (ROOT / "docs" / "mcp-server.md").read_text("utf-8")
    [row] = re.findall(rf"^\| `{path.stem}` \|(.*?)\|", page, flags=re.MULTILINE)
    prompt = prompts.read(path)

    given = [argument.name for argument in prompt.arguments or []]
    optional = [argument.name for argument in prompt.arguments or [] if not argument.required]
    assert re.findall(r"`(\w+)`", row) == given
    assert ("optional" in row) == bool(optional)


async def test_every_resource_stands_in_its_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "mcp-server.md").read_text("utf-8")
    settings = Settings.load(_env_file=None, data_dir=tmp_path, database_url="")
    async with open_context(settings) as ctx, Client(create_server(already_open(ctx))) as client:
        fixed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates

    uris = {str(each.uri) for each in fixed} | {each.uri_template for each in templates}
    assert {uri.partition(":")[0] for uri in uris} >= {"handrail", "kb", "account", "run", "score", "policy"}
    assert sorted(uri for uri in uris if not uri.startswith("ui:") and f"`{uri}`" not in page) == []


def test_the_walk_of_a_night_has_its_stages_in_the_order_of_the_code() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    stages = [*night.BEFORE_MAILS, night.mail, *night.AFTER_MAILS, *night.LAST]

    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == [
        each.__name__.strip("_") for each in stages
    ]

"""Documentation under test: what it names exists, and what exists is named."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from docs import tools as generated
from handrail.cli.app import app
from handrail.settings import Settings
from tools import catalogue

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def variables() -> set[str]:
    """Every variable that the settings read."""
    found: set[str] = set()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        choices = getattr(alias, "choices", [])
        found.update(str(choice) for choice in choices)
    return found


def test_every_setting_is_explained_and_no_other() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    named = set(re.findall(r"`((?:HANDRAIL|ANTHROPIC|SENDGRID)_[A-Z_]+)`", page))

    assert len(variables()) > 25
    assert named == variables()


def test_the_example_environment_names_only_settings_that_exist() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))

    assert named
    assert named <= variables()


def test_the_page_of_tools_is_what_the_code_says() -> None:
    assert generated.PAGE.read_text("utf-8") == generated.page(), "run `make docs`"
    assert all(f"## `{tool.name}`" in generated.page() for tool in catalogue())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))

    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert missing == []


def test_every_picture_is_shown_by_a_page() -> None:
    shown = {name for page in PAGES for name in re.findall(r"images/([\w.-]+)\)", page.read_text("utf-8"))}

    assert len(shown) > 20
    assert sorted({path.name for path in (ROOT / "docs" / "images").iterdir()} ^ shown) == []


def test_every_command_that_is_named_exists() -> None:
    command = get_command(app)
    known = set(command.commands)  # type: ignore[attr-defined]
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    named = set(re.findall(r"`(?:\.venv/bin/)?handrail ([a-z][a-z-]*)", text))
    assert named
    assert named <= known


def test_every_file_of_code_that_a_page_names_is_there() -> None:
    named = {
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`((?:\w+/)+\w+\.(?:py|js|toml|yml))`", page.read_text("utf-8"))
    }
    written = {
        (guide.name, path)
        for guide in (ROOT / "docs").glob("adding-*.md")
        for path in re.findall(r"^\d+\. `([\w/]+\.py)`", guide.read_text("utf-8"), flags=re.MULTILINE)
    }

    assert len(named) > 100
    assert sorted(each for each in named - written if not (ROOT / each[1]).is_file()) == []


def test_the_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    named = set(re.findall(r"`make ([a-z]+)", text))
    assert named >= {"demo", "test", "check"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in named)

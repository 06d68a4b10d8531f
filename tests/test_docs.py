"""Documentation under test: what it names exists, and what exists is named."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from handrail.cli import docs as generated
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


def test_every_command_that_is_named_exists() -> None:
    command = get_command(app)
    known = set(command.commands)  # type: ignore[attr-defined]
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    named = set(re.findall(r"`(?:\.venv/bin/)?handrail ([a-z][a-z-]*)", text))
    assert named
    assert named <= known


def test_every_test_that_the_security_page_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text("utf-8")))

    assert len(named) > 30
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_the_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    named = set(re.findall(r"`make ([a-z]+)", text))
    assert named >= {"demo", "test", "check"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in named)

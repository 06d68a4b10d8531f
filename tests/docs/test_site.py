"""The site of the documentation: it builds, it has every page, and it asks nobody else for anything."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.required import lacking
from tests.test_docs import ROOT

MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
OF_THE_ROOT = {"SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"}


def build(config: Path, place: Path) -> subprocess.CompletedProcess[str]:
    if not MKDOCS.exists():
        lacking("docs", "mkdocs is not installed: run `make site` once.")
    return subprocess.run(
        [MKDOCS, "build", "--strict", "-f", config, "-d", place],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", place)
    assert done.returncode == 0, done.stderr
    return place


class Fetched(HTMLParser):
    """What a browser asks for when it opens the page: links that a reader may follow are none of it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "data") or (
                name == "href" and tag in ("link", "use", "image")
            ):
                self.addresses.append(value or "")


def test_every_page_of_the_documentation_is_a_page_of_the_site(site: Path) -> None:
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    expected = {str(path.with_suffix(".html")) for path in sources}
    expected |= {name.lower().replace(".md", ".html") for name in OF_THE_ROOT}

    assert len(expected) > 40
    assert expected == {str(path.relative_to(site)) for path in site.rglob("*.html")} - {"404.html"}


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    asked = {address for page in pages for address in Fetched(page).addresses}
    sheets = "\n".join(path.read_text("utf-8") for path in [*site.rglob("*.css"), *site.rglob("*.svg")])

    assert len(asked) > 10
    assert (
        sorted(address for address in asked if re.match(r"\w+:|//", address) and address[:5] != "data:") == []
    )
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", sheets) == []


def test_a_link_to_another_file_of_the_repository_leads_to_a_copy_of_it(site: Path) -> None:
    shipped = ROOT / "handrail" / "services" / "score.toml"

    assert 'href="repository/handrail/services/score.toml"' in (site / "health.html").read_text("utf-8")
    assert (site / "repository" / "handrail" / "services" / "score.toml").read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize(
    "broken", ["[no page](nowhere.md)", "[no place](health.md#nowhere)", "![no picture](images/nowhere.png)"]
)
def test_a_link_that_leads_nowhere_fails_the_build(broken: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.png", "__pycache__"))
    for page in (tmp_path / "docs").rglob("*.md"):
        page.unlink()
    (tmp_path / "docs" / "health.md").write_text("# Health\n", "utf-8")
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{broken}\n", "utf-8")
    for name in OF_THE_ROOT:
        (tmp_path / name).write_text("# A page\n", "utf-8")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    (tmp_path / "mkdocs.yml").write_text(settings.partition("\nnav:\n")[0] + "\nnot_in_nav: '*'\n", "utf-8")

    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")

    assert done.returncode != 0
    assert "nowhere" in done.stderr


def test_the_navigation_has_every_page_but_the_decisions(site: Path) -> None:
    listed = set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}

    assert sorted(page for page in pages - listed if not page.startswith("decisions/")) == []

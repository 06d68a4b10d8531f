"""What mkdocs is told of this repository: pages of its root join the site, and links find them there.

A link to any other file of the repository leads to a copy of it in the site.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OF_THE_ROOT = {
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Where pages of the repository's root are in the site."""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, target in OF_THE_ROOT.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    for path in sorted({path for page in files.documentation_pages() for path in _linked(page)}):
        if _place(path).startswith("repository/") and (ROOT / path).is_file():
            files.append(File.generated(config, _place(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The same with every relative link as it is in the site."""
    here = posixpath.dirname(page.file.src_uri)
    return _LINK.sub(lambda link: posixpath.relpath(_place(_path(page.file, link[1])), here or "."), markdown)


def _linked(file: File) -> Iterator[str]:
    yield from (_path(file, target) for target in _LINK.findall(file.content_string))


def _path(file: File, target: str) -> str:
    """The file of the repository that a page's link means, from the repository's root."""
    source = next(
        (path for path, place in OF_THE_ROOT.items() if place == file.src_uri), f"docs/{file.src_uri}"
    )
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _place(path: str) -> str:
    """Where a file of the repository is in the site."""
    if path in OF_THE_ROOT:
        return OF_THE_ROOT[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"

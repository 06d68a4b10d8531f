"""Every code block of the documentation, and every command in it."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.test_docs import PAGES, ROOT

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", flags=re.DOTALL | re.MULTILINE)
_RECIPE = re.compile(
    r"^\d+\. `([\w/]+\.py)`[^\n]*\n\n( *)```python\n(.*?)^\2```$", flags=re.DOTALL | re.MULTILINE
)
_GIVEN = re.compile(r"[A-Z][A-Z_]*=")


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """All of them, or those of these languages."""
    found = [block for page in PAGES for block in _of(page)]
    return [block for block in found if not languages or block.language in languages]


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(str(page.relative_to(ROOT)), line, match[2], textwrap.dedent(match[3]))


def recipe(page: str) -> dict[str, str]:
    """The files that a page has its reader write, by their path."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return {match[1]: textwrap.dedent(match[3]) for match in _RECIPE.finditer(text)}


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a block, each as its words: variables, prompts and what is fed to it left out."""
    for line in _lines(block):
        words = shlex.split(line, comments=True)
        words = words[words.index("|") + 1 :] if "|" in words else words
        while words and (_GIVEN.match(words[0]) or words[0] == "export"):
            words.pop(0)
        if words:
            yield words[: words.index("<")] if "<" in words else words


def _lines(block: Block) -> Iterator[str]:
    """What a shell takes as one line: continued ones are joined, and of a transcript what was typed."""
    begun = ""
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "console" and not line.startswith("$ "):
            continue
        begun += line.removeprefix("$ ")
        if begun.count("'") % 2 == 0:
            yield begun
            begun = ""

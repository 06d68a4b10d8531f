"""Writes the pages that are made and not typed: `make docs`.

Tools, commands, decisions and the drawing are read from the code. The answers of docs/ask.md are asked of the
demo's world after a night, which takes half a minute; `python -m docs.generated NAME` writes one page alone.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from docs import asked, commands, floors, tools

FOLDER = Path(__file__).parent


def decisions() -> str:
    """docs/decisions/index.md as it should be: every record by its own title."""
    records = sorted(path for path in (FOLDER / "decisions").glob("*.md") if path.name != "index.md")
    lines = [
        f"- [{path.read_text('utf-8').partition(chr(10))[0].removeprefix('# ')}]({path.name})"
        for path in records
    ]
    return "\n".join([_DECISIONS, *lines, ""])


_DECISIONS = """# Decisions

Written by `make docs` from the records beside this page. Each is half a page about a choice that
was hard: what was chosen, what it costs, and what was not taken.
"""

READ: dict[str, Callable[[], str]] = {
    "tools.md": tools.page,
    "commands.md": commands.page,
    "decisions/index.md": decisions,
    "images/floors.svg": floors.svg,
}
"""What is read from the code, at no cost."""

PAGES = {**READ, "ask.md": asked.made}


def main() -> None:
    for name in sys.argv[1:] or PAGES:
        (FOLDER / name).write_text(PAGES[name](), "utf-8")


if __name__ == "__main__":
    main()

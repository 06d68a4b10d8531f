"""Prompts: each Markdown file of the folder `prompts` is one; being there is what registers it.

Front matter: `title`, `description`, and `arguments` (name: description; one that begins with "Optional." may
be left out). In the text `{name}` stands for an argument; lines that name an argument left out are left out.
"""

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import Prompt, PromptArgument

from tools._server import OnDemand

FOLDER = Path(__file__).parent / "prompts"
OPTIONAL = "Optional."
_ARGUMENT = re.compile(r"\{(\w+)\}")


def publish(server: MCPServer[OnDemand]) -> None:
    for path in sorted(FOLDER.glob("*.md")):
        server.add_prompt(read(path))


def read(path: Path) -> Prompt:
    """The prompt that a file describes."""
    _, head, body = path.read_text("utf-8").split("---\n", 2)
    told = yaml.safe_load(head)
    arguments = [
        PromptArgument(name=name, description=words, required=not words.startswith(OPTIONAL))
        for name, words in (told.get("arguments") or {}).items()
    ]
    return Prompt(
        name=path.stem,
        title=told["title"],
        description=told["description"],
        arguments=arguments,
        fn=_filled(body.strip()),
    )


def _filled(body: str) -> Callable[..., str]:
    async def fill(**given: str) -> str:
        lines = (
            line for line in body.splitlines() if all(given.get(name) for name in _ARGUMENT.findall(line))
        )
        return "\n".join(_ARGUMENT.sub(lambda match: given[match[1]], line) for line in lines)

    return fill  # type: ignore[return-value]

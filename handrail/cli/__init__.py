"""The `handrail` command. `mcp` takes a short cut: a chat client waits for its first answer."""

import os
import sys


def main() -> None:
    """The console script."""
    match sys.argv[1:]:
        case ["mcp"] | ["mcp", "--workspace", _] | ["--workspace", _, "mcp"] as given:
            in_workspace("".join(each for each in given if each not in {"mcp", "--workspace"}))
            from handrail.cli.serving import mcp  # noqa: PLC0415

            mcp()
        case _:
            from handrail.cli.app import run  # noqa: PLC0415

            run()


def in_workspace(name: str) -> None:
    """The option is the variable, for this process and those that it begins."""
    if name:
        os.environ["HANDRAIL_WORKSPACE"] = name

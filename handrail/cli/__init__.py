"""The `handrail` command. `mcp` takes a short cut: a chat client waits for its first answer."""

import os
import sys


def main() -> None:
    """The console script."""
    match sys.argv[1:]:
        case ["mcp"]:
            _mcp("")
        case ["mcp", "--workspace", name] | ["--workspace", name, "mcp"]:
            _mcp(name)
        case _:
            from handrail.cli.app import run  # noqa: PLC0415

            run()


def _mcp(workspace: str) -> None:
    in_workspace(workspace)
    from handrail.cli.serving import mcp  # noqa: PLC0415

    mcp()


def in_workspace(name: str) -> None:
    """The option is the variable, for this process and those that it begins."""
    if name:
        os.environ["HANDRAIL_WORKSPACE"] = name

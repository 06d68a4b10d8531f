"""The `handrail` command. `mcp` takes a short cut: a chat client waits for its first answer."""

import sys


def main() -> None:
    """The console script."""
    if sys.argv[1:] == ["mcp"]:
        from handrail.cli.serving import mcp  # noqa: PLC0415

        mcp()
        return
    from handrail.cli.app import run  # noqa: PLC0415

    run()

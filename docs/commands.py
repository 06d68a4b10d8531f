"""docs/commands.md: every command with its arguments and options, read from the command line itself."""

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from handrail.cli.app import app

_OPENING = """# Commands

Written from the code by `make docs`; do not edit.

In a clone the command is `.venv/bin/handrail`. Every command reads [the settings](configuration.md)
from the environment or `.env`; `handrail demo`, `mcp` with `HANDRAIL_DEMO`, and `standin` need
none.

- With `--json` a command prints exactly one JSON object on stdout. Logs, progress and prose for
  people go to stderr.
- Exit codes: 0 done, 1 the job or a check failed, 2 bad usage or settings.
- `--help` tells the same as this page.
"""


def page() -> str:
    """docs/commands.md as it should be."""
    return "\n".join([_OPENING, *_told(get_command(app), "handrail")])


def undescribed() -> list[str]:
    """Commands, arguments and options that say nothing of themselves."""
    return [line for line in page().splitlines() if line.endswith("| ? |") or line == "?"]


def _told(command: Any, path: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield from _one(command, path)
        return
    if path != "handrail":
        yield f"## `{path}`\n"
        yield f"{_words(command.help)}\n"
    for name in sorted(inner, key=lambda name: (hasattr(inner[name], "commands"), name)):
        yield from _told(inner[name], f"{path} {name}")


def _one(command: Any, path: str) -> Iterator[str]:
    given = [each for each in command.params if each.name != "help"]
    arguments = [_argument(each) for each in given if each.param_type_name == "argument"]
    yield f"{'##' if path.count(' ') == 1 else '###'} `{' '.join([path, *arguments])}`\n"
    yield f"{_words(command.help)}\n"
    if given:
        yield "| | default | |"
        yield "|---|---|---|"
        for each in given:
            yield f"| `{_name(each)}` | {_default(each)} | {_words(each.help)} |"
        yield ""


def _words(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text).split()) if text else "?"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _argument(parameter).removesuffix("...").strip("[]")
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.name.strip('_').upper()}"


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.default, bool):
        return f"`{parameter.opts[0]}`" if parameter.default else ""
    return f"`{parameter.default}`" if parameter.default not in ("", None) else ""

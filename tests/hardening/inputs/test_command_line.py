"""Every argument of every command takes any string, or says in a sentence why not; never a traceback."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from handrail.cli.app import app
from handrail.errors import HandrailError
from handrail.settings import Settings
from standin.state import Standin
from tests import databases
from tests.agent.test_kill import environment
from tests.hardening.conftest import Promise
from tests.hardening.inputs.naughty import NAUGHTY, some

NEVER_ENDS = {"serve", "standin", "agent start", "mcp"}
"""Serve until they are stopped. `demo` is tried with worlds."""

UNTRIED = {"port", "data_dir"}
"""Any folder is one: a demo would be run in it."""

FILLED = {
    "value": "3",
    "account": "Acme",
    "name": "find_accounts",
    "feature": "connect-data-source",
    "style": "plain",
}


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


STRINGS = [
    each
    for each in (*NAUGHTY, "\udcff\udc80", "caf\udce9")
    if "\0" not in each and not _is_day(each) and not re.search("[\ud800-\udc7f\udd00-\udfff]", each)
]
"""What a shell can hand over: no NUL, and bytes beside UTF-8 as Python tells them. A day runs a night."""


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(names, command) of all, out of typer's own copy of click."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        elif " ".join([*names, name]) not in NEVER_ENDS:
            yield (*names, name), command


def calls(names: tuple[str, ...], command: Any, string: str) -> Iterator[list[str]]:
    """The command with the string in one place after another."""
    needed = [each for each in command.params if each.param_type_name == "argument"]
    usual = [FILLED.get(str(each.name), "x") for each in needed if each.required]
    for at in range(len(needed)):
        filled = [*usual, *[FILLED.get(str(each.name), "x") for each in needed[len(usual) :]]]
        filled[at] = string
        yield [*names, "--", *filled[: max(at + 1, len(usual))]]
    for each in command.params:
        if each.param_type_name == "option" and not each.is_flag and each.name not in UNTRIED:
            yield [
                *names,
                each.opts[0],
                string,
                *(["--no-serve"] if names == ("demo",) else []),
                "--",
                *usual,
            ]


def test_no_string_breaks_a_command(
    settings: Settings,
    standins: Standin,
    _synced_data: Path,  # noqa: PT019  (its value is copied)
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    promise: Promise,
) -> None:
    monkeypatch.chdir(tmp_path)
    databases.copy(_synced_data, settings.data_dir)
    tried, faults, known = 0, [], list(commands(typer.main.get_command(app)))
    for place, (names, command) in enumerate(known):
        for string in some(17 * place, STRINGS, one_in=15):
            for call in calls(names, command, string):
                done = CliRunner().invoke(app, call, env={**environment(settings), "COLUMNS": "200"})
                tried += 1
                error = done.exception
                if isinstance(error, HandrailError):
                    wrong = (
                        ""
                        if str(error).rstrip().endswith((".", "?"))
                        else f"no sentence: {ascii(str(error))[-80:]}"
                    )
                else:
                    wrong = "" if error is None or isinstance(error, SystemExit) else repr(error)[:200]
                if wrong or done.exit_code not in (0, 1, 2):
                    faults.append(f"{ascii(call)[:120]}: {wrong}")

    assert faults == []
    assert len(known) > 20
    promise(f"naughty strings: 0 of {tried} calls of {len(known)} commands ended in a traceback")

"""What people may demand: to be told what is kept about them, and to be erased."""

import re
import sys
from typing import Annotated

import typer

from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.context import ToolContext
from handrail.engine import keys
from handrail.engine.text import is_text
from handrail.errors import CallerError
from handrail.flows import people

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DISTINCT_ID]...",
        help="As Mixpanel has them. None, or -: one a line on stdin, so that no shell keeps them.",
    ),
]
Key = Annotated[str, typer.Option(help="Instead of an id: the user key that a page or an answer shows.")]

NOTHING = (
    "Nothing was kept about {}: ids are case-sensitive, a person may have several, "
    "and HANDRAIL_SECRET_KEY must be that of the nights."
)


def erase(ids: Ids = None, *, user_key: Key = "", json_: Json = False) -> None:
    """Erase all that is kept about people, and never read or mail them again. It cannot be undone.

    That they are not to be mailed stays, under their key. Mixpanel and SendGrid are not touched.
    """
    asked = _asked(ids, user_key)
    done = with_context(lambda ctx: people.erase(ctx, _keys(ctx, asked, user_key)))
    lines = [
        f"{done.people} people were erased; they stay on the list of who is not mailed.",
        *(f"{name}\t{rows}" for name, rows in (done.tables | done.flow).items()),
        *([NOTHING.format(f"{done.unknown} of them")] if done.unknown else []),
        *done.notes,
    ]
    printing.show(done.model_dump(mode="json"), "\n".join(lines), as_json=json_)


def export_user(ids: Ids = None, *, user_key: Key = "", json_: Json = False) -> None:
    """Tell all that is kept about a person: every row, by table."""
    asked = _asked(ids, user_key)
    if len(asked) > 1:
        raise CallerError("One person at a time: give one id.")
    found = with_context(lambda ctx: people.all_about(ctx, _keys(ctx, asked, user_key)[0]))
    lines = [
        f"Kept under the key {found.user_key}:" if found.tables else NOTHING.format("this person"),
        *("\n".join([f"\n{name}", *(_row(row) for row in rows)]) for name, rows in found.tables.items()),
        *(f"\n{name}\t{count}" for name, count in found.flow.items()),
    ]
    printing.show(found.model_dump(mode="json"), "\n".join(lines), as_json=json_)


def _row(row: dict[str, object]) -> str:
    return "  " + ", ".join(f"{name}={value}" for name, value in row.items() if value not in (None, ""))


def _asked(ids: list[str] | None, key: str) -> list[str]:
    """Ids as they were given; none where a key was given instead."""
    if key:
        if ids or not re.fullmatch(r"[0-9a-f]{64}", key):
            raise CallerError("Give either ids or --user-key with one whole key, 64 hexadecimal digits.")
        return []
    if not ids or ids == ["-"]:
        if sys.stdin.isatty():
            sys.stderr.write("Ids of Mixpanel, one a line; end with Ctrl-D.\n")
        ids = [line.rstrip("\r\n") for line in sys.stdin]
    found = [each for each in ids if each]
    if not found:
        raise CallerError("Nobody was named: give an id of Mixpanel (distinct_id), or ids on stdin.")
    if not all(map(is_text, found)):
        raise CallerError("An id is not UTF-8 text: give it as Mixpanel has it.")
    return found


def _keys(ctx: ToolContext, ids: list[str], key: str) -> list[str]:
    return [key] if key else [keys.user_key(ctx.secret, each) for each in ids]

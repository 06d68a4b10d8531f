"""A world's files, which anybody may have written: every fault is told with its file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

LONGEST_LINE = 4 << 20
"""Bytes; Mixpanel takes no event of more than 1 MB. A packed file of gigabytes ends here, too."""

MOST_EMPTY = 1000
"""Empty lines of a file are passed over, but not a packed file of nothing else."""


class WorldError(Exception):
    """A world folder cannot be used; the message names the file."""


def own(folder: Path, path: Path) -> Path:
    """The path, if a regular file of this folder is there: a world brings nothing of the machine along."""
    if not path.is_file():  # reading a pipe or a device might never end
        raise WorldError(f"{path} is no file.")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise WorldError(f"{path} leads out of the world's folder.")
    return path


def json_file(folder: Path, path: Path) -> dict[str, Any]:
    """The one object that a file is."""
    if not path.exists():
        raise WorldError(f"{folder} is no world: {path.name} is missing.")
    if own(folder, path).stat().st_size > LONGEST_LINE:
        raise WorldError(f"{path} is larger than {LONGEST_LINE >> 20} MB.")
    return _object(path.read_bytes(), f"{path}")


def json_lines(folder: Path, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file and line in words, object) of each line; of a file that ends in `.gz` after unpacking it."""
    own(folder, path)
    number = empty = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while True:
            number += 1
            where = f"{path}, line {number}"
            try:
                raw = file.readline(LONGEST_LINE + 1)
            except (OSError, EOFError, zlib.error):
                raise WorldError(f"{where}: the file is not packed as gzip, or it is cut off.") from None
            if not raw:
                return
            if len(raw) > LONGEST_LINE:
                raise WorldError(f"{where}, is longer than {LONGEST_LINE >> 20} MB.")
            if raw.strip():
                yield where, _object(raw, where)
            elif (empty := empty + 1) > MOST_EMPTY:
                raise WorldError(f"{where}: there are too many empty lines.")


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise WorldError(f"{where}, is not UTF-8.") from None
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in error.doc.rstrip("\n") else ""
        raise WorldError(f"{where}{line}, is not JSON: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise WorldError(f"{where}, holds what is no number, or is nested too deeply.") from None
    if not isinstance(found, dict):
        raise WorldError(f"{where}, is no JSON object.")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)

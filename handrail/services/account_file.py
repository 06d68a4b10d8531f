"""What the company itself knows of its accounts: a CSV file, read whole or not at all."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handrail.domain.accounts import AccountFacts
from handrail.engine.personal import holds_somebody, is_address
from handrail.errors import CallerError
from handrail.services import text_file

MOST_BYTES = 20_000_000

COLUMNS = (
    "id",
    "mixpanel_ids",
    "name",
    "aliases",
    "domains",
    "segment",
    "arr",
    "csm",
    "renewal",
    "churned_at",
)
_IDS = ("id", "mixpanel_ids")


def read(path: Path) -> list[tuple[int, AccountFacts]]:
    """(line number, facts). Raises `CallerError` that names file, line and column."""
    reader = csv.DictReader(
        io.StringIO(text_file.read(path, CallerError, most=MOST_BYTES), newline=""),
        restkey="",
        restval="",
        strict=True,
    )
    try:
        _check_header(path, reader.fieldnames or [])
        facts = [(reader.line_num, _facts(path, reader.line_num, row)) for row in reader]
    except csv.Error:
        raise CallerError(
            f"{path}, line {reader.line_num + 1}: a value lacks its closing quotation mark, or is too long."
        ) from None
    _check_ids(path, facts)
    return facts


def _check_header(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise CallerError(f"{path}, line 1: a column is there twice.")
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or not {"id", "mixpanel_ids", "name"} & set(names):
        raise CallerError(
            f"{path}, line 1: the columns must be some of {', '.join(COLUMNS)}, id or name among them"
            + (f"; not {', '.join(map(repr, unknown))}." if unknown else ".")
        )


def _check_ids(path: Path, facts: list[tuple[int, AccountFacts]]) -> None:
    """One Mixpanel id belongs to one company."""
    lines: dict[str, int] = {}
    for line, fact in facts:
        for mixpanel_id in {fact.id, *fact.mixpanel_ids} - {""}:
            if mixpanel_id in lines:
                raise CallerError(
                    f"{path}, line {line}: {mixpanel_id!r} is on line {lines[mixpanel_id]} already."
                )
            lines[mixpanel_id] = line


def _facts(path: Path, line: int, row: dict[str, Any]) -> AccountFacts:
    if "" in row:
        raise CallerError(f"{path}, line {line}: there are more values than columns.")
    given = {name: value.strip() for name, value in row.items() if value.strip()}
    for name, value in given.items():
        held = map(is_address, value.split(";")) if name in _IDS else [holds_somebody(value)]
        if any(held):
            raise CallerError(f"{path}, line {line}, {name}: an address or a number of a person is not kept.")
    several = {
        name: given[name].split(";") for name in ("mixpanel_ids", "aliases", "domains") if name in given
    }
    lists = {name: tuple(part.strip() for part in parts if part.strip()) for name, parts in several.items()}
    try:
        facts = AccountFacts.model_validate({**given, **lists})
    except ValidationError as error:
        fault = error.errors()[0]
        raise CallerError(f"{path}, line {line}, {fault['loc'][0]}: {_words(fault['msg'])}.") from None
    first = facts.mixpanel_ids[0] if facts.mixpanel_ids else facts.id
    if facts.id not in ("", first):
        raise CallerError(f"{path}, line {line}, mixpanel_ids: the first must be {facts.id!r}, as the id is.")
    if not first and not facts.name:
        raise CallerError(f"{path}, line {line}: id or name must be filled in.")
    return facts.model_copy(update={"id": first})


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")

"""A row for every table that there is, out of the tables themselves."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
)

Rows = dict[str, list[dict[str, Any]]]
"""By table."""


def tables_of(connection: Connection) -> list[Table]:
    """The tables as they are at this moment, parents first."""
    found = MetaData()
    found.reflect(connection)
    return [each for each in found.sorted_tables if each.name != "alembic_version"]


def fill(connection: Connection, number: int) -> Rows:
    """Insert a row into every table, with values that no other `number` has; answers them."""
    filled: Rows = {}
    for table in tables_of(connection):
        row = {column.name: _value(column, number) for column in table.columns}
        connection.execute(insert(table), row)
        filled[table.name] = [row]
    return filled


def numbered(connection: Connection) -> list[Table]:
    """The tables whose rows the database numbers."""
    return [
        each
        for each in tables_of(connection)
        if "id" in each.columns and each.columns["id"].autoincrement is True
    ]


def unnumbered(table: Table, number: int) -> dict[str, Any]:
    """A further row for a table of those, without its number, of parents that `fill` made for `number`."""
    return {
        column.name: _value(column, number + (0 if column.foreign_keys else 1))
        for column in table.columns
        if column.name != "id"
    }


def read(connection: Connection) -> Rows:
    """Every row of every table."""
    return {
        table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for table in tables_of(connection)
    }


def _value(column: Column[Any], number: int) -> Any:
    for other in column.foreign_keys:
        return _value(other.column, number)
    if column.name == "document":
        return json.dumps({"priority": number + 0.5, "account_ids": [f"account-{number}"]})
    kinds = (
        (Boolean, number % 2 == 0),
        (DateTime, datetime(2024, 1, 1, 12, 30, 15, 123456) + timedelta(days=number)),  # noqa: DTZ001  (kept so)
        (Date, date(2024, 1, 1) + timedelta(days=number)),
        (Float, number + 0.25),
        (Integer, 1000 + number),
        (LargeBinary, f"bytes\0{number}".encode()),
        (String, f"{column.name} of {number}: ü ' % ? \\"),
    )
    return next(value for kind, value in kinds if isinstance(column.type, kind))

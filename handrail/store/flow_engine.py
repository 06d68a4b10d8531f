"""The file that the durable flow keeps its own books in, when there is no PostgreSQL."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event


def sqlite_engine(path: Path) -> Engine:
    """SQLite with a write-ahead log: the flow's own default journal costs more than twice the time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(f"sqlite:///{path.resolve()}")
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode = wal", "busy_timeout = 30000", "foreign_keys = on", "synchronous = normal"):
        connection.execute(f"pragma {pragma}").close()

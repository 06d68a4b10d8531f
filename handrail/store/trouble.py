"""What this machine or its database refuses, in one sentence that says what to do."""

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import OperationalError

NO_ANSWER = (
    "The database does not answer: see that its PostgreSQL server runs, and try again. What was written "
    "before is whole."
)
_FULL = "The disk is full"
_ADVICE = "free some room and start again: what was written before is whole"
_BY_NUMBER = {
    errno.ENOSPC: f"{_FULL}: {_ADVICE}.",
    errno.EDQUOT: f"The disk's quota is used up: {_ADVICE}.",
    errno.EFBIG: f"A file may not grow any further (ulimit -f, or the file system's limit): {_ADVICE}.",
    errno.EROFS: "The disk is read-only: make the data directory (HANDRAIL_DATA_DIR) writable.",
    errno.EACCES: "The data directory may not be written: check HANDRAIL_DATA_DIR and whose it is.",
    errno.EPERM: "The data directory may not be written: check HANDRAIL_DATA_DIR and whose it is.",
    errno.EMFILE: "This process has too many files open: raise its limit (ulimit -n) and start again.",
    errno.ENFILE: "This machine has too many files open: raise its limit and start again.",
    errno.ENOMEM: "The machine has no memory left: start again with more, or a lower HANDRAIL_MEMORY_LIMIT.",
}
_BY_CODE = {
    sqlite3.SQLITE_FULL: f"{_FULL}: {_ADVICE}.",
    sqlite3.SQLITE_IOERR: f"The disk did not read or write the database, full or broken: {_ADVICE}.",
    sqlite3.SQLITE_READONLY: "The database is read-only: make its directory (HANDRAIL_DATA_DIR) writable.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened: check HANDRAIL_DATA_DIR, whose it is, and the "
    "limit of open files (ulimit -n).",
    sqlite3.SQLITE_CORRUPT: "The database is damaged: restore the last backup (`handrail restore FILE "
    "--replace`), and look after the disk.",
    sqlite3.SQLITE_NOTADB: "The database is damaged: restore the last backup (`handrail restore FILE "
    "--replace`), and look after the disk.",
    sqlite3.SQLITE_NOMEM: _BY_NUMBER[errno.ENOMEM],
    sqlite3.SQLITE_BUSY: "The database was held by another process for too long: try again.",
}


def trouble(error: BaseException) -> str | None:
    """The sentence for an error of this machine or its database, however deep; None for any other."""
    for each in _chain(error):
        if isinstance(each, sqlite3.Error):
            words = _BY_CODE.get(getattr(each, "sqlite_errorcode", 0) & 0xFF)
        elif isinstance(each, OSError):
            words = _BY_NUMBER.get(each.errno or 0)
        elif isinstance(each, MemoryError) or "can't start new thread" in str(each):
            words = _BY_NUMBER[errno.ENOMEM]
        elif isinstance(each, OperationalError) and not isinstance(each.orig, sqlite3.Error):
            words = NO_ANSWER  # of the engine that runs the nights; the store's own says so by itself
        else:
            continue
        if words is not None:
            return words
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it wraps and what led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        waiting += [getattr(each, "orig", None), each.__cause__, each.__context__]

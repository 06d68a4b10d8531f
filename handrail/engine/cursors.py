"""Long lists in pages: a cursor says where the next page begins, and of which question it is."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from handrail.errors import CallerError

Row = TypeVar("Row")


class Page(NamedTuple, Generic[Row]):
    rows: list[Row]
    showing: str
    """Such as `1 to 20 of 143`; empty where the page is the whole list."""
    cursor: str
    """Of the next page; empty after the last."""


class Place(NamedTuple):
    """Where a page lies in its list: rows from `start` up to, but without, `end`."""

    start: int
    end: int
    showing: str
    cursor: str


def place(total: int, cursor: str, limit: int, *, of: object) -> Place:
    """Where the cursor points in a list of `total` rows; without one, its beginning.

    Nothing is kept between pages. `of` is the question and the age of its figures: raises `CallerError` for
    the cursor of another.
    """
    asked = question(of)
    told = read(cursor, asked) or "0"
    if not (told.isascii() and told.isdigit() and len(told) <= len(str(total)) and int(told) <= total):
        raise CallerError(WRONG)
    start = int(told)
    end = min(start + limit, total)
    more = end < total
    return Place(
        start,
        end,
        showing=f"{start + 1} to {end} of {total}" if (more or start) and total else "",
        cursor=made(asked, str(end)) if more else "",
    )


def page(rows: Sequence[Row], cursor: str, limit: int, *, of: object) -> Page[Row]:
    """The rows that the cursor points at, see `place`."""
    here = place(len(rows), cursor, limit, of=of)
    return Page(list(rows[here.start : here.end]), here.showing, here.cursor)


def question(of: object) -> str:
    """What tells the cursors of one question from those of another."""
    return hashlib.sha256(repr(of).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def made(asked: str, at: str) -> str:
    """The cursor of a place in the answer to a question."""
    return urlsafe_b64encode(f"{asked}{at}".encode()).decode().rstrip("=")


def read(cursor: str, asked: str) -> str:
    """What `made` was given; empty without a cursor. Raises `CallerError` for one of another question."""
    if not cursor:
        return ""
    try:
        told = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise CallerError(WRONG) from None
    own, at = told[: len(asked)], told[len(asked) :]
    if own != asked or not at:
        raise CallerError(WRONG)
    return at


WRONG = "This cursor is of another question or of older figures: ask again without cursor."

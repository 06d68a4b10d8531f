"""Pages of long lists, by hand."""

import pytest

from handrail.engine.cursors import page
from handrail.errors import CallerError

ROWS = list(range(45))


def test_cursors_lead_through_the_whole_list_once() -> None:
    first = page(ROWS, "", 20, of="accounts")
    second = page(ROWS, first.cursor, 20, of="accounts")
    last = page(ROWS, second.cursor, 20, of="accounts")

    assert [*first.rows, *second.rows, *last.rows] == ROWS
    assert [each.showing for each in (first, second, last)] == [
        "1 to 20 of 45",
        "21 to 40 of 45",
        "41 to 45 of 45",
    ]
    assert last.cursor == ""


def test_a_list_that_fits_one_page_says_nothing_of_pages() -> None:
    assert page(ROWS, "", 45, of="accounts") == (ROWS, "", "")
    assert page([], "", 20, of="accounts") == ([], "", "")


@pytest.mark.parametrize("cursor", ["x", "…", "AAAA", "a" * 500, "LTE"])
def test_what_is_no_cursor_is_refused_in_words(cursor: str) -> None:
    with pytest.raises(CallerError, match="without cursor"):
        page(ROWS, cursor, 20, of="accounts")


def test_a_cursor_of_another_question_or_of_older_figures_is_refused() -> None:
    cursor = page(ROWS, "", 20, of=("accounts", "yesterday")).cursor

    with pytest.raises(CallerError, match="older figures"):
        page(ROWS, cursor, 20, of=("accounts", "today"))
    with pytest.raises(CallerError, match="another question"):
        page(ROWS[:10], page(ROWS, "", 20, of="x").cursor, 20, of="x")

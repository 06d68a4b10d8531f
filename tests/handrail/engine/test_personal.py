"""Which names and texts from outside point at a person, and what is left of them."""

import pytest

from handrail.engine.personal import (
    harmless_name,
    holds_somebody,
    is_address,
    nobody_inside,
    without_somebody,
)


@pytest.mark.parametrize(
    "text",
    [
        "Invited ana@acme.example", "ana＠acme.example", "to=ana%40acme.example", "ana&#64;acme.example",
        "ana&#x40;acme.example", "Called +49 1577 7310031", "from 198.51.100.7", "+4915777310031",
        "User 0d6f2d6f-0e6a-4b0e-9a64-8f8d4b1c7a11 left", "<ana@acme.example>",
    ],
)  # fmt: skip
def test_an_address_a_number_or_an_id_is_found_inside_a_name(text: str) -> None:
    assert holds_somebody(text)
    assert harmless_name(text, 7) == "no. 7"


@pytest.mark.parametrize(
    "text",
    [
        "Export Scheduled", "$mp_web_page_view", "v119.0.6045.105 installed", "2026-11-20", "Order 123456789",
        "Opened @mentions", "Sale 20 % +5", "Mail @ night", "a.b.c.d", "Chrome 1.2.3", "李明", "",
    ],
)  # fmt: skip
def test_versions_dates_and_words_point_at_nobody(text: str) -> None:
    assert not holds_somebody(text)
    assert without_somebody(text) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana@acme.example", True), (" ana+x@acme.example ", True), ("acct_1001", False),
        ("acme.example", False), ("@acme", False), ("Acme @ Berlin.x", False), ("a@b", False),
    ],
)  # fmt: skip
def test_an_id_that_is_an_address_is_told_from_others(text: str, address: bool) -> None:
    assert is_address(text) is address


def test_what_points_at_somebody_is_taken_out_of_each_text_of_a_value() -> None:
    """A control character before an address is an escape in JSON: it must not lose its half."""
    draft = {
        "intro": 'Write to "ana@acme.example", or call +49 1577 7310031 today.',
        "steps": ["Choose <b>", "\x1bana@acme.example \\n"],
        "number": 7,
    }

    assert nobody_inside(draft) == {
        "intro": 'Write to "(removed)", or call (removed) today.',
        "steps": ["Choose <b>", "(removed) \\n"],
        "number": 7,
    }

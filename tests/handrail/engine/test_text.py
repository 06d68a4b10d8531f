"""Text from strangers: what is left of it before it is shown, and which names are used in a greeting."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.engine.text import MAX_LENGTH, first_name, shown

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
TAGS = "".join(map(chr, range(0xE0000, 0xE0080)))
CONTROLS = "".join(map(chr, [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)]))
STRANGE = st.text(st.sampled_from("aé李 .-'" + BIDI + ZERO_WIDTH + "\t\n\r\u2028\u2029\U000e0041\x00\x85"))


@pytest.mark.parametrize("hidden", [BIDI, ZERO_WIDTH, TAGS, CONTROLS, "\ue000", "\ud800", "\U000fffff"])
def test_characters_that_hide_or_reorder_text_are_gone(hidden: str) -> None:
    assert shown(f"ab{hidden}cd") == "abcd"


@pytest.mark.parametrize("gap", ["\t", "\n", "\r\n", "\u2028", "\u2029", "   ", "\u00a0", " \n "])
def test_line_breaks_and_runs_of_space_become_one_space(gap: str) -> None:
    assert shown(f" ab{gap}cd ") == "ab cd"


@pytest.mark.parametrize(
    "text",
    ["Møller & Sønner", "Papelería Tres Lunas", "李小龍", "Rook & Pawn <Games>", "naïve – “quoted”", ""],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_long_text_is_cut_to_one_hundred_and_twenty_characters_with_an_ellipsis() -> None:
    assert shown("x" * 120) == "x" * 120
    assert shown("x" * 121) == "x" * 119 + "…"


@given(st.text() | STRANGE)
def test_whatever_comes_in_one_short_clean_line_comes_out_and_stays(raw: str) -> None:
    line = shown(raw)

    assert len(line) <= MAX_LENGTH
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
    assert shown(line) == line


@pytest.mark.parametrize(
    ("full", "first"),
    [
        ("Ana Müller", "Ana"),
        ("O'Brien", "O'Brien"),
        ("李", "李"),
        ("José García", "José"),
        ("Jose\u0301", "Jos\u00e9"),
        ("Anne-Marie Dupont", "Anne-Marie"),
        ("  Zelda   Calloway ", "Zelda"),
        ("A\u200bn\u202ea", "Ana"),
        ("Robert (Bob) Smith", "Robert"),
        ("X" * 40, "X" * 40),
    ],
)
def test_a_first_name_is_used_as_it_is_written(full: str, first: str) -> None:
    assert first_name(full) == first


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "Click http://x",
        "Click https://evil.example/now",
        "Visit www.evil",
        "Open evil.example today",
        "evil.example",
        "Ann@evil.example",
        "Write to ann@evil.example",
        "<b>Ann</b>",
        "Ann <script>alert(1)</script>",
        "Ann [here](http",
        "{{name}}",
        "<%name%>",
        "Ann;,",
        "Agent007",
        "12345",
        "-",
        "'); drop table",
        "…",
        "X" * 41,
    ],
)
def test_what_does_not_look_like_a_name_greets_nobody_by_name(typed: str) -> None:
    assert first_name(typed) == ""


@given(st.text() | STRANGE)
def test_a_first_name_is_short_and_holds_nothing_that_could_be_a_link_or_markup(typed: str) -> None:
    name = first_name(typed)

    assert len(name) <= 40
    assert not set(name) & set('<>{}[]()@/\\:;,"&%=#0123456789')
    assert name == shown(name)


@pytest.mark.parametrize(("full", "first"), [("प्रिया शर्मा", "प्रिया"), ("D’Angelo Russo", "D’Angelo")])
def test_names_with_marks_and_typographic_apostrophes_are_names(full: str, first: str) -> None:
    assert first_name(full) == first

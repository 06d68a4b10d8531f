"""The Automated Readability Index, against figures worked out by hand."""

import pytest

from handrail.engine.reading_level import grade


@pytest.mark.parametrize(
    ("text", "characters", "words", "sentences"),
    [
        ("Open it.", 6, 2, 1),
        ("Open Exports. Choose New schedule, then wait 20 seconds.", 45, 9, 2),
        ("Type the folder exactly as it is written", 33, 8, 1),
        ("First line\nSecond line", 19, 4, 2),
        ("It's Gridlark's own page.", 19, 4, 1),
    ],
)
def test_the_grade_is_the_published_formula(text: str, characters: int, words: int, sentences: int) -> None:
    assert grade(text) == pytest.approx(4.71 * characters / words + 0.5 * words / sentences - 21.43)


@pytest.mark.parametrize("text", ["", "  ", "…!"])
def test_a_text_without_words_is_easy(text: str) -> None:
    assert grade(text) == 0


def test_longer_words_and_longer_sentences_are_harder() -> None:
    assert grade("Open it. Wait.") < grade("Open it and wait.") < grade("Authenticate it and anticipate.")

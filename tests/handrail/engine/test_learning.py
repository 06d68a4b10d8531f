"""Which style is chosen: the better one where there is one, all alike where there is none."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.learning import StyleTried, Tried
from handrail.domain.tutorials import Style, Tutorial
from handrail.engine.learning import (
    FLOOR,
    LEAST,
    MOST_BORROWED,
    STYLES,
    VOLUME,
    Beta,
    best_by,
    borrowed,
    freezes,
    pick,
    shares,
    told_in,
    within,
)

NIGHT = date(2026, 11, 19)
ALIKE = pytest.approx(1 / 3)


def tried(style: Style, people: int, completed: int, signature: str = "s") -> StyleTried:
    counts = Tried(people=people, completed=completed)
    return StyleTried(feature="f", signature=signature, style=style, tried=counts)


def chances(*found: StyleTried, signature: str = "s", frozen: Sequence[Style] = ()) -> dict[Style, float]:
    return shares(signature, found, frozen=frozen, styles=STYLES)


def larger(a: int, b: int, c: int, d: int) -> float:
    """P(X > Y) for X ~ Beta(a, b), Y ~ Beta(c, d) with whole numbers, in closed form.

    Of a + b + c + d - 2 uniform draws: Y is below X iff at least c of the draws of Y's sample precede X, the
    a-th of its own a + b - 1; so it is a sum of hypergeometric terms.
    """
    m, n = a + b - 1, c + d - 1
    return sum(
        comb(a - 1 + below, below) * comb(m - a + n - below, n - below) / comb(m + n, n)
        for below in range(c, n + 1)
    )


@pytest.mark.parametrize(
    ("x", "y"),
    [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((9, 23), (5, 27)), ((30, 70), (45, 55)), ((4, 4), (40, 9))],
)
def test_of_two_the_chance_to_be_best_is_that_of_the_closed_form(
    x: tuple[int, int], y: tuple[int, int]
) -> None:
    found = best_by(0, [Beta(*x), Beta(*y)])

    assert found == pytest.approx([larger(*x, *y), larger(*y, *x)], abs=1e-4)


def test_a_lead_is_asked_for() -> None:
    # Of two uniform shares one leads by 0.2 in two triangles of the unit square, each 0.8 * 0.8 / 2.
    assert best_by(0.2, [Beta(1, 1), Beta(1, 1)]) == pytest.approx([0.32, 0.32], abs=1e-3)
    # Three: the integral from 0.2 to 1 of (x - 0.2)^2 is 0.8^3 / 3.
    assert best_by(0.2, [Beta(1, 1)] * 3) == pytest.approx([0.512 / 3] * 3, abs=1e-3)


def test_before_there_is_volume_everybody_is_told_plainly() -> None:
    assert chances() == {"plain": 1, "checklist": 0, "story": 0}
    assert chances(tried("plain", VOLUME - 1, 0))["plain"] == 1
    assert chances(tried("plain", VOLUME - 1, 0), frozen=["plain"]) == {"checklist": 1, "story": 0}


def test_nothing_is_preferred_before_every_style_has_its_people() -> None:
    few = chances(tried("plain", 200, 20), tried("checklist", 200, 150), tried("story", LEAST - 1, 0))
    enough = chances(tried("plain", 200, 20), tried("checklist", 200, 150), tried("story", LEAST, 0))

    assert list(few.values()) == [ALIKE] * 3
    assert enough["checklist"] > 0.75


def test_every_style_keeps_its_share_however_sure_it_is() -> None:
    sure = chances(tried("plain", 5000, 500), tried("checklist", 5000, 4000), tried("story", 5000, 5))

    assert sure == {
        "plain": pytest.approx(FLOOR),
        "checklist": pytest.approx(1 - 2 * FLOOR),
        "story": pytest.approx(FLOOR),
    }


def test_a_lead_of_less_than_five_points_is_none() -> None:
    close = chances(tried("plain", 9000, 1800), tried("checklist", 9000, 2070), tried("story", 9000, 1800))

    assert list(close.values()) == [pytest.approx(1 / 3, abs=0.01)] * 3


def test_a_frozen_style_is_not_chosen_and_others_share_what_it_had() -> None:
    found = [tried("plain", 60, 12), tried("checklist", 60, 12), tried("story", 60, 60)]

    left = chances(*found, frozen=["story"])

    assert left == {"plain": pytest.approx(0.5), "checklist": pytest.approx(0.5)}
    assert chances(*found, frozen=STYLES) == {"plain": 1}


def test_a_signature_without_people_goes_by_the_others_and_its_own_soon_outweigh_them() -> None:
    elsewhere = [tried(style, 400, done, "t") for style, done in zip(STYLES, (40, 160, 40), strict=True)]
    own = [tried(style, 200, done) for style, done in zip(STYLES, (20, 20, 100), strict=True)]

    assert chances(*elsewhere)["checklist"] > 0.7
    assert chances(*elsewhere, *own)["story"] > 0.7


@st.composite
def some(draw: st.DrawFn) -> StyleTried:
    people = draw(st.integers(0, 300))
    return tried(
        draw(st.sampled_from(STYLES)), people, draw(st.integers(0, people)), draw(st.sampled_from("stu"))
    )


@given(st.lists(some(), max_size=9), st.sets(st.sampled_from(STYLES)))
def test_the_shares_are_shares_and_nobody_open_falls_below_the_floor(
    found: list[StyleTried], frozen: set[Style]
) -> None:
    made = chances(*found, frozen=list(frozen))

    assert sum(made.values()) == pytest.approx(1)
    assert not frozen & made.keys() or len(frozen) == 3
    if sum(each.tried.people for each in found) >= VOLUME:
        assert min(made.values()) >= FLOOR - 1e-9


def parameters(others: Sequence[Tried]) -> tuple[float, float]:
    belief = borrowed(others)
    return belief.a, belief.b


def test_what_is_borrowed_follows_kleinmans_estimate() -> None:
    seen = [Tried(people=20, completed=2), Tried(people=30, completed=9), Tried(people=50, completed=5)]
    # By hand: p = 16/100; sum n (p_i - p)^2 = 20 * 0.0036 + 30 * 0.0196 + 50 * 0.0036 = 0.84;
    # over p (1 - p) = 0.1344 that is 6.25; N - sum n^2 / N = 100 - 38 = 62, less k - 1 = 2 is 60.
    r = (6.25 - 2) / 60
    worth = 1 / r - 1

    assert within(seen) == pytest.approx(r)
    assert parameters(seen) == pytest.approx((1 + worth * 0.16, 1 + worth * 0.84))


def test_no_more_is_borrowed_than_there_is_and_than_the_most() -> None:
    assert parameters([]) == parameters([Tried()]) == (1, 1)
    assert parameters([Tried(people=10, completed=3)]) == pytest.approx((4, 8))
    alike = [Tried(people=1000, completed=300)] * 3
    assert parameters(alike) == pytest.approx((1 + MOST_BORROWED * 0.3, 1 + MOST_BORROWED * 0.7))


def test_where_signatures_differ_wholly_nothing_is_borrowed() -> None:
    assert parameters([Tried(people=50, completed=0), Tried(people=50, completed=50)]) == (1, 1)


def test_the_lot_is_the_same_again_and_falls_as_often_as_the_chances_say() -> None:
    made: Mapping[Style, float] = {"plain": 0.6, "checklist": 0.3, "story": 0.1}
    drawn = Counter(pick(made, NIGHT, f"user-{number}", "f") for number in range(20_000))

    for style, chance in made.items():
        # Five standard deviations of a binomial count.
        assert abs(drawn[style] - 20_000 * chance) < 5 * sqrt(20_000 * chance * (1 - chance))
    assert all(pick(made, NIGHT, f"user-{n}", "f") == pick(made, NIGHT, f"user-{n}", "f") for n in range(50))
    nights = {pick(made, NIGHT + timedelta(days=n), "user-1", "f") for n in range(60)}
    features = {pick(made, NIGHT, "user-1", f"f{n}") for n in range(60)}
    assert nights == features == set(STYLES)


def test_a_style_without_a_chance_is_never_drawn() -> None:
    made: Mapping[Style, float] = {"plain": 0, "checklist": 1, "story": 0}

    assert {pick(made, NIGHT, f"user-{n}", "f") for n in range(500)} == {"checklist"}


@pytest.mark.parametrize(
    ("mails", "complaints", "frozen"),
    [(5, 1, False), (5, 2, True), (666, 2, True), (667, 2, False), (10_000, 30, False), (10_000, 31, True)],
)
def test_two_complaints_freeze_where_they_are_more_than_three_in_a_thousand(
    mails: int, complaints: int, frozen: bool
) -> None:
    assert freezes(mails, complaints) is frozen


@pytest.mark.parametrize(("source", "style"), [("model", "story"), ("document", "plain")])
def test_the_documents_own_words_count_as_plain(source: str, style: Style) -> None:
    values = {"id": "t", "signature": "s", "feature": "f", "stuck_step": "x", "style": "story"}
    words = {"subject": "", "intro": "", "steps": (), "source": source}

    assert told_in(Tutorial.model_validate({**values, **words})) == style


def simulated(seed: int, rates: Mapping[Style, float], *, nights: int = 60, a_night: int = 20) -> list[Style]:
    """Styles of 1,200 people of two signatures, whose outcomes are known 12 nights later."""
    lots, made = random.Random(seed), list[tuple[int, str, Style, bool]]()
    for night in range(nights):
        known = Counter((signature, style, done) for at, signature, style, done in made if at <= night - 12)
        found = [
            tried(style, known[signature, style, True] + known[signature, style, False],
                  known[signature, style, True], signature)
            for signature in "st" for style in STYLES
        ]  # fmt: skip
        for signature in "st":
            mine = chances(*found, signature=signature)
            for number in range(a_night // 2):
                user = f"{seed}/{signature}/{number}"
                style = pick(mine, NIGHT + timedelta(days=night), user, "f")
                made.append((night, signature, style, lots.random() < rates[style]))
    return [style for _, _, style, _ in made]


def test_the_better_style_is_found_whichever_it_is() -> None:
    """With 30 % against 15 % it has the majority of the second half in nearly every world of forty."""
    won = []
    for seed in range(40):
        better = STYLES[seed % 3]
        told = simulated(seed, {style: 0.30 if style == better else 0.15 for style in STYLES})
        second = told[len(told) // 2 :]
        won.append(second.count(better) / len(second))

    # If it had the majority with a chance of only 0.85, 38 of 40 would come by luck once in 20 times.
    assert sum(share > 0.5 for share in won) >= 38
    assert sum(won) / len(won) > 0.6


def test_where_styles_do_not_differ_it_stays_calm() -> None:
    """Each has its third on average, and in no world of forty one takes all."""
    told = [simulated(seed, dict.fromkeys(STYLES, 0.2)) for seed in range(40)]
    parts = [{style: each.count(style) / len(each) for style in STYLES} for each in told]

    # The first 12 nights tell plainly: a fifth of all. Of the rest each has a third.
    expected = {"plain": 0.2 + 0.8 / 3, "checklist": 0.8 / 3, "story": 0.8 / 3}
    for style in STYLES:
        mean = sum(each[style] for each in parts) / len(parts)
        spread = sqrt(sum((each[style] - mean) ** 2 for each in parts) / (len(parts) - 1))
        assert abs(mean - expected[style]) < 4 * spread / sqrt(len(parts))
        assert spread < 0.12
    second = [Counter(each[len(each) // 2 :]).most_common(1)[0][1] / (len(each) // 2) for each in told]
    assert max(second) < 0.7

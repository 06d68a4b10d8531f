"""The worlds of the health benchmark are repeatable, and a night never sees a later day."""

import numpy as np

from benchmarks.health import Tally, judge, look, replay, told
from benchmarks.health_worlds import make, nights


def test_a_seed_makes_the_same_world_again() -> None:
    one, two, other = make("stories", 5), make("stories", 5), make("stories", 6)

    assert np.array_equal(one.events, two.events)
    assert one.stories == two.stories
    assert not np.array_equal(one.events, other.events)


def test_what_comes_later_changes_no_night() -> None:
    world, other = make("stories", 7), make("stories", 7)
    night = list(nights(world))[20]
    other.events[:, night + 1 :] = 0
    for present in other.presence:
        present[:, night + 1 :] = False

    seen, same = look(world, night), look(other, night)

    assert np.array_equal(seen.events, same.events, equal_nan=True)
    assert (seen.people, seen.quiet, seen.names) == (same.people, same.quiet, same.names)


def test_an_alert_without_a_story_is_false_and_a_story_without_an_alert_is_missed() -> None:
    world = make("null", 3)
    tally, empty = Tally(), Tally()
    tally.add(world, replay(world))
    stories = make("stories", 3)
    empty.add(stories, [])

    assert tally.precision in {0.0, 1.0}
    assert tally.account_weeks == 20 * 8
    assert empty.recall == 0
    assert empty.stories.total() == len(stories.stories) == 6


def test_two_seeds_find_most_of_what_was_planted() -> None:
    tallies = judge(range(2))
    lines, _ = told(tallies)

    assert tallies["stories"].recall >= 0.6
    assert lines[-1].startswith("null: ")

"""The worlds of the health benchmark are repeatable, and a night never sees a later day."""

import numpy as np

from benchmarks.health import Tally, judged, look, told
from benchmarks.health_worlds import NAMES, make, nights


def test_a_seed_makes_the_same_world_again() -> None:
    one, two, other = make("stories", 1005), make("stories", 1005), make("stories", 1006)

    assert np.array_equal(one.events, two.events)
    assert one.stories == two.stories
    assert not np.array_equal(one.events, other.events)


def test_what_comes_later_changes_no_night() -> None:
    world, other = make("stories", 1007), make("stories", 1007)
    night = list(nights(world))[20]
    other.events[:, night + 1 :] = 0
    for present in other.presence:
        present[:, night + 1 :] = False

    seen, same = look(world, night), look(other, night)

    assert np.array_equal(seen.events, same.events, equal_nan=True)
    assert (seen.people, seen.quiet, seen.names) == (same.people, same.quiet, same.names)


def test_a_world_of_stories_is_read_right_and_its_lines_tell_it() -> None:
    tallies = {name: Tally() for name in NAMES}
    for name in NAMES:
        _, world, alerts, again = judged((name, 1010))
        tallies[name].add(world, alerts, again)
    lines, kept = told(tallies)

    stories = tallies["stories"]
    assert stories.stories.total() == 6
    assert stories.found.total() >= 5
    assert stories.false.total() + tallies["null"].false.total() <= 1
    assert lines[0].startswith("cliff: planted 2, found 2, ")
    assert kept


def test_an_alert_without_a_story_is_false_and_a_story_without_an_alert_is_missed() -> None:
    _, world, [*alerts], _ = judged(("stories", 1010))
    tally, elsewhere, silent = Tally(), Tally(), Tally()
    tally.add(world, [*alerts, *alerts])
    elsewhere.add(make("null", 1010), alerts)
    silent.add(world, [])

    assert tally.false.total() == tally.true == len(alerts)
    assert (elsewhere.true, elsewhere.false.total()) == (0, len(alerts))
    assert elsewhere.account_weeks == 20 * 8
    assert (silent.recall, silent.stories.total()) == (0, 6)

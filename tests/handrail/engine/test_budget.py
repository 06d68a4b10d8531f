"""How the hourly budget is shared: a rule over what was asked in the last hour."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from handrail.domain.deliveries import Actor
from handrail.engine.budget import SHARES, Go, Spent, Told, Wait, decide, left

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def asked(
    count: int, actor: Actor = "nightly", *, minutes_ago: float = 10, running: bool = False
) -> list[Spent]:
    return [Spent(actor=actor, at=NOW - timedelta(minutes=minutes_ago), running=running)] * count


@pytest.mark.parametrize(("actor", "share"), [("nightly", 35), ("chat", 20), ("web", 20)])
def test_each_door_has_its_share_of_sixty(actor: Actor, share: int) -> None:
    assert decide("query", actor, asked(share - 1, actor), Told(), NOW) == Go()
    assert decide("query", actor, asked(share, actor), Told(), NOW) == Wait(
        NOW - timedelta(minutes=10) + timedelta(seconds=3610), "share"
    )


def test_chat_has_its_share_left_when_the_night_has_used_all_of_its_own() -> None:
    assert decide("query", "chat", asked(35), Told(), NOW) == Go()


def test_chat_and_the_pages_have_one_share_together() -> None:
    spent = asked(12, "web") + asked(8, "chat")

    assert isinstance(decide("query", "chat", spent, Told(), NOW), Wait)
    assert left("query", "web", spent[:-1], Told(), NOW) == 1
    assert decide("query", "nightly", spent, Told(), NOW) == Go()


def test_nobody_asks_the_sixty_first_time() -> None:
    spent = asked(35) + asked(20, "chat") + asked(5, "web")

    decision = decide("query", "web", spent, Told(), NOW)

    assert isinstance(decision, Wait)
    assert decision.because == "hour"


def test_a_request_leaves_the_window_ten_seconds_after_an_hour() -> None:
    just_inside = asked(20, "chat", minutes_ago=60)
    outside = asked(20, "chat", minutes_ago=60.2)

    assert isinstance(decide("query", "chat", just_inside, Told(), NOW), Wait)
    assert decide("query", "chat", outside, Told(), NOW) == Go()


def test_at_most_four_run_at_a_time_and_a_dead_process_holds_no_place() -> None:
    four = asked(4, "web", minutes_ago=1, running=True)
    dead = asked(4, "web", minutes_ago=11, running=True)

    assert decide("query", "chat", four, Told(), NOW) == Wait(NOW + timedelta(seconds=0.25), "concurrent")
    assert decide("query", "chat", dead, Told(), NOW) == Go()


def test_a_told_limit_counts_for_days_and_not_for_ever() -> None:
    spent = asked(40)
    fresh = Told(hourly=120, learned_at=NOW - timedelta(days=1))
    old = Told(hourly=120, learned_at=NOW - timedelta(days=4))

    assert decide("query", "nightly", spent, fresh, NOW) == Go()
    assert isinstance(decide("query", "nightly", spent, old, NOW), Wait)
    assert left("query", "nightly", spent, fresh, NOW) == 30


def test_while_mixpanel_refuses_nobody_asks() -> None:
    told = Told(refused_until=NOW + timedelta(minutes=3))

    assert decide("query", "chat", [], told, NOW) == Wait(NOW + timedelta(minutes=3), "refused")
    assert decide("query", "chat", [], Told(refused_until=NOW), NOW) == Go()


def test_what_is_left_is_the_smaller_of_share_and_hour() -> None:
    assert left("query", "chat", [], Told(), NOW) == 20
    assert left("query", "chat", asked(5, "chat"), Told(), NOW) == 15
    assert left("query", "chat", asked(50), Told(), NOW) == 10
    assert left("query", "chat", asked(60), Told(), NOW) == 0


def test_everybody_who_may_ask_has_a_share() -> None:
    assert all(set(shares) == set(get_args(Actor)) for shares in SHARES.values())

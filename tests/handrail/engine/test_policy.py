"""The sending rules: each alone gives its reason, each pair the earlier one, and nothing lets the mail go."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handrail.domain.deliveries import Reason
from handrail.engine.policy import Facts, Limits, Send, Withhold, decide, weekly_cap

CLEAR: dict[str, Any] = {
    "paused": False,
    "mode": "auto",
    "consent_refused": False,
    "suppressed": False,
    "unsubscribed": False,
    "account_opted_out": False,
    "internal_address": False,
    "already_sent": False,
    "mailed_within_cooldown": False,
    "account_mails_this_week": 0,
    "account_active_users": 100,
    "run_mails": 0,
    "succeeded_since": False,
    "checked": True,
    "held_out": False,
    "in_send_hours": True,
    "sender_down": False,
    "restored": False,
    "braked": False,
    "data_problem": False,
    "domain_mismatch": False,
    "has_document": True,
    "grounded": True,
    "approved": False,
    "has_address": True,
}

STANDS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.PAUSED, {"paused": True}),
    (Reason.MODE_OFF, {"mode": "off"}),
    (Reason.RESTORED, {"restored": True}),
    (Reason.BRAKED, {"braked": True}),
    (Reason.SENDER_DOWN, {"sender_down": True}),
    (Reason.DATA_PROBLEM, {"data_problem": True}),
    (Reason.NO_CONSENT_BASIS, {"consent_refused": True}),
    (Reason.SUPPRESSED, {"suppressed": True}),
    (Reason.UNSUBSCRIBED, {"unsubscribed": True}),
    (Reason.ACCOUNT_OPTED_OUT, {"account_opted_out": True}),
    (Reason.INTERNAL_ADDRESS, {"internal_address": True}),
    (Reason.DOMAIN_MISMATCH, {"domain_mismatch": True}),
    (Reason.ALREADY_SENT, {"already_sent": True}),
    (Reason.COOLDOWN, {"mailed_within_cooldown": True}),
    (Reason.ACCOUNT_CAP, {"account_mails_this_week": 10}),
    (Reason.RUN_CAP, {"run_mails": 500}),
    (Reason.ALREADY_SUCCEEDED, {"succeeded_since": True}),
    (Reason.NOT_CHECKED, {"checked": False}),
    (Reason.HOLDOUT, {"held_out": True}),
    (Reason.QUIET_HOURS, {"in_send_hours": False}),
    (Reason.NO_DOCUMENT, {"has_document": False}),
    (Reason.NOT_GROUNDED, {"grounded": False}),
    (Reason.NEEDS_APPROVAL, {"mode": "review"}),
    (Reason.NO_ADDRESS, {"has_address": False}),
]
"""What stands against a mail, in the order of design, section 6."""

PAIRS = [
    pytest.param(first, one | other, id=f"{first}-before-{second}")
    for (first, one), (second, other) in combinations(STANDS, 2)
    if not one.keys() & other.keys()
]


def asked(**facts: Any) -> Send | Withhold:
    return decide(Facts(**{**CLEAR, **facts}), Limits())


def test_with_nothing_against_it_a_mail_goes() -> None:
    assert asked() == Send()


@pytest.mark.parametrize(("reason", "facts"), STANDS)
def test_each_rule_alone_withholds_with_its_reason(reason: Reason, facts: dict[str, Any]) -> None:
    assert asked(**facts) == Withhold(reason)


@pytest.mark.parametrize(("earlier", "facts"), PAIRS)
def test_of_two_rules_the_earlier_gives_the_reason(earlier: Reason, facts: dict[str, Any]) -> None:
    assert asked(**facts) == Withhold(earlier)


def test_every_reason_there_is_belongs_to_a_rule_in_its_order() -> None:
    assert [reason for reason, _ in STANDS] == list(Reason)


@given(st.sets(st.integers(0, len(STANDS) - 1)))
def test_of_any_rules_that_stand_the_first_gives_the_reason(standing: set[int]) -> None:
    facts: dict[str, Any] = {}
    for number in sorted(standing, reverse=True):
        facts |= STANDS[number][1]  # the earlier rule wins where two set the same fact

    first = min(standing, default=None)

    assert asked(**facts) == (Send() if first is None else Withhold(STANDS[first][0]))


@pytest.mark.parametrize(
    ("users", "cap"),
    [(0, 1), (1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (30, 3), (99, 9), (100, 10), (2000, 200)],
)
def test_an_account_gets_a_tenth_of_its_active_users_a_week_and_at_least_one(users: int, cap: int) -> None:
    assert weekly_cap(users, Limits().account_cap) == cap
    assert asked(account_active_users=users, account_mails_this_week=cap - 1) == Send()
    assert asked(account_active_users=users, account_mails_this_week=cap) == Withhold(Reason.ACCOUNT_CAP)
    assert asked(account_active_users=users, account_mails_this_week=cap + 5) == Withhold(Reason.ACCOUNT_CAP)


@example(users=100, percent=29)
@given(users=st.integers(0, 100_000), percent=st.integers(1, 100))
def test_the_cap_is_the_whole_part_of_the_share(users: int, percent: int) -> None:
    assert weekly_cap(users, percent / 100) == max(1, users * percent // 100)


def test_in_review_an_approved_text_goes_and_everything_else_still_stands_against_it() -> None:
    assert asked(mode="review", approved=True) == Send()
    assert asked(mode="off", approved=True) == Withhold(Reason.MODE_OFF)
    assert asked(mode="review", approved=True, unsubscribed=True) == Withhold(Reason.UNSUBSCRIBED)
    assert asked(mode="review", approved=True, in_send_hours=False) == Withhold(Reason.QUIET_HOURS)


@pytest.mark.parametrize(("mails", "decision"), [(499, Send()), (500, Withhold(Reason.RUN_CAP))])
def test_a_run_stops_at_its_cap(mails: int, decision: Send | Withhold) -> None:
    assert asked(run_mails=mails) == decision


def test_a_run_cap_of_zero_lets_nothing_go() -> None:
    assert decide(Facts(**CLEAR), Limits(run_cap=0)) == Withhold(Reason.RUN_CAP)

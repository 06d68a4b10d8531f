"""Which accounts a brief tells of, and in which words."""

from datetime import UTC, date, datetime

import pytest

from handrail.domain.accounts import Account
from handrail.domain.briefs import Brief, Cause, Finding
from handrail.domain.metrics import Totals
from handrail.domain.periods import Period
from handrail.domain.runs import FeatureStruggles, Report
from handrail.engine import brief as rules
from handrail.engine import brief_words

NIGHT = date(2026, 11, 19)
WEEK = Period.of_days(7, NIGHT, "UTC")
TITLES = {"export": "Schedule an export"}


def account(name: str = "a", **more: object) -> Account:
    return Account.model_validate({"id": name, "mixpanel_id": name, "name": name.upper(), **more})


def totals(users: int, events: int = 0) -> Totals:
    return Totals(total_events=events or users * 10, unique_users=users, sessions=users, active_days=7)


def finding(name: str = "a", figure: float = 0.2, people: int = 8, **more: object) -> Finding:
    given = {"account_id": name, "cause": Cause.STRUGGLES, "subject": "export", "figure": figure}
    words = {"people": people, "evidence": f"{people} people.", "next_step": "Call."}
    return Finding.model_validate({**given, **words, **more})


def brief(*findings: Finding, night: date = NIGHT, **more: object) -> Brief:
    looks = rules.worth_a_look(findings, {one.account_id: account(one.account_id) for one in findings}, [])
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    return Brief.model_validate(
        {"night": night, "zone": "UTC", "written_at": at, "headline": "", "accounts": looks, **more}
    )


@pytest.mark.parametrize(
    ("people", "users", "told"), [(6, 40, True), (5, 34, False), (5, 33, True), (4, 10, False), (6, 5, False)]
)
def test_many_means_five_people_and_fifteen_percent_of_those_active(
    people: int, users: int, told: bool
) -> None:
    found = rules.struggling({("a", "export"): people}, {"a": totals(users)}, TITLES, WEEK)

    assert bool(found) is told


def test_the_evidence_of_a_struggle_has_its_figures_days_and_sample() -> None:
    [found] = rules.struggling({("a", "export"): 6}, {"a": totals(40)}, TITLES, WEEK)

    assert found.evidence == (
        "6 of 40 active users (15%) struggle with Schedule an export, 2026-11-13 to 2026-11-19."
    )


@pytest.mark.parametrize(
    ("users", "figure"),
    [
        ([24, 29, 36, 46, 40], 1 - 24 / 38),
        ([7, 10, 10, 10, 10], None),
        ([70, 100, 100, 100, 100], 0.3),
        ([71, 100, 100, 100, 100], None),
        ([0, 0, 1, 10, 12], 1),
        ([0, 4, 4, 4, 4], None),
        ([50, 0, 0, 0, 40], None),
    ],
)
def test_a_drop_is_thirty_percent_and_five_users_under_the_median_of_four_weeks(
    users: list[int], figure: float | None
) -> None:
    found = rules.drops([{"a": totals(each)} if each else {} for each in users], WEEK)

    assert [one.figure for one in found] == ([pytest.approx(figure)] if figure else [])


def test_half_of_the_events_gone_is_a_drop_though_the_users_stay() -> None:
    weeks = [{"a": totals(20, 499)}, *[{"a": totals(20, 1000)}] * 4]

    [found] = rules.drops(weeks, WEEK)

    assert found.evidence == (
        "20 active users and 499 events, 2026-11-13 to 2026-11-19; usual are 20 users and 1,000 events "
        "a week (median of the 4 weeks before)."
    )
    assert rules.drops([{"a": totals(20, 501)}, *weeks[1:]], WEEK) == []


def test_a_drop_of_all_accounts_together_is_told_as_a_problem_of_the_data() -> None:
    before = [{"a": totals(20, 1000), "b": totals(20, 1000)}] * 4

    assert "All accounts together had 1,400 events" in rules.fleet_drop(
        [{"a": totals(20, 1000), "b": totals(20, 400)}, *before], WEEK
    )
    assert not rules.fleet_drop([{"a": totals(20, 1000), "b": totals(20, 401)}, *before], WEEK)


@pytest.mark.parametrize(
    ("people", "words"), [(1, "Fewer than 5 readers"), (4, "Fewer than 5 readers"), (5, "5 readers")]
)
def test_under_five_readers_their_number_is_not_told(people: int, words: str) -> None:
    [found] = rules.needing_help({"a": people}, WEEK)

    assert found.evidence.startswith(f"{words} answered that a tutorial did not help")
    assert found.people == max(people, 4)
    assert found.figure == max(people, 4)


@pytest.mark.parametrize(
    ("followed", "told"), [((10, 1), True), ((9, 1), False), ((5, 0), True), ((4, 0), False)]
)
def test_tutorials_did_not_help_where_a_tenth_or_less_of_five_completed(
    followed: tuple[int, int], told: bool
) -> None:
    assert bool(rules.not_helped({("a", "export"): followed}, TITLES, WEEK)) is told


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (finding(figure=0.2), False),
        (finding(figure=0.2499), False),
        (finding(figure=0.25), True),
        (finding(figure=0.16, subject="alerts"), True),
        (finding(figure=0.16, cause=Cause.DROP, subject=""), True),
        (finding("b"), True),
    ],
)
def test_within_fourteen_days_an_account_is_told_again_only_where_it_is_a_quarter_worse(
    now: Finding, told: bool
) -> None:
    earlier = [
        brief(finding(figure=0.2), night=date(2026, 11, 6)),
        brief(finding(figure=0.1), night=date(2026, 11, 16)),
    ]

    looks = rules.worth_a_look([now], {name: account(name) for name in "ab"}, earlier)

    assert bool(looks) is told
    assert [look.told_before for look in looks if look.account_id == "a"] == [date(2026, 11, 16)] * (
        told and now.account_id == "a"
    )


def test_fourteen_nights_are_silent() -> None:
    assert rules.silent_since(NIGHT) == date(2026, 11, 6)


def test_five_accounts_at_most_those_first_that_concern_most_people() -> None:
    sizes = {"a": 6, "b": 9, "c": 9, "d": 5, "e": 30, "f": 7, "own": 99, "gone": 99}
    accounts = {name: account(name) for name in sizes}
    accounts["own"] = account("own", internal=True)
    accounts["gone"] = account("gone", churned_at=NIGHT)

    looks = rules.worth_a_look([finding(name, people=size) for name, size in sizes.items()], accounts, [])

    assert [look.account_id for look in looks] == ["e", "b", "c", "f", "a"]


def test_an_accounts_findings_stand_together_with_one_next_step_that_of_the_gravest() -> None:
    found = [
        finding(people=6, next_step="Call."),
        finding(people=9, cause=Cause.DROP, subject="", next_step="Ask."),
    ]

    [look] = rules.worth_a_look(found, {"a": account()}, [])

    assert [one.people for one in look.findings] == [9, 6]
    assert look.next_step == "Ask."


def report(**more: object) -> Report:
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    given = {"night": NIGHT, "status": "done", "started_at": at, "zone": "UTC"}
    return Report.model_validate({**given, **more})


def test_a_night_without_anything_to_do_is_a_brief_too() -> None:
    quiet = report()

    assert brief_words.headline(quiet, ()) == (
        "Nothing tonight: nobody was mailed, and no account needs a look."
    )
    assert brief_words.done(quiet, 0, WEEK) == []
    assert brief_words.not_done(quiet, [], "") == []


def test_what_was_done_and_what_not_is_told_with_its_counts_and_reasons() -> None:
    stuck = FeatureStruggles(feature="export", struggling=2, accounts=1, route="jql")
    busy = report(
        struggling_users=2, struggles=(stuck,), sent=1, planned=3, reviews=2, unknown=1, notes=("A note.",)
    )

    assert brief_words.done(busy, 4, WEEK) == [
        "2 people found who struggle, with 1 feature.",
        "1 tutorial mailed.",
        "3 mails planned for the person's working hours.",
        "2 tutorials waiting for a person's yes.",
        "4 people completed a feature after their mail, 2026-11-13 to 2026-11-19.",
    ]
    assert brief_words.not_done(busy, [("no address", 1), ("opted out", 5)], "Tracking broke.") == [
        "6 mails withheld: opted out (5), no address (1).",
        "1 mail with an unknown outcome, never sent again blindly.",
        "Tracking broke.",
        "A note.",
    ]
    assert (
        brief_words.headline(busy, brief(finding()).accounts)
        == "1 mailed, 3 planned, 1 account worth a look."
    )


def test_a_name_from_mixpanel_can_neither_mark_up_a_channel_nor_break_a_line() -> None:
    name = "<!channel> & <https://evil.example|click>\n\u202eAcme"
    given = account().model_copy(update={"name": name})
    looks = rules.worth_a_look([finding()], {"a": given}, [])
    told = brief(accounts=looks)

    assert "1. &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; Acme" in brief_words.mrkdwn(told)
    assert "<" not in brief_words.mrkdwn(told)
    assert "1. <!channel> & <https://evil.example|click> Acme\n" in brief_words.text(told)


def test_the_text_is_one_block_a_part() -> None:
    told = brief(finding(), headline="A line.", done=("One.", "Two."), not_done=("Three.",))

    assert brief_words.text(told) == "\n".join(
        [
            "Morning brief, night of 2026-11-19 (UTC)",
            "A line.",
            "",
            "Done",
            "- One.",
            "- Two.",
            "",
            "Worth a look",
            "1. A",
            "   - 8 people.",
            "   - Next: Call.",
            "",
            "Not done, and why",
            "- Three.",
        ]
    )

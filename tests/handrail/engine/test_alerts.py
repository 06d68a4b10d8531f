"""Alerts over nights: raised once, told again when worse, resolved, and quiet after a dismissal."""

import random
from datetime import date, timedelta

from handrail.domain.alerts import Alert, AlertKind, Found
from handrail.engine.alerts import reconcile

NIGHT = date(2026, 6, 1)


def found(kind: AlertKind = AlertKind.DROP, size: float = 0.6, **more: object) -> Found:
    given = {"account_id": "a", "kind": kind, "subject": "events", "size": size, "score": 7}
    figures = {"since": NIGHT, "observed": 40, "usual": 100, "days": 5}
    return Found.model_validate({**given, **figures, **more})


def worded(one: Found) -> tuple[str, str, str]:
    return f"{one.kind} {one.size}", "", "Ask."


def run(findings: list[Found], known: list[Alert], days: int = 0) -> list[Alert]:
    """The alerts after a night, in the order in which they were raised."""
    changed = {each.id: each for each in reconcile(findings, known, NIGHT + timedelta(days=days), worded)}
    kept = [changed.pop(each.id, each) for each in known]
    return [*kept, *changed.values()]


def test_a_night_that_runs_again_changes_nothing() -> None:
    once = run([found()], [])

    assert run([found()], once) == once
    assert [(each.state, each.raised_on, each.told_on) for each in once] == [("open", NIGHT, NIGHT)]


def test_what_goes_on_is_told_again_only_when_a_quarter_worse() -> None:
    first = run([found(size=0.6)], [])
    same = run([found(size=0.7)], first, days=1)
    worse = run([found(size=0.75)], same, days=2)

    assert [(each.told_on, each.size) for each in same] == [(NIGHT, 0.7)]
    assert [(each.told_on, each.told_size) for each in worse] == [(NIGHT + timedelta(days=2), 0.75)]


def test_of_an_account_and_direction_the_worst_is_told_and_the_other_direction_apart() -> None:
    findings = [found(size=0.5), found(AlertKind.SILENT, 0.3), found(AlertKind.ERRORS, 5)]

    kinds = {each.kind for each in run(findings, [])}

    assert kinds == {AlertKind.DROP, AlertKind.ERRORS}


def test_an_open_alert_becomes_the_worse_kind_and_is_told_again() -> None:
    later = NIGHT + timedelta(days=10)
    slow = run([found(AlertKind.DECLINE, 0.5)], [])

    same = run([found(AlertKind.DROP, 0.6)], slow, days=10)
    [worse] = run([found(AlertKind.DROP, 0.7)], slow, days=10)

    assert [each.kind for each in same] == [AlertKind.DECLINE]
    assert (worse.id, worse.kind, worse.told_on) == (slow[0].id, AlertKind.DROP, later)


def test_three_nights_without_it_resolve_an_alert_and_it_comes_back_silently() -> None:
    first = run([found()], [])
    two = run([], first, days=2)
    three = run([], first, days=3)
    back = run([found()], three, days=5)

    assert [each.state for each in two] == ["open"]
    assert [each.state for each in three] == ["resolved"]
    assert [(each.state, each.told_on) for each in back] == [("open", NIGHT)]


def test_a_resolved_alert_that_comes_back_worse_is_one_alert_that_is_told_again() -> None:
    resolved = run([], run([found(size=0.6)], []), days=3)
    slow = run([], run([found(AlertKind.DECLINE, 0.5)], []), days=3)
    both = [found(AlertKind.DECLINE, 0.5), found(AlertKind.DROP, 0.7)]

    [same] = run([found(size=0.8)], resolved, days=5)
    [other] = run(both, slow, days=5)

    told = (NIGHT + timedelta(days=5), "open")
    assert (same.id, same.size, same.told_on, same.state) == (resolved[0].id, 0.8, *told)
    assert (other.id, other.kind, other.told_on, other.state) == (slow[0].id, AlertKind.DROP, *told)


def test_an_alert_stays_with_what_it_told_until_another_of_its_kind_is_a_quarter_worse() -> None:
    first = run([found(size=0.6)], [])
    near, far = (found(size=size, subject="sessions") for size in (0.7, 0.75))

    for findings in ([found(size=0.6), near], [near, found(size=0.6)]):
        [same] = run(findings, first, days=1)
        assert (same.subject, same.size, same.told_on) == ("events", 0.6, NIGHT)
    for findings in ([found(size=0.6), far], [far, found(size=0.6)]):
        [worse] = run(findings, first, days=1)
        assert (worse.subject, worse.size, worse.told_on) == ("sessions", 0.75, NIGHT + timedelta(days=1))


def test_fourteen_quiet_days_after_the_last_sight_a_new_fall_is_news_and_an_old_one_is_not() -> None:
    resolved = run([], run([found()], []), days=3)
    later = NIGHT + timedelta(days=14)

    assert len(run([found(since=later)], resolved, days=13)) == 1
    assert len(run([found(since=later)], resolved, days=14)) == 2
    assert len(run([found(AlertKind.DECLINE, since=NIGHT)], resolved, days=30)) == 1


def test_what_a_person_dismissed_stays_dismissed_while_it_goes_on_unless_it_is_worse() -> None:
    [alert] = run([found()], [])
    dismissed = [alert.model_copy(update={"state": "dismissed", "reason": "known"})]

    for days in range(1, 30):
        dismissed = run([found()], dismissed, days=days)
    worse = run([found(size=0.8)], dismissed, days=30)

    assert [each.state for each in dismissed] == ["dismissed"]
    assert [(each.state, each.size) for each in worse] == [("dismissed", 0.6), ("open", 0.8)]


def test_whatever_is_found_one_alert_is_open_and_a_night_again_changes_nothing() -> None:
    kinds = [AlertKind.DROP, AlertKind.DECLINE, AlertKind.SILENT]
    for seed in range(60):
        dice, alerts = random.Random(seed), list[Alert]()
        for days in range(40):
            findings = [
                found(dice.choice(kinds), dice.uniform(0.3, 0.9), subject=dice.choice("xy"), since=since)
                for since in [NIGHT + timedelta(days=days - dice.randrange(30))] * dice.randrange(4)
            ]
            alerts = run(findings, alerts, days)

            assert sum(each.state == "open" for each in alerts) <= 1
            assert run(findings, alerts, days) == alerts
            if dice.random() < 0.05:  # a person closes what is open
                state = dice.choice(["dismissed", "resolved"])
                alerts = [
                    each.model_copy(update={"state": state}) if each.state == "open" else each
                    for each in alerts
                ]


def test_two_events_that_vanished_are_two_problems_of_the_data() -> None:
    gone = [found(AlertKind.DATA, 1, account_id="", subject=name) for name in ("Saved", "Shared")]

    assert len(run(gone, [])) == 2

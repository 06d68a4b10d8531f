"""Alerts over nights: raised once, told again when worse, resolved, and quiet after a dismissal."""

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


def test_two_events_that_vanished_are_two_problems_of_the_data() -> None:
    gone = [found(AlertKind.DATA, 1, account_id="", subject=name) for name in ("Saved", "Shared")]

    assert len(run(gone, [])) == 2

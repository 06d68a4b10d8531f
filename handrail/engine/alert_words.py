"""Alerts in words: evidence with its days and sample, a likely cause among our own signals, one next step."""

from collections.abc import Callable, Mapping, Sequence

from handrail.domain.alerts import FLEET, Alert, AlertKind, Found
from handrail.engine.segments import LEAST_GROUP
from handrail.engine.text import shown

Stuck = Mapping[tuple[str, str], int]
"""People who struggle, by account and feature."""


def worded(
    found: Sequence[Found], stuck: Stuck, titles: Mapping[str, str], zone: str
) -> Callable[[Found], tuple[str, str, str]]:
    """What tells a finding of this night: its evidence, likely cause and next step."""

    def told(one: Found) -> tuple[str, str, str]:
        return evidence(one, titles, zone), _cause(one, found, stuck, titles), _next_step(one, titles)

    return told


def evidence(one: Found, titles: Mapping[str, str], zone: str) -> str:
    """What was seen, beside what is usual, with its days."""
    tell = {
        AlertKind.DROP: _drop,
        AlertKind.DECLINE: _decline,
        AlertKind.ERRORS: _errors,
        AlertKind.SILENT: _silent,
        AlertKind.DATA: _data,
    }
    if one.kind is AlertKind.ABANDONED:
        title = titles.get(one.subject, one.subject)
        told = f"Nobody tried {title} in {one.days} days, where {one.usual:.0f} attempts are usual"
    else:
        told = tell[one.kind](one)
    return f"{told}, since {one.since} ({zone})."


def _drop(one: Found) -> str:
    if one.subject.startswith("conversion of "):
        funnel = shown(one.subject.removeprefix("conversion of "))
        return (
            f"{one.observed:.0%} of those who entered {funnel!r} on the last {one.days} days whose window "
            f"has ended completed it, where {one.usual:.0%} are usual"
        )
    whose = "All accounts together: " if one.account_id == FLEET else ""
    counted = "active users, added up by day," if one.subject == "users" else one.subject
    return (
        f"{whose}{one.observed:,.0f} {counted} on {one.days} days, where {one.usual:,.0f} are usual "
        f"({_lost(one)} less)"
    )


def _decline(one: Found) -> str:
    return (
        f"Fewer and fewer people: {one.observed:,.0f} active users, added up by day, on {one.days} days, "
        f"where {one.usual:,.0f} were usual two months before ({_lost(one)} less)"
    )


def _errors(one: Found) -> str:
    return (
        f"{one.observed:,.0f} errors in {one.days} days, where {one.usual:.1f} are usual for as many events"
    )


def _silent(one: Found) -> str:
    return (
        "At least half of those who came nearly every working day (how many are not told) have not come for "
        f"{one.days} working days"
    )


def _lost(one: Found) -> str:
    return f"{1 - one.observed / one.usual:.0%}" if one.usual else "all"


def _data(one: Found) -> str:
    if one.subject == "coverage":
        return f"{one.observed:.0%} of the events name an account, where {one.usual:.0%} are usual"
    if one.subject == "sync":
        return f"The last sync that succeeded ended {one.observed:.0f} hours ago"
    name = one.subject if one.subject == "all events" else f"the event {shown(one.subject)!r}"
    return f"Nobody had {name} on {one.days} days, where {one.usual:,.0f} are usual"


def _cause(one: Found, found: Sequence[Found], stuck: Stuck, titles: Mapping[str, str]) -> str:
    """What else of ours moved. Empty: nothing did."""
    if one.account_id == FLEET:
        return _fleet_cause(one)
    others = {each.kind: each for each in found if each.account_id == one.account_id and each is not one}
    causes = []
    if AlertKind.ERRORS in others:
        causes.append(f"errors rose to {others[AlertKind.ERRORS].size:.1f} times the usual")
    people, feature = max(
        ((count, slug) for (account, slug), count in stuck.items() if account == one.account_id),
        default=(0, ""),
    )
    if people >= LEAST_GROUP:
        causes.append(f"{people} people struggle with {titles.get(feature, feature)}")
    if AlertKind.SILENT in others:
        causes.append("its key users stay away")
    if AlertKind.ABANDONED in others:
        left = others[AlertKind.ABANDONED].subject
        causes.append(f"it has left {titles.get(left, left)}")
    return f"At the same time {' and '.join(causes)}." if causes else ""


def _fleet_cause(one: Found) -> str:
    if one.kind is AlertKind.DROP:
        return "It is no account's doing: an outage, tracking that lost events, or a holiday."
    if one.subject == "sync":
        return "The night did not run, or Mixpanel could not be read."
    return "A release changed what is tracked."


def _next_step(one: Found, titles: Mapping[str, str]) -> str:
    if one.account_id == FLEET:
        if one.subject == "sync":
            return "Run `handrail doctor`, then `handrail sync`."
        return "Ask engineering what changed on that day; no account is told for it."
    return {
        AlertKind.DROP: "Ask what changed on their side.",
        AlertKind.DECLINE: "Ask who still needs the product there, and for what, before the renewal does.",
        AlertKind.ERRORS: "Look at the errors with them, and tell engineering the day they began.",
        AlertKind.ABANDONED: f"Ask what they use in place of {titles.get(one.subject, one.subject)}.",
        AlertKind.SILENT: "Ask who has taken over, and offer them a first call.",
        AlertKind.DATA: "Ask engineering what changed on that day.",
    }[one.kind]


def line(alert: Alert, name: str) -> str:
    """One alert in one line; the account's name is untrusted."""
    whose = f"{shown(name)}: " if alert.account_id != FLEET else ""
    return " ".join(filter(None, [f"{whose}{alert.evidence}", alert.cause, alert.next_step]))

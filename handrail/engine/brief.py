"""Which accounts are worth a look in the morning: findings out of figures, and which of them are news."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median

from handrail.domain.accounts import Account
from handrail.domain.alerts import FLEET, Alert
from handrail.domain.briefs import Brief, Cause, Finding, WorthALook
from handrail.domain.metrics import Totals
from handrail.domain.periods import Period
from handrail.engine.segments import LEAST_GROUP
from handrail.engine.text import shown

MOST_ACCOUNTS = 5
SILENT_DAYS = 14
"""An account that was told is not told again for so long, unless it is worse."""

WORSE = 1.25
"""Its figure is at least so many times the largest that was told."""

STRUGGLING_SHARE = 0.15
USERS_LOST = 0.30
EVENTS_LOST = 0.50
WEEKS_BEFORE = 4
"""Weeks whose median is an account's own past."""

LITTLE_HELP = 0.10
"""Tutorials did not help where at most this share completed the feature after them."""


def struggling(
    counts: Mapping[tuple[str, str], int],
    active: Mapping[str, Totals],
    titles: Mapping[str, str],
    week: Period,
) -> list[Finding]:
    """Many of an account's active users fail at one feature. `counts` are people by account and feature."""
    found = []
    for (account, feature), people in counts.items():
        users = active[account].unique_users if account in active else 0
        if people < LEAST_GROUP or users < people or people / users < STRUGGLING_SHARE:
            continue
        title = titles.get(feature, feature)
        found.append(
            Finding(
                account_id=account,
                cause=Cause.STRUGGLES,
                subject=feature,
                figure=people / users,
                people=people,
                evidence=f"{people} of {users} active users ({people / users:.0%}) struggle with {title}, "
                f"{_days(week)}.",
                next_step=f"Show them {title} together, in one call.",
            )
        )
    return found


def drops(weeks: Sequence[Mapping[str, Totals]], week: Period) -> list[Finding]:
    """Accounts far under their own past. `weeks` are totals by account: this week, then those before."""
    found = []
    for account in sorted(set().union(*weeks)):
        users = [each[account].unique_users if account in each else 0 for each in weeks]
        events = [each[account].total_events if account in each else 0 for each in weeks]
        usual_users, usual_events = median(users[1:]), median(events[1:])
        if usual_users < LEAST_GROUP:
            continue
        users_lost, events_lost = 1 - users[0] / usual_users, 1 - events[0] / usual_events
        fewer_users = users_lost >= USERS_LOST and usual_users - users[0] >= LEAST_GROUP
        if not fewer_users and events_lost < EVENTS_LOST:
            continue
        found.append(
            Finding(
                account_id=account,
                cause=Cause.DROP,
                figure=max(users_lost, events_lost),
                people=round(usual_users - users[0]) if fewer_users else users[0],
                evidence=f"{users[0]} active users and {events[0]:,} events, {_days(week)}; usual are "
                f"{usual_users:g} users and {usual_events:,.0f} events a week "
                f"(median of the {len(weeks) - 1} weeks before).",
                next_step="Ask what changed on their side.",
            )
        )
    return found


def alerted(alerts: Iterable[Alert], users: Mapping[str, int]) -> list[Finding]:
    """What the night's alerts say of single accounts. `users` are those of a usual week, by account."""
    return [
        Finding(
            account_id=each.account_id,
            cause=Cause.ALERT,
            subject=each.kind.value,
            figure=each.size,
            people=round(min(each.size, 1) * users.get(each.account_id, 0)),
            evidence=" ".join(filter(None, [each.evidence, each.cause])),
            next_step=each.next_step,
        )
        for each in alerts
        if each.account_id != FLEET
    ]


def of_all(alerts: Iterable[Alert]) -> str:
    """What the night's alerts say of all accounts together, or of the data."""
    return " ".join(
        f"{each.evidence} {each.cause} {each.next_step}" for each in alerts if each.account_id == FLEET
    )


def fleet_drop(weeks: Sequence[Mapping[str, Totals]], week: Period) -> str:
    """What to say where all accounts together are far under their past: then it is no account's doing."""
    events = [sum(each.total_events for each in totals.values()) for totals in weeks]
    usual = median(events[1:])
    if not usual or 1 - events[0] / usual < USERS_LOST:
        return ""
    return (
        f"All accounts together had {events[0]:,} events, {_days(week)}, where {usual:,.0f} a week are "
        "usual: a holiday, or tracking that broke. Single accounts' drops are not told."
    )


def needing_help(people: Mapping[str, int], week: Period) -> list[Finding]:
    """Readers who answered that their tutorial did not help. Under five, the number is not told."""
    return [
        Finding(
            account_id=account,
            cause=Cause.NEEDS_HELP,
            figure=max(count, LEAST_GROUP - 1),
            people=max(count, LEAST_GROUP - 1),
            evidence=f"{_at_least_five(count)} answered that a tutorial did not help, {_days(week)}.",
            next_step="Offer a call: they asked, and the tutorial was not enough.",
        )
        for account, count in people.items()
    ]


def not_helped(
    followed: Mapping[tuple[str, str], tuple[int, int]], titles: Mapping[str, str], period: Period
) -> list[Finding]:
    """Tutorials after which hardly anybody completed the feature.

    `followed` is (people followed to the end of their window, completed) by account and feature.
    """
    found = []
    for (account, feature), (people, completed) in followed.items():
        if people < LEAST_GROUP or completed / people > LITTLE_HELP:
            continue
        title = titles.get(feature, feature)
        found.append(
            Finding(
                account_id=account,
                cause=Cause.NO_HELP,
                subject=feature,
                figure=people - completed,
                people=people - completed,
                evidence=f"Of {people} people who were mailed a tutorial for {title} and followed for a week "
                f"after, {completed} completed it (nights {_days(period)}).",
                next_step=f"Look at {title} with them: what stops them is not in the document.",
            )
        )
    return found


def worth_a_look(
    findings: Iterable[Finding], accounts: Mapping[str, Account], earlier: Sequence[Brief]
) -> tuple[WorthALook, ...]:
    """At most five accounts, those first whose findings concern most people.

    `earlier` are the briefs of the `SILENT_DAYS` before. Own staff and accounts that left are not told.
    """
    told = [
        (brief.night, finding) for brief in earlier for each in brief.accounts for finding in each.findings
    ]
    news: dict[str, list[Finding]] = {}
    for finding in findings:
        account = accounts.get(finding.account_id)
        if account and not account.internal and account.churned_at is None and _is_news(finding, told):
            news.setdefault(finding.account_id, []).append(finding)
    looks = [_look(accounts[account], found, told) for account, found in news.items()]
    looks.sort(key=lambda look: (-look.findings[0].people, look.name, look.account_id))
    return tuple(looks[:MOST_ACCOUNTS])


def silent_since(night: date) -> date:
    """The first night whose brief keeps an account from being told again."""
    return night - timedelta(days=SILENT_DAYS - 1)


def _is_news(finding: Finding, told: Sequence[tuple[date, Finding]]) -> bool:
    """Whether this was not told of the account, or less of it. Another cause or feature is news."""
    before = [one.figure for _, one in told if _about(one) == _about(finding)]
    return not before or finding.figure >= WORSE * max(before)


def _about(finding: Finding) -> tuple[str, Cause, str]:
    return finding.account_id, finding.cause, finding.subject


def _look(account: Account, found: Sequence[Finding], told: Sequence[tuple[date, Finding]]) -> WorthALook:
    ordered = sorted(found, key=lambda one: (-one.people, one.cause, one.subject))
    return WorthALook(
        account_id=account.id,
        name=shown(account.name),
        findings=tuple(ordered),
        next_step=ordered[0].next_step,
        told_before=max((night for night, one in told if one.account_id == account.id), default=None),
    )


def _at_least_five(count: int) -> str:
    return f"{count} readers" if count >= LEAST_GROUP else f"Fewer than {LEAST_GROUP} readers"


def _days(period: Period) -> str:
    return f"{period.from_date} to {period.to_date}"

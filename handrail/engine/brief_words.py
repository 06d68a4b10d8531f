"""A brief in words: its sentences out of a night's report, and the whole as text or for a chat channel."""

from collections.abc import Iterator, Sequence
from typing import Literal

from handrail.domain.briefs import Brief, WorthALook
from handrail.domain.periods import Period
from handrail.domain.runs import Report

Part = Literal["title", "line", "heading", "item", "account", "finding", "gap"]


def done(report: Report, completed: int, week: Period) -> list[str]:
    """What the night did. `completed` are people who completed a feature in the week, after their mail."""
    told = []
    if report.struggling_users:
        features = sum(bool(each.struggling) for each in report.struggles)
        people = _counted(report.struggling_users, "person", "people")
        told.append(f"{people} found who struggle, with {_counted(features, 'feature')}.")
    if report.sent:
        told.append(f"{_counted(report.sent, 'tutorial')} mailed.")
    if report.planned:
        told.append(f"{_counted(report.planned, 'mail')} planned for the person's working hours.")
    if report.reviews:
        told.append(f"{_counted(report.reviews, 'tutorial')} waiting for a person's yes.")
    if completed:
        told.append(
            f"{_counted(completed, 'person', 'people')} completed a feature after their mail, "
            f"{week.from_date} to {week.to_date}."
        )
    return told


def not_done(report: Report, reasons: Sequence[tuple[str, int]], data_problem: str) -> list[str]:
    """What the night did not do, and why. `reasons` are words and counts of what was withheld."""
    told = []
    withheld = sum(count for _, count in reasons)
    if withheld:
        why = ", ".join(f"{words} ({count})" for words, count in sorted(reasons, key=lambda each: -each[1]))
        told.append(f"{_counted(withheld, 'mail')} withheld: {why}.")
    if report.failed:
        told.append(f"{_counted(report.failed, 'mail')} refused by the mail service.")
    if report.unknown:
        told.append(f"{_counted(report.unknown, 'mail')} with an unknown outcome, never sent again blindly.")
    return [*told, *([data_problem] if data_problem else []), *report.notes]


def headline(report: Report, accounts: Sequence[WorthALook]) -> str:
    """The brief in one line; a night in which nothing was to be done says so."""
    if not accounts and not (report.sent or report.planned or report.reviews):
        return "Nothing tonight: nobody was mailed, and no account needs a look."
    looks = _counted(len(accounts), "account") if accounts else "no account"
    planned = f", {report.planned} planned" if report.planned else ""
    return f"{report.sent} mailed{planned}, {looks} worth a look."


def text(brief: Brief) -> str:
    """As plain text, for a terminal, a chat client and a mail without pictures."""
    before = {"item": "- ", "finding": "   - "}
    return "\n".join(before.get(part, "") + words for part, words in _parts(brief))


def mrkdwn(brief: Brief) -> str:
    """For a Slack-compatible channel; what could be markup in names is escaped as Slack asks.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    shapes = {
        "title": "*{}*",
        "heading": "*{}*",
        "account": "*{}*",
        "item": "• {}",
        "finding": "    • {}",
    }
    return "\n".join(shapes.get(part, "{}").format(escaped(words)) for part, words in _parts(brief))


def escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def subject(brief: Brief) -> str:
    return f"Morning brief, night of {brief.night}: {brief.headline}"


def looks(brief: Brief) -> list[str]:
    """Each account worth a look in one line."""
    return [
        f"{each.name}: {' '.join(one.evidence for one in each.findings)} {each.next_step}"
        for each in brief.accounts
    ]


def _parts(brief: Brief) -> Iterator[tuple[Part, str]]:
    yield "title", f"Morning brief, night of {brief.night} ({brief.zone})"
    yield "line", brief.headline
    yield from _section("Done", brief.done)
    if brief.accounts:
        yield from _heading("Worth a look")
        for number, look in enumerate(brief.accounts, 1):
            worse = f" (told on {look.told_before}, more now)" if look.told_before else ""
            yield "account", f"{number}. {look.name}{worse}"
            yield from (("finding", one.evidence) for one in look.findings)
            yield "finding", f"Next: {look.next_step}"
    yield from _section("Not done, and why", brief.not_done)


def _section(heading: str, items: Sequence[str]) -> Iterator[tuple[Part, str]]:
    if items:
        yield from _heading(heading)
    yield from (("item", each) for each in items)


def _heading(heading: str) -> Iterator[tuple[Part, str]]:
    yield "gap", ""
    yield "heading", heading


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"

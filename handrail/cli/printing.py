"""What people and scripts see on stdout: one JSON object, or prose."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from handrail.domain.checks import Check
from handrail.domain.metrics import SyncRecord, SyncState
from handrail.domain.reports import ReportAge
from handrail.domain.runs import Refresh, Report
from handrail.flows.deliver import reason_words
from handrail.flows.rehearse import Replay

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def as_object(values: dict[str, Any]) -> None:
    json.dump(values, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


def show(values: dict[str, Any], words: str, *, as_json: bool) -> None:
    """Exactly one JSON object, or the words."""
    if as_json:
        as_object(values)
    else:
        sys.stdout.write(words + "\n")


def synced(record: SyncRecord, refreshed: Refresh, *, as_json: bool) -> None:
    """What a sync read, and what beside the events."""
    lines = [
        f"{record.events} events of {record.from_date} to {record.to_date} ({record.zone}) were read.",
        f"{refreshed.profiles} profiles were counted, {refreshed.reports} saved reports refreshed.",
        *refreshed.notes,
    ]
    values = record.model_dump(mode="json") | {"refreshed": refreshed.model_dump(mode="json")}
    show(values, "\n".join(lines), as_json=as_json)


def saved_reports(found: Sequence[ReportAge], *, as_json: bool) -> None:
    """One line a report: its id, its kind, its name, its dashboards, and since when the copy is kept."""
    lines = [
        f"{one.report_id}\t{one.kind}\t{one.name}\t{', '.join(one.dashboards)}\t"
        + (f"copy of {one.fetched_at:%Y-%m-%d %H:%M} UTC" if one.fetched_at else "no copy")
        for one in found
    ]
    values = {"reports": [one.model_dump(mode="json") for one in found]}
    show(values, "\n".join(lines) or "The project has no saved report.", as_json=as_json)


def report(night: Report, *, as_json: bool) -> None:
    if as_json:
        as_object(night.model_dump(mode="json"))
        return
    console = Console()
    if night.dry_run:
        console.print("\n[bold]A dry run:[/bold] nothing was sent, and no decision was kept.", end="")
    console.print(
        f"\n[bold]The night of {night.night}[/bold] ({night.zone}), "
        f"run {night.started_at:%Y-%m-%d %H:%M} UTC, sending mode {night.mode}"
    )
    console.print(
        f"{night.accounts} accounts, {night.active_accounts} active in the last 7 days; "
        f"{night.events:,} events read{_coverage(night)}."
    )
    console.print(
        f"{night.questions_planned} questions to Mixpanel planned beside those of the mails; "
        f"{night.questions_left} were possible in that hour."
    )
    if night.agreement and night.agreement.accuracy is not None:
        console.print(f"Our counts agree with Mixpanel's own to {night.agreement.accuracy:.2%}.")
    console.print(
        f"{night.profiles:,} profiles counted by account and segment; "
        f"{night.reports_refreshed} saved reports refreshed."
    )
    console.print(_struggles(night))
    console.print(
        f"{night.tutorials} tutorials for {night.struggling_users} people, "
        f"{night.tutorials_in_own_words} of them in the document's own words; "
        f"{night.model_calls} model calls, {night.input_tokens:,} tokens in, {night.output_tokens:,} out, "
        f"{night.cache_read_tokens:,} read from the cache; {night.model_usd:.4f} USD on this UTC day."
    )
    console.print(_decisions(night))
    if night.outcomes_settled:
        console.print(f"{night.outcomes_settled} outcomes of earlier mails and hold-outs are settled.")
    if night.alerts:
        console.print(f"Alerts that are new or worse: {night.alerts}; `handrail alerts list` tells them.")
    if night.docs_gaps:
        console.print("What the documents lack, by the people stuck there in the last nights:")
    for gap in night.docs_gaps:
        console.print(f"  {gap.people} {gap.words}", markup=False)
    for note in night.notes:
        console.print(f"• {note}", markup=False)


def _coverage(night: Report) -> str:
    """How many of the events and of the daily users belong to an account; nothing of none."""
    if not (night.events and night.users):
        return ""
    of_events, of_users = night.events_with_account / night.events, night.users_with_account / night.users
    return f", {of_events:.1%} with an account ({of_users:.1%} of the daily users)"


def _struggles(night: Report) -> Table:
    table = Table("feature", "struggling", "accounts", "measured by", title="Struggles", title_justify="left")
    for row in night.struggles:
        table.add_row(row.feature, str(row.struggling), str(row.accounts), row.route)
    return table


def _decisions(night: Report) -> Table:
    table = Table("decision", "people × feature", "why", title="Mail", title_justify="left")
    table.add_row("would be sent" if night.dry_run else "sent", str(night.sent), "")
    for label, count, why in (
        ("planned", night.planned, "waits for the person's working hours"),
        ("failed", night.failed, "the mail service refused"),
        ("unknown", night.unknown, "unclear whether it left; never sent again blindly"),
    ):
        if count:
            table.add_row(label, str(count), why)
    for reason, count in night.withheld.items():
        table.add_row(f"withheld: {reason}", str(count), reason_words(reason))
    return table


def replay(found: Replay, *, as_json: bool) -> None:
    lines = [
        f"The night of {found.night} under today's rules: {found.mailed_now} of {found.decided} would be "
        f"mailed; {found.mailed_then} were.",
        *(f"  {one.user_key[:12]} {one.feature}: {one.then} → {one.now}" for one in found.changes),
    ]
    show(found.model_dump(mode="json"), "\n".join(lines), as_json=as_json)


def copied(counted: dict[str, int], target: str, key: str, *, as_json: bool) -> None:
    """Rows by table, and what has to be set now."""
    if as_json:
        as_object({"to": target, "rows": sum(counted.values()), "tables": counted})
        return
    table = Table("table", "rows")
    for name, rows in counted.items():
        table.add_row(name, f"{rows:,}")
    console = Console()
    console.print(table)
    lines = (
        f"{sum(counted.values()):,} rows of {len(counted)} tables are in {target}, counted there.",
        "Now set HANDRAIL_DATABASE_URL to it wherever Handrail runs. Start nothing on the old database: both "
        "would send mails.",
        key,
    )
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def checks(found: list[Check]) -> str:
    """One line a check."""
    return "\n".join(f"{'ok  ' if one.ok else 'FAIL'}  {one.name}: {one.detail}" for one in found)


@contextmanager
def progress() -> Iterator[Callable[[SyncState], None] | None]:
    """A bar of days on stderr, on a terminal only."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("Reading Mixpanel", total=None, events=0)
        yield lambda state: bar.update(
            task, completed=state.days_done, total=state.days_total, events=state.events
        )


def status(found: dict[str, Any]) -> str:
    last, night = found["last_sync"], found["last_night"]
    lines = [
        *(f"ALARM: {each['words']}" for each in found["alarms"]),
        f"sending mode: {found['send_mode']}",
        f"paused: {', '.join(found['paused']) or 'nothing'}",
        *(
            ["a backup was restored: nothing is sent before it has caught up (`handrail db catch-up`)"]
            if found["restored"]
            else []
        ),
        *(f"brake: {each['words']} (`handrail resume` releases it)" for each in found["brakes"]),
        f"last sync: {last['finished_at']} (up to {last['to_date']})" if last else "last sync: never",
        f"last night: {night['night']}, {night['status']}, {night['sent']} sent, {night['unknown']} unknown"
        if night
        else "last night: never",
    ]
    return "\n".join(lines)

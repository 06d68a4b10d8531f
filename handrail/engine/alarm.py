"""Whether the nights are as they should be: silence, a stuck or failed run, too few or too many mails."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from statistics import median

from handrail.domain.alarms import Alarm, AlarmCause
from handrail.domain.deliveries import Reason
from handrail.domain.runs import Report
from handrail.engine.periods import last_complete_day

BEGINS = time(2)
"""When nights begin, UTC."""

STUCK_AFTER = timedelta(hours=1, minutes=30)
"""A running night that has done nothing for so long is stuck; it may wait an hour for the hourly budget."""

NIGHTS_COMPARED = 14
LEAST_NIGHTS = 5
"""With fewer nights before, nobody can say what is usual."""

USUALLY_SOME = 3
TIMES_USUAL = 3
LEAST_MANY = 10
"""Three times one mail is no alarm."""


def alarms(
    runs: Sequence[Report], *, now: datetime, patience: timedelta, last_sign: datetime | None
) -> list[Alarm]:
    """What is wrong at `now`. `runs` are the nights, newest first.

    `patience` after 02:00 UTC a night has to be finished. `last_sign` is when the newest run, if it is
    running, last did something. Before the first night nothing is expected.
    """
    if not runs:
        return []
    found = [_silence(runs, now, patience), _stuck(runs[0], now, last_sign), _failed(runs[0]), _volume(runs)]
    return [each for each in found if each is not None]


def due(now: datetime, patience: timedelta) -> datetime:
    """The beginning of the last night that has to be finished by `now`."""
    begun = datetime.combine((now - patience).date(), BEGINS, tzinfo=now.tzinfo)
    return begun if begun + patience <= now else begun - timedelta(days=1)


def mails(report: Report) -> int:
    """What a night wanted to mail, whether it left at once, waits for hours or for a yes."""
    waiting = report.withheld.get(Reason.NEEDS_APPROVAL.value, 0)
    return report.sent + report.planned + report.unknown + report.failed + waiting


def _silence(runs: Sequence[Report], now: datetime, patience: timedelta) -> Alarm | None:
    begins = due(now, patience)
    if min(run.started_at for run in runs) > begins:
        return None
    done = {run.finished_at: run for run in runs if run.status == "done" and run.finished_at}
    if any(
        at >= begins and run.night >= last_complete_day(begins, run.zone or "UTC") for at, run in done.items()
    ):
        return None
    last = max(done, default=None)
    ended = f"the last one that did ended at {last:%Y-%m-%d %H:%M} UTC" if last else "none ever did"
    return Alarm(
        cause=AlarmCause.SILENCE,
        words=f"The night of {begins:%Y-%m-%d %H:%M} UTC has not finished; {ended}. "
        "Is `handrail agent start` running? Its log says why.",
    )


def _stuck(run: Report, now: datetime, last_sign: datetime | None) -> Alarm | None:
    sign = max(run.started_at, last_sign or run.started_at)
    if run.status != "running" or now - sign < STUCK_AFTER:
        return None
    return Alarm(
        cause=AlarmCause.STUCK,
        words=f"The night of {run.night} has been running since {run.started_at:%Y-%m-%d %H:%M} UTC and has "
        f"done nothing since {sign:%H:%M} UTC: restart `handrail agent start`, and run the night again.",
    )


def _failed(run: Report) -> Alarm | None:
    if run.status != "failed":
        return None
    return Alarm(
        cause=AlarmCause.FAILED,
        words=f"The night of {run.night} failed: its log says why. `handrail doctor` checks what it needs, "
        "`handrail agent run` runs it again; nobody is mailed twice.",
    )


def _volume(runs: Sequence[Report]) -> Alarm | None:
    """The newest finished night beside those before it in the same mode."""
    done = [run for run in runs if run.status == "done"]
    if not done:
        return None
    night, *before = [run for run in done if run.mode == done[0].mode][: NIGHTS_COMPARED + 1]
    if len(before) < LEAST_NIGHTS:
        return None
    usual, count = median(mails(run) for run in before), mails(night)
    beside = f"The night of {night.night} wanted to mail {count}; {usual:g} are usual "
    beside += f"(median of the {len(before)} nights before)."
    if count == 0 and usual >= USUALLY_SOME:
        words = f"{beside} See `handrail brief` for what was withheld, and `handrail doctor`."
        return Alarm(cause=AlarmCause.NO_MAILS, words=words)
    if count >= max(TIMES_USUAL * usual, LEAST_MANY):
        words = f"{beside} `handrail pause` stops all mail while you look."
        return Alarm(cause=AlarmCause.MANY_MAILS, words=words)
    return None

"""How the score did on past days: whom it had flagged before they left, and whom for nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median

from handrail.domain.churn import BandName, BandOutcome, Outcomes, PastDay, Sample, TrackRecord
from handrail.engine.lift import wilson

DAYS_BEFORE = 30
"""Days before the leaving on which figures are compared, unless somebody asks otherwise."""

FROM, TO = 90, 7
"""A flag counts from so many to so many days before: later is too late to do something."""

LEAST = 10
"""Churned accounts; with fewer the track record is told as too short."""

QUARTER = 13 * 7
"""Days from one look to the next, so that an account counts once a quarter; 90 of them are followed."""

Bands = Mapping[str, Mapping[date, BandName]]


def track_record(
    days: Iterable[PastDay], ends: Outcomes, sample: Sample, *, as_of: date, version: str
) -> TrackRecord:
    """`sample` says which kept accounts are compared on which days with the churned ones."""
    bands: dict[str, dict[date, BandName]] = defaultdict(dict)
    for each in days:
        if each.band:
            bands[each.account][each.day] = each.band
    told = sorted({day for mine in bands.values() for day in mine})
    spells = [each for each in (_warning(bands, *one) for one in ends.churned.items()) if each is not None]
    alarms = [
        each
        for each in (_warning(bands, case.past.account, case.end) for case in sample.kept)
        if each is not None
    ]
    warned = [each for each in spells if each]
    record = TrackRecord(
        as_of=as_of,
        version=version,
        from_date=told[0] if told else None,
        to_date=told[-1] if told else None,
        churned=len(spells),
        flagged=len(warned),
        kept=len(alarms),
        false_alarms=sum(map(bool, alarms)),
        warning_days=median(warned) if warned else None,
        calibration=_calibration(bands, ends, told, as_of),
        words="",
    )
    return record.model_copy(update={"words": _words(record, len(ends.churned))})


def _warning(bands: Bands, account: str, end: date) -> int | None:
    """Days from the last flag's beginning to the end; 0: never at risk; None: it had no score then.

    A flag is a row of replayed days at risk. Only days 90 to 7 before the end are looked at.
    """
    mine = bands.get(account, {})
    seen = sorted(day for day in mine if end - timedelta(days=FROM) <= day <= end - timedelta(days=TO))
    if not seen:
        return None
    begun: date | None = None
    for number, day in enumerate(seen):
        if mine[day] == "at_risk" and (number == 0 or mine[seen[number - 1]] != "at_risk"):
            begun = day
    return (end - begun).days if begun else 0


def _calibration(bands: Bands, ends: Outcomes, told: Sequence[date], as_of: date) -> tuple[BandOutcome, ...]:
    """Of the accounts in each band, how many left within 90 days; only where all 90 have passed."""
    past = [day for day in told if day + timedelta(days=FROM) <= as_of]
    counted: dict[BandName, list[int]] = {"at_risk": [0, 0], "watch": [0, 0], "healthy": [0, 0]}
    day = past[-1] if past else None
    while day is not None and day >= told[0]:
        for account, mine in bands.items():
            left = ends.churned.get(account)
            if day in mine and (account in ends.kept or (left is not None and left > day)):
                row = counted[mine[day]]
                row[0] += 1
                row[1] += left is not None and left <= day + timedelta(days=FROM)
        day -= timedelta(days=QUARTER)
    rows = []
    for band, (accounts, churned) in counted.items():
        if accounts:
            low, high = wilson(churned, accounts)
            rows.append(BandOutcome(band=band, accounts=accounts, churned=churned, low=low, high=high))
    return tuple(rows)


def _words(record: TrackRecord, known: int) -> str:
    """One sentence, to stand beside a score."""
    if not known:
        return (
            "No track record: no account is known to have left. "
            "Import churn dates with `handrail accounts import`."
        )
    if not record.churned:
        return (
            f"No track record yet: none of the {known} churned accounts had a score in the {FROM} to {TO} "
            "days before it left."
        )
    told = (
        f"Replayed on past weeks from {record.from_date} to {record.to_date}, the score had "
        f"{record.flagged} of {record.churned} churned accounts at risk {FROM} to {TO} days before they left"
    )
    early = f", {record.warning_days:g} days before in the median" if record.warning_days else ""
    alarms = (
        f", and {record.false_alarms} of {record.kept} kept ones on comparable days"
        if record.kept
        else ", with no kept account to compare"
    )
    short = f"; {LEAST} churned accounts are needed to judge it" if record.churned < LEAST else ""
    return f"{told}{early}{alarms}{short}."

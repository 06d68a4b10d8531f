"""The benchmark runs, its days are as described, and our tables of them are those of plain Python."""

import gzip
import hmac
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks import cases
from benchmarks.gen import EVENTS, Crowd, lines, write
from benchmarks.server import serving
from handrail.services import event_pieces

ROOT = Path(__file__).parents[2]
DAY = date(2026, 4, 1)


def unique(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of rows with one key the one processed last."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        properties = row["properties"]
        key = (row["event"], properties["distinct_id"], properties["time"], properties["$insert_id"])
        other = kept.get(key)
        if other is None or _processed(row) > _processed(other):
            kept[key] = row
    return list(kept.values())


def _processed(row: dict[str, Any]) -> int:
    return int(row["properties"]["mp_processing_time_ms"])


def accounts(row: dict[str, Any]) -> list[str]:
    value = row["properties"].get("company_id")
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(each) for each in values]


def at(row: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(row["properties"]["time"], UTC)


def users_of(rows: list[dict[str, Any]]) -> int:
    return len({row["properties"]["distinct_id"] for row in rows} - {""})


def sessions(rows: list[dict[str, Any]]) -> Counter[tuple[str, date]]:
    """By account and day: a user's runs without a gap of more than half an hour, within a day."""
    mine: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        mine[row["properties"]["distinct_id"], at(row).date()].append(row)
    found: set[tuple[str, date, str, int]] = set()
    for (user, day), visits in mine.items():
        number, before = 0, 0
        for row in sorted(visits, key=lambda row: int(row["properties"]["time"])):
            time = row["properties"]["time"]
            number += before > 0 and time - before > 1800
            before = time
            found.update((account, day, user, number) for account in accounts(row) if user)
    return Counter((account, day) for account, day, _, _ in found)


def plain(files: list[Path]) -> dict[str, list[Any]]:
    """Every table, out of dictionaries."""
    decode = msgspec.json.Decoder().decode
    rows = unique(decode(line) for path in files for line in gzip.decompress(path.read_bytes()).splitlines())
    owned = [(account, row) for row in rows for account in accounts(row)]
    runs = sessions(rows)
    events = Counter((account, at(row).date()) for account, row in owned)
    users = Counter(
        (a, at(row).date(), user) for a, row in owned if (user := row["properties"]["distinct_id"])
    )
    unique_users = Counter((account, day) for account, day, _ in users)
    names: dict[tuple[str, date, str], list[dict[str, Any]]] = defaultdict(list)
    values: dict[tuple[str, date, str, str], list[dict[str, Any]]] = defaultdict(list)
    for account, row in owned:
        names[account, at(row).date(), row["event"]].append(row)
        for name in ("$browser", "$os", "mp_country_code"):
            values[account, at(row).date(), name, row["properties"][name]].append(row)
    hours = Counter((account, at(row).date(), at(row).hour) for account, row in owned)
    return {
        "account_days": sorted((*k, total, unique_users[k], runs[k]) for k, total in events.items()),
        "user_days": sorted(
            (account, day, hmac.digest(cases.SECRET, user.encode(), "sha256").hex(), total)
            for (account, day, user), total in users.items()
        ),
        "event_days": sorted((*key, len(found), users_of(found)) for key, found in names.items()),
        "value_days": sorted((*key, len(found), users_of(found)) for key, found in values.items()),
        "hours": sorted((*key, total) for key, total in hours.items()),
        "coverage": [(len(rows), sum(bool(accounts(row)) for row in rows))],
    }


@pytest.mark.parametrize("piece", [event_pieces.PIECE_BYTES, 200_000], ids=["in one piece", "in pieces"])
async def test_our_tables_are_those_of_plain_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(event_pieces, "PIECE_BYTES", piece)
    crowd = Crowd(7)
    files = [write(tmp_path, crowd, DAY + timedelta(days=number), 4000, seed=7) for number in range(3)]

    with serving(files) as url:
        ours = await cases.ours(url, DAY, DAY + timedelta(days=2))

    shape: dict[str, Any] = {
        "event_days": lambda row: row[:5],
        "value_days": lambda row: (*row[:3], row.value, row.total, row.users),
        "coverage": lambda row: row[:2],
    }
    found = {name: [shape.get(name, tuple)(row) for row in rows] for name, rows in ours.items()}
    assert len(found.pop("feature_days")) > 400
    found["value_days"].sort()
    assert found == plain(files)
    assert ours["coverage"][0][0] > 11_000


def test_the_days_are_as_described_and_the_same_every_time() -> None:
    made = list(lines(Crowd(1), DAY, 5000))
    rows = [msgspec.json.decode(line) for line in made]

    assert made == list(lines(Crowd(1), DAY, 5000))
    assert len(made) == 5000
    assert 900 < sum(len(line.encode()) for line in made) / len(made) < 1040
    assert len(EVENTS) == len(set(EVENTS)) == 40
    assert {row["event"] for row in rows} == set(EVENTS)
    assert 28 <= sum(len(row["properties"]) for row in rows) / len(rows) <= 34
    assert len(rows) - len(unique(iter(rows))) == 49
    assert {at(row).date() for row in rows} == {DAY}


def test_a_smoke_run_prints_every_figure(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", "--quick", "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    for figure in (
        "1M in a day",
        "10 days x 100k",
        "peak MB, days of 400k",
        "late day, wall s",
        "CPU s, start to the",
    ):
        assert f"| {figure}" in ran.stdout or f", {figure}" in ran.stdout

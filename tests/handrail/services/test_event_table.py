"""The export in memory: counted like the oracle counts, whatever the lines hold, or not at all."""

import asyncio
import errno
import hmac
import json
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.engine.accounts import account_ids
from handrail.engine.text import shown
from handrail.engine.uses import FeatureEvent
from handrail.errors import BrokenExport, ConfigError
from handrail.services import event_pieces, event_reader, event_table
from handrail.services.event_table import EventTable, load
from handrail.store.trouble import trouble

SECRET = bytes(range(32))
FIRST, LAST = date(2026, 10, 22), date(2026, 11, 18)


def key(distinct_id: str) -> str:
    return hmac.digest(SECRET, distinct_id.encode(), "sha256").hex()


async def stream(raw: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


async def loaded(raw: bytes, *, size: int = 1 << 16, **changes: Any) -> EventTable:
    options: dict[str, Any] = {
        "account_property": "company_id",
        "secret": SECRET,
        "zone": "UTC",
        "from_day": date(2026, 1, 1),
        "to_day": date(2026, 12, 31),
        "threads": 2,
    }
    return await load(stream(raw, size), **{**options, **changes})


def line(name: str, user: Any, at: str, **properties: Any) -> dict[str, Any]:
    """An event as the export gives it, `at` in UTC."""
    time = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    kept = {"time": time, "distinct_id": user, "$insert_id": f"{name}{user}{time}"}
    return {"event": name, "properties": {**kept, "mp_processing_time_ms": time * 1000, **properties}}


def packed(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines).encode()


@contextmanager
def closing(table: EventTable) -> Iterator[EventTable]:
    try:
        yield table
    finally:
        table.close()


async def days(*lines: dict[str, Any], **changes: Any) -> list[tuple[str, str, int, int, int]]:
    """(account, day, events, users, sessions) of these lines."""
    with closing(await loaded(packed(*lines), **changes)) as table:
        return [
            (account, day.isoformat(), events, users, sessions)
            for account, day, events, users, sessions in table.account_days()
        ]


async def test_of_one_event_sent_twice_the_one_processed_later_stays() -> None:
    early = line("Opened", "u1", "2026-11-20T10:00:00", company_id="old", mp_processing_time_ms=1)
    late = line("Opened", "u1", "2026-11-20T10:00:00", company_id="new", mp_processing_time_ms=2)
    silent = line("Opened", "u1", "2026-11-20T10:00:00", company_id="none", mp_processing_time_ms=None)

    for order in ([early, late, silent], [late, silent, early]):
        assert await days(*order) == [("new", "2026-11-20", 1, 1, 1)]


@pytest.mark.parametrize(
    "change", [{"$insert_id": "another"}, {"time": 1}, {"distinct_id": "u2"}, {"event": "Closed"}]
)
async def test_events_that_differ_in_name_user_time_or_insert_id_are_two(change: dict[str, Any]) -> None:
    one = line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme")
    time = {"time": one["properties"]["time"] + 1} if "time" in change else {}
    properties = {**one["properties"], **{k: v for k, v in change.items() if k != "event"}, **time}
    other = {"event": change.get("event", "Opened"), "properties": properties}

    [(_, _, events, _, _)] = await days(one, other)

    assert events == 2


async def test_events_without_an_insert_id_are_all_kept() -> None:
    one = line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme")
    del one["properties"]["$insert_id"]

    assert await days(one, one, one) == [("acme", "2026-11-20", 3, 1, 1)]


async def test_a_copy_that_arrives_days_later_is_still_a_copy() -> None:
    one = line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme")
    others = [line("Opened", f"u{n}", "2026-11-21T10:00:00", company_id="acme") for n in range(2, 50)]

    found = await days(one, *others, one)

    assert found == [("acme", "2026-11-20", 1, 1, 1), ("acme", "2026-11-21", 48, 48, 48)]


@pytest.mark.parametrize(
    ("value", "accounts"),
    [
        ("acme", ["acme"]),
        ("Acme ", ["Acme "]),
        (17, ["17"]),
        (-17, ["-17"]),
        (17.0, ["17"]),
        (17.5, ["17.5"]),
        ("17.0", ["17.0"]),
        (["acme", "globex"], ["acme", "globex"]),
        (["acme", "acme", 5, "5"], ["5", "acme"]),
        (["acme", None, "", "undefined"], ["acme"]),
        ([], []),
        (None, []),
        ("", []),
        ("undefined", []),
        ("null", []),
        ("$other", []),
        ("(not set)", []),
        (True, []),
        ({"id": "acme"}, []),
        ('Say "hi", O\'Brien \\ Sons', ['Say "hi", O\'Brien \\ Sons']),
        ("Møller\u2028& Sønner 李 🙂", ["Møller\u2028& Sønner 李 🙂"]),
        ("acme\nglobex", ["acme\nglobex"]),
    ],
)
async def test_an_event_counts_once_for_each_account_that_its_property_names(
    value: object, accounts: list[str]
) -> None:
    with closing(
        await loaded(packed(line("Opened", "u1", "2026-11-20T10:00:00", company_id=value)))
    ) as table:
        assert [(row[0], row[2]) for row in table.account_days()] == [(each, 1) for each in accounts]
        assert table.coverage() == (1, int(bool(accounts)), 1, int(bool(accounts)))


async def test_an_event_without_the_property_or_with_it_in_another_case_has_no_account() -> None:
    bare = line("Opened", "u1", "2026-11-20T10:00:00")
    other = line("Opened", "u2", "2026-11-20T10:00:00", Company_ID="acme")

    with closing(await loaded(packed(bare, other))) as table:
        assert table.coverage() == (2, 0, 2, 0)


@pytest.mark.parametrize(
    "name", ['we"ird', "O'Brien", "$group id", "a.b", "{x}", "Firma", "société", "event"]
)
async def test_the_account_property_may_have_any_name(name: str) -> None:
    event = line("Opened", "u1", "2026-11-20T10:00:00", **{name: "acme"})

    assert await days(event, account_property=name) == [("acme", "2026-11-20", 1, 1, 1)]


HOSTILE = [
    "line\u2028separator and \u2029 paragraph \u0085 next",
    'quote " backslash \\ brace }{ comma , "event":"Faked"',
    "'; drop table raw; --",
    "<script>alert(1)</script>",
    "e\u0301 Zalgo\u0335\u0321 \u202eright to left\u202c",
    "🙂" * 200,
    "tab\tnewline\nreturn\r\n",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[f"text{n}" for n in range(len(HOSTILE))])
async def test_hostile_text_anywhere_in_a_line_changes_no_count(text: str) -> None:
    hostile = line(text, text, "2026-11-20T10:00:00", company_id="acme", query=text, reason=text, **{text: 1})
    after = line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme")

    with closing(await loaded(packed(hostile, after), size=7919)) as table:
        assert table.account_days() == [("acme", date(2026, 11, 20), 2, 2, 2)]
        assert {row.event: (row.total, row.users) for row in table.event_days()} == {
            "Opened": (1, 1),
            shown(text): (1, 1),
        }
        [(user, [event])] = list(table.by_user([text]))
        assert (user, event.name, event.reason) == (key(text), text, text)


async def test_chunks_may_end_anywhere_even_inside_a_character() -> None:
    raw = packed(
        line("Öffnen", "李", "2026-11-20T10:00:00", company_id="Sønner"),
        line("Öffnen", "🙂", "2026-11-20T11:00:00", company_id="Sønner"),
    )

    with closing(await loaded(raw, size=1)) as table:
        assert table.account_days() == [("Sønner", date(2026, 11, 20), 2, 2, 2)]
        assert [user for _, _, user, _ in table.user_days()] == sorted([key("李"), key("🙂")])


async def test_an_empty_export_counts_nothing() -> None:
    with closing(await loaded(b"")) as table:
        assert [*table.account_days(), *table.user_days(), *table.event_days(), *table.hours()] == []
        assert [*table.value_days(), *table.feature_days([])] == []
        assert table.coverage() == (0, 0, 0, 0)
        assert list(table.by_user(["Opened"])) == []


@pytest.mark.parametrize(
    "name", ["$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record", "handrail_sent"]
)
async def test_bookkeeping_and_our_own_events_are_left_out(name: str) -> None:
    left_out = line(name, "u1", "2026-11-20T10:00:00", company_id="acme")
    kept = line("$mp_web_page_view", "u1", "2026-11-20T10:00:00", company_id="acme")

    assert await days(left_out, kept) == [("acme", "2026-11-20", 1, 1, 1)]


@pytest.mark.parametrize("nobody", ["", None])
async def test_an_event_of_nobody_counts_as_event_but_not_as_user_or_session(nobody: str | None) -> None:
    event = line("Opened", nobody, "2026-11-20T10:00:00", company_id="acme")

    with closing(await loaded(packed(event))) as table:
        assert table.account_days() == [("acme", date(2026, 11, 20), 1, 0, 0)]
        assert table.user_days() == []
        assert list(table.by_user(["Opened"])) == []


async def test_a_numeric_distinct_id_is_the_same_user_as_its_text() -> None:
    with closing(await loaded(packed(line("Opened", 17, "2026-11-20T10:00:00", company_id="acme")))) as table:
        assert [user for _, _, user, _ in table.user_days()] == [key("17")]


@pytest.mark.parametrize(("gap", "sessions"), [(1799, 1), (1800, 1), (1801, 2)])
async def test_a_gap_of_more_than_thirty_minutes_starts_a_session(gap: int, sessions: int) -> None:
    start = datetime(2026, 11, 20, 10)  # noqa: DTZ001  (`line` takes UTC without saying so)
    both = [start, start + timedelta(seconds=gap)]

    [(_, _, _, _, found)] = await days(
        *(line("Opened", "u1", at.isoformat(), company_id="acme") for at in both)
    )

    assert found == sessions


async def test_midnight_of_the_project_starts_a_session_and_no_other_midnight_does() -> None:
    lines = [
        line("Opened", "u1", at, company_id="acme")
        for at in ("2026-11-20T22:50:00", "2026-11-20T23:05:00", "2026-11-20T23:55:00", "2026-11-21T00:05:00")
    ]

    assert await days(*lines, zone="Europe/Berlin") == [
        ("acme", "2026-11-20", 1, 1, 1),
        ("acme", "2026-11-21", 3, 1, 2),
    ]


async def test_a_session_counts_for_every_account_with_an_event_in_it() -> None:
    lines = [
        line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme"),
        line("Opened", "u1", "2026-11-20T10:20:00"),
        line("Opened", "u1", "2026-11-20T10:40:00", company_id=["acme", "globex"]),
        line("Opened", "u1", "2026-11-20T12:00:00", company_id="globex"),
    ]

    assert await days(*lines) == [("acme", "2026-11-20", 2, 1, 1), ("globex", "2026-11-20", 2, 1, 2)]


@pytest.mark.parametrize(
    ("zone", "at", "day", "hour"),
    [
        # Berlin, 25 October 2026: 02:00 to 03:00 comes twice.
        ("Europe/Berlin", "2026-10-24T21:59:59", "2026-10-24", 23),
        ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25", 0),
        ("Europe/Berlin", "2026-10-25T00:30:00", "2026-10-25", 2),
        ("Europe/Berlin", "2026-10-25T01:30:00", "2026-10-25", 2),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25", 23),
        ("Europe/Berlin", "2026-10-25T23:00:00", "2026-10-26", 0),
        # New York, 8 March 2026: 02:00 to 03:00 does not come at all.
        ("America/New_York", "2026-03-08T06:59:59", "2026-03-08", 1),
        ("America/New_York", "2026-03-08T07:00:00", "2026-03-08", 3),
        ("America/New_York", "2026-03-09T03:59:59", "2026-03-08", 23),
        ("Asia/Kolkata", "2026-11-20T18:29:59", "2026-11-20", 23),
        ("Asia/Kolkata", "2026-11-20T18:30:00", "2026-11-21", 0),
    ],
)
async def test_days_and_hours_are_those_of_the_projects_zone_on_days_of_clock_changes_too(
    zone: str, at: str, day: str, hour: int
) -> None:
    with closing(await loaded(packed(line("Opened", "u1", at, company_id="acme")), zone=zone)) as table:
        assert table.hours() == [("acme", date.fromisoformat(day), hour, 1)]
        assert [row[1].isoformat() for row in table.account_days()] == [day]


@pytest.mark.parametrize(
    ("zone", "wall", "day", "hour", "true"),
    [
        ("Europe/Berlin", "2026-07-01T23:59:59", "2026-07-01", 23, "2026-07-01T21:59:59"),
        # The hour that comes twice is the first of the two: in Havana it begins at midnight.
        ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25", 2, "2026-10-25T00:30:00"),
        ("America/Havana", "2026-11-01T00:30:00", "2026-11-01", 0, "2026-11-01T04:30:00"),
        ("America/Havana", "2026-11-01T01:00:00", "2026-11-01", 1, "2026-11-01T06:00:00"),
        ("Asia/Kolkata", "2026-11-20T00:00:00", "2026-11-20", 0, "2026-11-19T18:30:00"),
    ],
)
async def test_wall_clock_times_keep_their_day_and_hour_and_become_true_ones(
    zone: str, wall: str, day: str, hour: int, true: str
) -> None:
    event = line("Opened", "u1", wall, company_id="acme")

    with closing(await loaded(packed(event), zone=zone, wall_clock=True)) as table:
        assert table.hours() == [("acme", date.fromisoformat(day), hour, 1)]
        [(_, [found])] = list(table.by_user(["Opened"]))
    assert datetime.fromtimestamp(found.time, UTC).replace(tzinfo=None).isoformat() == true


async def test_a_home_counts_only_for_events_that_name_no_account_and_all_of_it(tmp_path: Path) -> None:
    lines = [
        line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme"),
        line("Opened", "u1", "2026-11-20T10:00:01", company_id="undefined"),
        line("Opened", "u1", "2026-11-20T10:00:02"),
        line("Opened", "u2", "2026-11-20T10:00:03"),
        line("Opened", "", "2026-11-20T10:00:04"),
    ]
    homes = {key("u1"): ("globex", "initech"), key("nobody"): ("umbrella",)}

    with closing(await loaded(packed(*lines), homes=homes)) as table:
        assert [(row[0], row[2]) for row in table.account_days()] == [
            ("acme", 1),
            ("globex", 2),
            ("initech", 2),
        ]
        assert table.coverage() == (5, 3, 2, 1)


@pytest.mark.parametrize(
    "names", [["distinct_id"], ["$Email"], ["Company_ID"], ["plan", "Plan"], ["reason"], ["$user_id"]]
)
async def test_a_property_that_tells_who_somebody_is_or_is_read_already_cannot_be_broken_down(
    names: list[str],
) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_MIXPANEL_BREAKDOWNS"):
        await loaded(GOOD, breakdowns=names)


async def test_what_lies_outside_the_days_asked_for_is_cut_off() -> None:
    lines = [
        line("Opened", "u1", f"2026-11-{number}T{clock}", company_id="acme")
        for number, clock in ((18, "22:59:59"), (18, "23:00:00"), (20, "22:59:59"), (20, "23:00:00"))
    ]

    found = await days(*lines, zone="Europe/Berlin", from_day=date(2026, 11, 19), to_day=date(2026, 11, 20))

    assert found == [("acme", "2026-11-19", 1, 1, 1), ("acme", "2026-11-20", 1, 1, 1)]


async def test_each_users_events_of_the_names_asked_for_come_in_time_order() -> None:
    lines = [
        line("Failed", "u1", "2026-11-20T10:00:05", company_id=["acme", "globex"], reason="no_folder"),
        line("Opened", "u2", "2026-11-20T10:00:00"),
        line("Started", "u1", "2026-11-20T10:00:00", company_id="acme"),
        line("Other", "u1", "2026-11-20T10:00:01", company_id="acme"),
        line("Started", "u3", "2026-11-20T10:00:00", company_id="acme"),
    ]
    ten = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp())

    with closing(await loaded(packed(*lines))) as table:
        found = {
            user: [event._replace(account_ids=tuple(sorted(event.account_ids))) for event in events]
            for user, events in table.by_user(["Started", "Failed"])
        }

    assert found == {
        key("u1"): [
            FeatureEvent(ten, "Started", ("acme",), ""),
            FeatureEvent(ten + 5, "Failed", ("acme", "globex"), "no_folder"),
        ],
        key("u3"): [FeatureEvent(ten, "Started", ("acme",), "")],
    }


SECRETIVE = "ana.private@acme.example"
GOOD = packed(line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme"))
BROKEN = [
    b"terminated early\n",
    b"export terminated early\n",
    b'{"event":"Opened","properties":{"distinct_id":"' + SECRETIVE.encode() + b'"\n',
    b'{"event":"Opened","properties":{"time":"' + SECRETIVE.encode() + b'"}}\n',
    b'"' + SECRETIVE.encode() + b'"\n',
    b"[1, 2]\n",
    b"null\n",
    b'{"error": "' + SECRETIVE.encode() + b'"}\n',
    b'{"event":"Opened","properties":{"distinct_id":"u1"}}\n',
    b"<html>" + SECRETIVE.encode() + b"</html>\n",
    b'{"event":"Opened","properties":{"distinct_id":"' + SECRETIVE.encode() + b'\xff"}}\n',
]


@pytest.mark.parametrize("broken", BROKEN, ids=[f"line{n}" for n in range(len(BROKEN))])
@pytest.mark.parametrize("before", [b"", GOOD, GOOD * 3000], ids=["first", "second", "late"])
@pytest.mark.parametrize("after", [b"", GOOD * 3000], ids=["last", "followed"])
async def test_a_line_that_is_no_event_breaks_the_export_and_is_not_quoted(
    broken: bytes, before: bytes, after: bytes
) -> None:
    with pytest.raises(BrokenExport) as caught:
        await loaded(before + broken + after)

    assert str(caught.value) == "Mixpanel's export holds a line that is no event; nothing of it was kept."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_line_that_is_cut_off_at_the_end_breaks_the_export() -> None:
    with pytest.raises(BrokenExport):
        await loaded(GOOD * 100 + GOOD[: len(GOOD) // 2])


@pytest.mark.parametrize("before", [b"", GOOD * 3000], ids=["at once", "late"])
async def test_a_stream_that_breaks_is_told_as_it_was_and_nothing_is_kept(before: bytes) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield before
        raise BrokenExport("cut")

    with pytest.raises(BrokenExport, match=r"^cut$"):
        await load(
            breaking(),
            account_property="company_id",
            secret=SECRET,
            zone="UTC",
            from_day=FIRST,
            to_day=LAST,
        )


async def test_no_table_holds_a_raw_id() -> None:
    lines = [
        line("Opened", SECRETIVE, "2026-11-20T10:00:00", company_id="acme", **{"$email": SECRETIVE}),
        line("Opened", "", "2026-11-20T10:00:00", company_id="acme", **{"$user_id": SECRETIVE}),
    ]

    lines.append(line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme", **{"$browser": SECRETIVE}))

    with closing(await loaded(packed(*lines), breakdowns=["$browser"])) as table:
        assert [row.kind for row in table.value_days()] == ["other", "unset"]
        held = [
            repr(table._rows(f'select * from "{name}"'))
            for (name,) in table._rows(
                "select table_name from duckdb_tables() union all "
                "select view_name from duckdb_views() where not internal"
            )
        ]

    assert len(held) >= 4
    assert any(key(SECRETIVE) in rows for rows in held)
    assert not any(SECRETIVE in rows for rows in held)


LONE = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("\\ud800", "\ufffd"),
        ("a\\uDfFfz", "a\ufffdz"),
        ("\\ud83d\\ud83d\\ude42", "\ufffd🙂"),
        ("\\ude42\\ud83d", "\ufffd\ufffd"),
        ("\\\\ud800 \\ud800", "\\ud800 \ufffd"),
    ],
)
async def test_a_surrogate_that_stands_alone_becomes_a_replacement_character_and_is_told(
    escaped: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    properties = {"company_id": "ODD", "other": "ODD", "reason": "ODD", "$insert_id": "1"}
    odd = packed(line("ODD", "ODD", "2026-11-20T10:00:00", **properties))

    with closing(await loaded(GOOD + odd.replace(b"ODD", escaped.encode()) + GOOD)) as table:
        assert {row[0]: row[2] for row in table.account_days()} == {"acme": 1, text: 1}
        assert {row.event for row in table.event_days()} == {"Opened", text}
        [(user, [event])] = list(table.by_user([text]))
        assert (user, event.account_ids, event.reason) == (key(text), (text,), text)
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{5 * text.count(LONE)} lone surrogate")


async def test_pairs_of_surrogates_and_escaped_backslashes_stay_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = packed(line("Opened", "u1", "2026-11-20T10:00:00", company_id="ODD", other="ODD"))

    with closing(await loaded(raw.replace(b"ODD", rb"\ud83d\ude42 \\ud800"))) as table:
        assert [row[0] for row in table.account_days()] == ["🙂 \\ud800"]
    assert caplog.records == []


async def test_a_line_of_a_megabyte_is_an_event_and_one_that_never_ends_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = line("Opened", "u2", "2026-11-20T10:00:00", company_id="acme", text="x" * (1 << 20))
    assert await days(long, long) == [("acme", "2026-11-20", 1, 1, 1)]

    monkeypatch.setattr(event_pieces, "PIECE_BYTES", 1 << 20)
    with pytest.raises(BrokenExport, match="too long for an event"):
        await loaded(GOOD + packed(long) + GOOD)


async def test_a_line_longer_than_the_engine_takes_says_so() -> None:
    endless = packed(line("Opened", "u2", "2026-11-20T10:00:00", company_id="acme", text="x" * (40 << 20)))

    with pytest.raises(BrokenExport, match="too long for an event"):
        await loaded(GOOD + endless + GOOD, size=1 << 20)


async def test_where_the_system_has_no_files_in_memory_pieces_go_through_pipes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(event_pieces, "PIECE_BYTES", 1000)
    lines = [line("Opened", f"u{n % 7}", f"2026-11-20T10:00:{n:02}", company_id="acme") for n in range(60)]

    assert await days(*lines, *lines) == [("acme", "2026-11-20", 60, 7, 7)]
    with pytest.raises(BrokenExport):
        await loaded(packed(*lines) + b"terminated early\n" + packed(*lines))


async def test_with_more_users_than_are_looked_up_every_user_keeps_one_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_reader, "_REGULARS", 3)
    monkeypatch.setattr(event_pieces, "PIECE_BYTES", 1000)
    lines = [line("Opened", f"u{n % 9}", f"2026-11-20T10:00:{n:02}", company_id="acme") for n in range(60)]

    with closing(await loaded(packed(*lines))) as table:
        assert [user for _, _, user, _ in table.user_days()] == sorted(key(f"u{n}") for n in range(9))
        assert table.account_days() == [("acme", date(2026, 11, 20), 60, 9, 9)]


def test_looking_known_users_up_keeps_no_raw_id_where_it_could_be_spilled(tmp_path: Path) -> None:
    path = tmp_path / "piece"
    path.write_bytes(GOOD)
    reader = event_reader.EventReader("company_id", SECRET, {"threads": 1})
    reader.connection.execute("insert into people select range, '' from range(100000)")

    statement = event_reader._READ.format(path=path, known="people", longest=1 << 20, **reader._names)
    [(_, plan)] = reader.connection.execute(f"explain {statement}", {"inner": b"", "salt": ""}).fetchall()
    reader.connection.close()

    # Every other kind of join may build on either side; a mark join streams the side that it marks.
    assert plan.count("Join Type") == plan.count("Join Type: MARK") == 1
    assert not any(step in plan for step in ("Order By", "Aggregate", "Window"))


async def test_a_stopped_read_leaves_no_memory_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_pieces, "PIECE_BYTES", 1000)
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    flowing = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            for _ in range(50):
                yield GOOD
            flowing.set()

    reading = asyncio.create_task(
        load(
            endless(),
            account_property="company_id",
            secret=SECRET,
            zone="UTC",
            from_day=FIRST,
            to_day=LAST,
        )
    )
    await flowing.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


async def test_nothing_of_an_export_stays_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    (await loaded(GOOD)).close()
    with pytest.raises(BrokenExport):
        await loaded(GOOD + b"terminated early\n")

    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_only_words_and_numbers_of_a_list_are_accounts() -> None:
    mixed = ["acme", 1, 1.0, True, {"x": 1}, ["y"], None, "1"]
    odd = line("Opened", "u1", "2026-11-20T10:00:00", company_id=mixed)

    with closing(await loaded(packed(odd))) as table:
        assert [account for account, *_ in table.account_days()] == ["1", "acme"]
    assert set(account_ids(mixed)) == {"1", "acme"}


@pytest.mark.parametrize("name", ["reason", "Reason", "time", "distinct_id"])
async def test_a_property_of_every_event_cannot_name_the_account(name: str) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY"):
        await loaded(GOOD, account_property=name)


async def test_a_reader_that_fails_before_it_reads_does_not_hang_the_writer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_table, "MEMORY_LIMIT", "no such size")

    async with asyncio.timeout(20):
        with pytest.raises(Exception, match="Memory must have a number"):
            await loaded(GOOD)


async def test_what_does_not_fit_the_memory_says_so_and_is_no_broken_export() -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_MEMORY_LIMIT"):
        await loaded(GOOD * 3000, memory_limit="1MB")


async def test_with_too_many_files_open_it_is_this_machine_that_is_named_and_not_the_export() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def last_chunk() -> AsyncIterator[bytes]:
        yield packed(line("Opened", "u1", "2026-11-20T10:00:00", company_id="acme"))
        os.close(next_free := os.open("/", os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, hard))

    try:
        with pytest.raises(OSError, match=r"^\[Errno \d+\] Too many open files$") as caught:
            await load(last_chunk(), account_property="company_id", secret=SECRET, zone="UTC",
                       from_day=FIRST, to_day=LAST)  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert caught.value.errno == errno.EMFILE
    assert "This process has too many files open" in (trouble(caught.value) or "")


async def test_a_temporary_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_TEMP_DIR"):
        await loaded(GOOD, temp_directory=tmp_path / "missing")


@pytest.mark.parametrize("size", [1, 300, 5000])
async def test_pieces_may_end_in_any_chunk_and_copies_are_found_across_them(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(event_pieces, "PIECE_BYTES", 1000)
    lines = [line("Opened", f"u{n % 7}", f"2026-11-20T10:00:{n:02}", company_id="acme") for n in range(60)]

    assert len(packed(*lines)) > 8000
    assert await days(*lines, *lines, threads=1) == [("acme", "2026-11-20", 60, 7, 7)]
    with closing(await loaded(packed(*lines, *lines), size=size)) as table:
        assert table.account_days() == [("acme", date(2026, 11, 20), 60, 7, 7)]


async def test_of_values_the_commonest_stay_and_a_users_own_id_never_does() -> None:
    lines = [
        line("Opened", f"u{n}", f"2026-11-20T10:{n:02}:{m:02}", company_id="acme", plan=f"plan {n:02}")
        for n in range(22)
        for m in range(22 - n)
    ]
    lines += [
        line("Opened", "me", f"2026-11-21T10:00:{n:02}", company_id="acme", plan="me") for n in range(3)
    ]
    lines.append(line("Opened", "you", "2026-11-21T10:00:00", company_id="acme", plan="me"))

    with closing(await loaded(packed(*lines), breakdowns=["plan"])) as table:
        found = [(row.day.day, row.kind, row.value, row.total, row.users) for row in table.value_days()]

    kept = [(20, "value", f"plan {n:02}", 22 - n, 1) for n in range(20)]
    assert sorted(found) == sorted(
        [*kept, (20, "other", "", 3, 2), (21, "other", "", 3, 1), (21, "value", "me", 1, 1)]
    )

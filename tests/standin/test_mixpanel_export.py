"""Raw export over HTTP: bytes, filters, days, faults and the export budget."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import httpx2
import pytest

from tests.standin.conftest import Mixpanel, Serve, client, event, line

DAY = "2026-11-20"
EVENTS = [
    event("Started", "u1", "2026-11-19T10:00:00", company_id="acme"),
    event("Done", "u1", "2026-11-19T23:59:59", company_id="acme"),
    event("Started", "u2", "2026-11-20T08:00:00", company_id="globex", query="a\u2028b\u0085c"),
    event("Done", "u2", "2026-11-20T09:00:00", plan="pro"),
]


def raw(mixpanel: Mixpanel, **params: Any) -> bytes:
    """The bytes of an export as they came over the wire."""
    with mixpanel.http.stream("GET", "/mixpanel/api/2.0/export", params=mixpanel._params(params)) as answer:
        return b"".join(answer.iter_raw())


def test_the_day_file_is_passed_on_byte_by_byte(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    file = mixpanel.state.world.folder / "events" / f"{DAY}.jsonl.gz"

    assert raw(mixpanel, from_date=DAY, to_date=DAY) == file.read_bytes()


def test_several_days_are_gzip_members_in_a_row(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    packed = raw(mixpanel, from_date="2026-11-19", to_date=DAY)

    assert gzip.decompress(packed).decode() == "".join(map(line, EVENTS))


def test_a_client_that_takes_no_gzip_gets_plain_text(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    with client(mixpanel.state, headers={"accept-encoding": "identity"}) as http:
        answer = http.get(
            "/mixpanel/api/2.0/export",
            params={"project_id": 12345, "from_date": "2026-11-19", "to_date": DAY},
        )

    assert "content-encoding" not in answer.headers
    assert answer.content.decode() == "".join(map(line, EVENTS))


def test_plain_day_files_are_compressed_on_the_way(serve: Serve) -> None:
    mixpanel = serve(EVENTS, packed=False)

    assert gzip.decompress(raw(mixpanel, from_date=DAY, to_date=DAY)).decode() == "".join(
        map(line, EVENTS[2:])
    )


def test_an_empty_day_is_an_empty_200(serve: Serve) -> None:
    answer = serve(EVENTS).export("2026-11-01", "2026-11-01")

    assert (answer.status_code, answer.content) == (200, b"")


def test_filters_choose_events_by_name_expression_and_number(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles={"u2": {"plan": "pro"}})
    both = ("2026-11-19", DAY)

    assert mixpanel.exported(*both, event='["Done"]') == [EVENTS[1], EVENTS[3]]
    assert mixpanel.exported(*both, where='properties["company_id"] == "globex"') == [EVENTS[2]]
    assert mixpanel.exported(*both, where='user["plan"] == "pro"') == EVENTS[2:]
    assert mixpanel.exported(*both, where='properties["$time"] >= datetime("2026-11-20T08:30:00")') == [
        EVENTS[3]
    ]
    assert mixpanel.exported(*both, limit=3) == EVENTS[:3]


def test_time_can_be_asked_for_in_milliseconds(serve: Serve) -> None:
    found = serve(EVENTS).exported(DAY, DAY, time_in_ms="true")

    assert [each["properties"]["time"] for each in found] == [1795161600000, 1795165200000]


def test_tomorrow_cannot_be_exported(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    assert mixpanel.export("2026-11-21", "2026-11-21").status_code == 200
    answer = mixpanel.export("2026-11-21", "2026-11-22")
    assert (answer.status_code, answer.text) == (400, "to_date cannot be later than today")


def test_today_is_the_projects_own_for_old_projects(serve: Serve) -> None:
    mixpanel = serve(EVENTS, created="2020-05-05", timezone="Asia/Tokyo", now="2026-11-20T20:00:00+00:00")

    assert mixpanel.export("2026-11-21", "2026-11-21").status_code == 200


def test_sixty_exports_fit_into_a_rolling_hour_of_their_own(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    for _ in range(60):
        assert mixpanel.export(DAY, DAY).status_code == 200

    assert mixpanel.export(DAY, DAY).status_code == 429
    mixpanel.http.post("/control/clock", json={"now": "2026-11-21T04:01:00+00:00"})
    assert mixpanel.export(DAY, DAY).status_code == 200
    assert mixpanel.ask("funnels/list") != []


def test_an_export_can_end_early_with_a_line_of_text(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("terminated_early", "export", times=1)

    lines = mixpanel.export("2026-11-19", DAY).text.split("\n")

    assert lines[-2:] == ["terminated early", ""]
    assert len(lines) == 4
    assert len(mixpanel.exported(DAY, DAY)) == 2


def test_an_export_can_hold_a_line_that_is_no_json(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("bad_line", "export", times=1)

    lines = mixpanel.export("2026-11-19", DAY).text.split("\n")

    assert len(lines) == 5
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[2])


def test_an_export_can_be_cut_in_the_middle(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("cut_stream", "export", times=1)

    with pytest.raises(httpx2.RemoteProtocolError):
        mixpanel.export("2026-11-19", DAY)


def test_errors_of_the_export_are_plain_text(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    with client(mixpanel.state, auth=("nobody", "nothing")) as http:
        refused = http.get("/mixpanel/api/2.0/export", params={"project_id": 12345})
    bad = mixpanel.export(DAY, DAY, where="company_id")

    assert (refused.status_code, refused.text) == (401, "Invalid service account credentials")
    assert bad.status_code == 400
    assert bad.text.startswith("Invalid where expression")


def test_one_compressed_stream_holds_what_was_written_meanwhile(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    new = event("Done", "u9", "2026-11-20T12:00:00")
    mixpanel.post("/import", json=[new])

    packed = raw(mixpanel, from_date=DAY, to_date=DAY)

    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert len(unpacker.decompress(packed).splitlines()) >= 3
    assert unpacker.unused_data == b""


def test_a_filter_that_fails_after_the_first_lines_ends_the_export_early(serve: Serve) -> None:
    events = [event("Opened", f"u{number}", "2026-11-20T10:00:00", bad=False) for number in range(300)]
    mixpanel = serve([*events, event("Opened", "last", "2026-11-20T10:00:00", bad=5)])

    lines = mixpanel.export(DAY, DAY, where='not properties["bad"]').text.split("\n")

    assert lines[-2] == "terminated early"
    assert len(lines) == 202

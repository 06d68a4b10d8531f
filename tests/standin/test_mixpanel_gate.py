"""Generic faults, the record of requests, and the control routes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.standin.conftest import Mixpanel, Serve, event, write_world

EVENTS = [event("Opened", "u1", "2026-11-20T10:00:00")]
LIST = "/api/query/funnels/list"


def counted(mixpanel: Mixpanel) -> int:
    return int(mixpanel.http.get("/control/ledger").json()["counted_last_hour"])


def test_a_status_is_answered_at_once_and_as_often_as_asked(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("status", "funnels", status=503, body="busy", headers={"Retry-After": "7"}, times=2)

    answers = [mixpanel.get(LIST) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert (answers[0].text, answers[0].headers["Retry-After"]) == ("busy", "7")
    assert counted(mixpanel) == 1


def test_a_fault_leaves_other_routes_and_neighbours_alone(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("status", "segmentation", status=500)
    mixpanel.http.post("/control/faults", json={"neighbour": "sendgrid", "fault": "status"})

    assert mixpanel.get(LIST).status_code == 200


def test_a_stalled_request_is_handled_in_the_end(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("stall", seconds=0.1, times=1)
    before = time.monotonic()

    assert mixpanel.get(LIST).status_code == 200
    assert time.monotonic() - before >= 0.1


def test_a_cut_answer_was_never_handled(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("cut", times=1)

    with pytest.raises(httpx2.RemoteProtocolError):
        mixpanel.get(LIST)
    assert counted(mixpanel) == 0


def test_a_lost_answer_was_handled(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("answer_lost", times=1)

    with pytest.raises(httpx2.RemoteProtocolError):
        mixpanel.get(LIST)
    assert counted(mixpanel) == 1


def test_a_late_answer_was_handled_before_the_client_gave_up(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("answer_late", seconds=0.2, times=1)

    with pytest.raises(httpx2.ReadTimeout):
        mixpanel.http.get(f"/mixpanel{LIST}", params={"project_id": 12345}, timeout=0.1)
    assert counted(mixpanel) == 1


def test_requests_are_recorded_without_secrets(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.get(LIST, token="hidden", unit="day")

    (record,) = mixpanel.http.get("/control/requests").json()

    assert record.pop("at").startswith("2026-11-21T02:00:0")
    assert record == {
        "method": "GET",
        "path": f"/mixpanel{LIST}",
        "query": {"project_id": "12345", "unit": "day"},
        "status": 200,
        "neighbour": "mixpanel",
        "counted": True,
    }


@pytest.mark.parametrize(
    ("route", "body", "error"),
    [
        ("clock", b"{}", "now is missing."),
        ("clock", b'{"now": "soon"}', "Invalid isoformat string: 'soon'"),
        ("faults", b"[]", "The body has to be a JSON object."),
        ("faults", b'{"neighbour": "mixpanel"}', "fault is missing."),
        ("act", b"{}", "act is missing."),
    ],
)
def test_bad_control_requests_say_what_is_wrong(serve: Serve, route: str, body: bytes, error: str) -> None:
    answer = serve(EVENTS).http.post(f"/control/{route}", content=body)

    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_reset_clears_faults_records_and_the_clock(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.get(LIST)
    mixpanel.fault("status", status=500)
    mixpanel.http.post("/control/clock", json={"now": "2027-01-01T00:00:00+00:00"})

    now = mixpanel.http.post("/control/reset").json()["now"]

    assert now.startswith("2026-11-21T02:00:00")
    assert mixpanel.http.get("/control/requests").json() == []
    assert counted(mixpanel) == 0
    assert mixpanel.get(LIST).status_code == 200
    assert mixpanel.http.get("/control/mails").json() == []
    assert mixpanel.http.get("/control/prompts").json() == []


def test_the_module_serves_a_world_and_says_where(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "world", EVENTS).folder
    command = [sys.executable, "-m", "standin", "--world", str(folder), "--port", str(free_port())]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().strip()
            transport = httpx2.HTTPTransport(retries=5)
            with httpx2.Client(base_url=url, transport=transport, trust_env=False) as http:
                assert http.get("/control/ledger").json()["limit"] == 60
        finally:
            process.terminate()


def test_the_module_refuses_a_folder_that_is_no_world(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "standin", "--world", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == f"{tmp_path} is no world: project.json is missing.\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

"""Bodies of five megabytes, told of and untold, are refused in our words at every door, and held by none."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.doors.asking import ADMIN, ask, bearer, doors_of, opened, settings_of
from tests.web.dashboard import served
from web import bodies

LONG = 5 << 20
PIECE = b"x" * 65_536
KINDS = (
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=b",
    "text/plain",
)


async def test_a_body_of_five_megabytes_is_refused_at_every_door(tmp_path: Path, promise: Promise) -> None:
    wrong, asked = [], 0
    pieces = [PIECE] * (LONG // len(PIECE))
    async with opened(settings_of(tmp_path)) as (app, _):
        doors = [
            each for each in doors_of(app) if each.method == "POST" or (FULL and each.template != "/mcp")
        ]
        for door in doors:
            for at, length in enumerate((("content-length", str(LONG)), ("transfer-encoding", "chunked"))):
                headers = [bearer(ADMIN), length, ("content-type", KINDS[at])]
                if door.template == "/mcp":
                    headers += [("accept", "application/json, text/event-stream")]
                answer = await ask(app, door.method, door.path, *headers, pieces=pieces)
                asked += 1
                if answer.status != 413 or not answer.is_problem:
                    wrong.append((str(door), length, answer.status, answer.text[:80]))

    assert len([each for each in doors if each.method == "POST"]) >= 23
    assert wrong == []
    promise(f"bodies of 5 MB: {asked} of {asked} refused with 413, told of and untold, at {len(doors)} doors")


@pytest.mark.parametrize(
    "length", ["9" * 30, "5242881", "0005242881", "\u0665\u0662\u0664\u0662\u0668\u0668\u0661"]
)
async def test_a_length_that_lies_lets_no_more_in(length: str, tmp_path: Path) -> None:
    pieces = [PIECE] * 40
    async with opened(settings_of(tmp_path)) as (app, _):
        for given in (length, "1"):
            answer = await ask(app, "POST", "/hooks/sendgrid", ("content-length", given), pieces=pieces)
            assert answer.status == 413


async def test_it_is_refused_over_the_wire_too(tmp_path: Path) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(LONG // len(PIECE)):
            yield PIECE

    found = []
    async with (
        served(settings_of(tmp_path)) as base,
        httpx2.AsyncClient(trust_env=False, headers=dict([bearer(ADMIN)])) as client,
    ):
        for path in ("/hooks/sendgrid", "/u/x", "/settings/check", "/api/mixpanel/sync", "/mcp"):
            for content in (PIECE * (LONG // len(PIECE)), in_pieces()):
                answer = await client.post(base + path, content=content)
                found.append((answer.status_code, answer.headers["content-type"]))
        well = await client.get(base + "/healthz")

    assert set(found) == {(413, "application/problem+json")}
    assert well.status_code == 200


async def test_many_bodies_at_once_are_held_up_to_a_bound_and_then_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_AT_ONCE", 100_000)
    async with opened(settings_of(tmp_path)) as (app, _):
        too_much = await ask(app, "POST", "/hooks/sendgrid", ("content-length", "131072"), pieces=[PIECE] * 2)
        for _ in range(5):
            one = await ask(app, "POST", "/u/x", ("content-length", "60000"), pieces=[b"x" * 60_000])
            assert one.status == 404

    assert too_much.status == 503
    assert too_much.is_problem

"""World folders as bad as can be: refused with file and line, before anything is made of them."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handrail.cli import demo
from handrail.errors import CallerError
from standin.world import World, check_events, load
from standin.world_files import WorldError
from tests import hostile_world
from tests.hardening.conftest import Promise
from tests.standin.conftest import PROJECT, event, line, write_world

DAY = "2026-11-20"
GOOD = line(event("Opened", "u-1", f"{DAY}T10:00:00", company_id="a"))
DEEP = "[" * 20_000 + "]" * 20_000
BOMB = gzip.compress(b" " * (8 << 20)) * 40
"""320 MB of one line in 320 KB."""

EMPTY = gzip.compress(b"\n" * (8 << 20)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small good world."""
    where = tmp_path / "world"
    write_world(
        where,
        [event("Opened", "u-1", f"{DAY}T10:00:00", company_id="a")],
        profiles={"u-1": {"$email": "u1@people.example"}},
        groups={"company_id": {"a": {"$name": "A"}}},
        packed=False,
    )
    return where


def read(folder: Path) -> World:
    world = load(folder)
    check_events(world)
    return world


def project(**changes: Any) -> bytes:
    return json.dumps({**PROJECT, **changes}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in PROJECT.items() if key != name}).encode()


def rows(*texts: str) -> bytes:
    return "\n".join(texts).encode("utf-8", "surrogatepass") + b"\n"


PROFILE = '{"$distinct_id": "u-1", "$properties": {}}'
FUNNEL = {"funnel_id": 1, "name": "F", "steps": [{"event": "E"}], "length": 1, "length_unit": "day"}
EVENTS = f"events/{DAY}.jsonl"

FAULTS: list[tuple[str, bytes, str]] = [
    ("project.json", b"", "line 1|not JSON"),
    ("project.json", b"[]", "no JSON object"),
    ("project.json", b"null", "no JSON object"),
    ("project.json", b'{\n "a": 1,\n b}', "line 3, is not JSON"),
    ("project.json", DEEP.encode(), "nested too deeply"),
    ("project.json", b'{"project_id": 1' + b"0" * 5000 + b"}", "no number"),
    ("project.json", b'{"project_id": NaN}', "no number"),
    ("project.json", project().decode().encode("utf-16"), "not UTF-8"),
    ("project.json", b"\0" * 100, "not JSON"),
    ("project.json", project(name="x" * (5 << 20)), "larger than 4 MB"),
    ("project.json", without("token"), "token is missing"),
    ("project.json", without("username"), "username is missing"),
    ("project.json", without("secret"), "secret is missing"),
    ("project.json", without("timezone"), "timezone is missing"),
    ("project.json", without("project_id"), "project_id is missing"),
    ("project.json", project(project_id="../../etc"), "project_id"),
    ("project.json", project(project_id=-1), "project_id"),
    ("project.json", project(project_id=True), "project_id"),
    ("project.json", project(timezone="Mars/Olympus"), "timezone"),
    ("project.json", project(timezone="../../etc/passwd"), "timezone"),
    ("project.json", project(timezone="a\0b"), "timezone"),
    ("project.json", project(timezone=["UTC"]), "timezone"),
    ("project.json", project(account_property=""), "account_property"),
    ("project.json", project(created="soon"), "created"),
    ("project.json", project(created=5), "created"),
    ("project.json", project(now="2026-11-21T02:00:00"), "now a moment"),
    ("project.json", project(now=[]), "now a moment"),
    ("project.json", project(group_keys=[]), "group_keys"),
    ("project.json", project(group_keys={"company_id": {}}), "group_keys"),
    ("project.json", project(funnels={}), "funnels has to be a list"),
    ("project.json", project(funnels=["x"]), "funnels has to be a list"),
    ("project.json", project(funnels=[FUNNEL, {**FUNNEL, "steps": []}]), "funnel 2"),
    ("project.json", project(funnels=[{**FUNNEL, "steps": [{"event": 5}]}]), "funnel 1"),
    ("project.json", project(funnels=[{**FUNNEL, "length": "1"}]), "funnel 1"),
    ("project.json", project(reports=[7]), "reports has to be a list"),
    ("project.json", project(annotations="x"), "annotations has to be a list"),
    ("profiles.jsonl", rows(PROFILE, "{"), "line 2, is not JSON"),
    ("profiles.jsonl", rows(PROFILE, "[]"), "line 2, is no JSON object"),
    ("profiles.jsonl", rows("", '{"$properties": {}}'), r"line 2: \$distinct_id is missing"),
    ("profiles.jsonl", rows('{"$distinct_id": {}, "$properties": {}}'), r"line 1: \$distinct_id"),
    ("profiles.jsonl", rows('{"$distinct_id": "", "$properties": {}}'), r"line 1: \$distinct_id"),
    ("profiles.jsonl", rows('{"$distinct_id": 1e999, "$properties": {}}'), r"line 1: \$distinct_id"),
    ("profiles.jsonl", rows('{"$distinct_id": "u"}'), r"line 1: \$properties is missing"),
    ("profiles.jsonl", rows('{"$distinct_id": "u", "$properties": [1]}'), r"line 1: \$properties"),
    ("profiles.jsonl", rows(PROFILE, PROFILE), "line 2.*there twice"),
    ("profiles.jsonl", rows(PROFILE, DEEP), "line 2, holds .* nested too deeply"),
    ("profiles.jsonl", rows(PROFILE) + b"\xff\xfe\n", "line 2, is not UTF-8"),
    ("profiles.jsonl", rows("\ud800"), "line 1, is not UTF-8"),
    ("profiles.jsonl", b"x" * (5 << 20), "line 1, is longer than 4 MB"),
    ("groups.jsonl", rows('{"$group_id": "a", "$properties": {}}'), r"line 1: \$group_key"),
    ("groups.jsonl", rows('{"$group_key": "company_id", "$group_id": [], "$properties": {}}'), r"\$group_id"),
    (EVENTS, GOOD.encode() + b"terminated early\n", "line 2, is not JSON"),
    (EVENTS, b"[1]\n", "line 1, is no JSON object"),
    (EVENTS, b'{"event": "Opened"}\n', "line 1, is no event"),
    (EVENTS, b'{"event": 5, "properties": {"time": 1}}\n', "line 1, is no event"),
    (EVENTS, b'{"event": "E", "properties": {}}\n', "line 1: the property time"),
    (EVENTS, b'{"event": "E", "properties": {"time": "1700000000"}}\n', "line 1: the property time"),
    (EVENTS, b'{"event": "E", "properties": {"time": true}}\n', "line 1: the property time"),
    (EVENTS, b'{"event": "E", "properties": {"time": -1}}\n', "line 1: the property time"),
    (EVENTS, b'{"event": "E", "properties": {"time": 1e300}}\n', "line 1: the property time"),
    (EVENTS, b'{"event": "E", "properties": {"time": 1' + b"0" * 400 + b"}}\n", "line 1: the property time"),
    (EVENTS, GOOD.encode("utf-16"), "line 1, is not UTF-8"),
    (EVENTS, GOOD.encode() + DEEP.encode(), "line 2, holds .* nested too deeply"),
    (EVENTS, GOOD.encode() * 3 + b"\0\0\0\n", "line 4, is not JSON"),
    (EVENTS, b"\n" * 5000, "too many empty lines"),
    (f"{EVENTS}.gz", GOOD.encode(), r"is of the same day|\.jsonl is of"),
    ("events/2026-11-19.jsonl.gz", GOOD.encode(), "line 1: the file is not packed as gzip"),
    ("events/2026-11-19.jsonl.gz", gzip.compress(GOOD.encode() * 50)[:-9], "cut off"),
    ("events/2026-11-19.jsonl.gz", gzip.compress(GOOD.encode())[:-4] + b"\0\0\0\0", "not packed|cut off"),
    ("events/2026-11-19.jsonl.gz", BOMB, "line 1, is longer than 4 MB"),
    ("events/2026-11-19.jsonl.gz", EMPTY, "line 1001: there are too many empty lines"),
    ("events/notes.jsonl", b"", "is named YYYY-MM-DD"),
    ("events/2026-02-30.jsonl", b"", "is named YYYY-MM-DD"),
    ("events/20261119.jsonl", b"", "is named YYYY-MM-DD"),
    ("events/2026-11-19.jsonl.bak", b"", "is named YYYY-MM-DD"),
    ("events/2026-11-19 .jsonl", b"", "is named YYYY-MM-DD"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_fault_is_told_with_its_file_and_line(folder: Path, number: int) -> None:
    name, raw, says = FAULTS[number]
    (folder / name).write_bytes(raw)

    with pytest.raises(WorldError, match=says) as refused:
        read(folder)

    assert str(folder / name) in str(refused.value)
    assert len(str(refused.value)) < 400


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link_out(path: Path) -> None:
    outside = path.parents[2] / "outside.jsonl"
    outside.write_text(GOOD)
    path.symlink_to(outside)


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


@pytest.mark.parametrize("name", ["project.json", "profiles.jsonl", "groups.jsonl", EVENTS])
@pytest.mark.parametrize("make", [_pipe, _link_out, _folder, _dangling])
def test_a_world_is_made_of_regular_files_of_its_own(
    folder: Path, name: str, make: Callable[[Path], None]
) -> None:
    (folder / name).unlink()
    make(folder / name)

    with pytest.raises(WorldError, match=r"is no file|leads out|is missing") as refused:
        read(folder)
    assert name in str(refused.value)


def test_a_linked_folder_of_events_is_no_part_of_the_world(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "events", tmp_path / "elsewhere")
    (folder / "events").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(WorldError, match="leads out"):
        read(folder)


def test_windows_line_ends_a_mark_of_byte_order_and_empty_lines_do_no_harm(folder: Path) -> None:
    (folder / "project.json").write_bytes(b"\xef\xbb\xbf" + project())
    (folder / "profiles.jsonl").write_bytes(PROFILE.encode() + b"\r\n\r\n")
    (folder / EVENTS).write_bytes(GOOD.strip().encode() + b"\r\n\n")

    assert list(read(folder).profiles) == ["u-1"]


def test_a_world_of_hostile_texts_in_the_right_shape_is_a_world(tmp_path: Path) -> None:
    assert len(read(hostile_world.generate(tmp_path / "hostile")).profiles) > 10


def test_a_demo_of_a_bad_world_says_so_and_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Promise
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / EVENTS).write_text(GOOD + "terminated early\n")
    before = sorted(path.name for path in tmp_path.iterdir())

    with pytest.raises(CallerError, match=rf"{DAY}\.jsonl, line 2, is not JSON"):
        demo.run(world=str(folder), data_dir=tmp_path / "data", as_json=False, serve=False, port=0)

    assert sorted(path.name for path in tmp_path.iterdir()) == before
    promise(f"hostile worlds: {len(FAULTS) + 17} refused with file and line, none loaded in part")

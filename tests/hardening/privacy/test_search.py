"""The search for canaries would find one, however it is written and wherever it lies."""

import gzip
import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.hardening.privacy.canaries import ENCODINGS, Canaries, hits, on_disk


def planted() -> list[str]:
    canaries = Canaries()
    return [
        canaries.address("an address"), canaries.name("a name"), canaries.agent("an agent"),
        canaries.url("a link"), canaries.text("a text"), canaries.number("a telephone", 0),
        canaries.number("an IP number", 2), canaries.number("another", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("canary", planted())
def test_a_canary_is_found_in_every_encoding(canary: str, encoding: str) -> None:
    for before in range(3):
        for written in ENCODINGS[encoding]("x" * before + canary):
            assert hits(b"{ ... " + written + b" ... }"), written


@pytest.mark.parametrize("canary", planted())
def test_a_canary_is_found_in_archives_and_in_free_pages(canary: str, tmp_path: Path) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.gz", gzip.compress(canary.encode()))
    with closing(sqlite3.connect(tmp_path / "some.db")) as database:
        database.execute("pragma secure_delete = off")
        database.execute("create table kept (text)")
        database.executemany("insert into kept values (?)", [(f"{canary} {at}",) for at in range(500)])
        database.commit()
        database.execute("delete from kept")
        database.commit()
        assert database.execute("pragma freelist_count").fetchone()[0] > 0

    assert hits(gzip.compress(canary.encode()))
    assert hits(zipped.getvalue())
    assert on_disk(tmp_path)
    assert not hits(b"nothing of the kind 123.45 +49 151 198.18.77.2010"[:40])

"""Gzip bodies of one or many members: inflated to the very end, or broken."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import BrokenExport
from handrail.services.mixpanel import inflate
from handrail.services.mixpanel.inflate import gunzip


async def chunks(raw: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


async def inflated(raw: bytes, size: int = 1 << 16) -> bytes:
    return b"".join([plain async for plain in gunzip(chunks(raw, size))])


DAYS = [b"monday\n" * 900, b"tuesday\n", b"", "mittwoch 李\n".encode() * 5000]


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1 << 20])
async def test_every_member_is_inflated_wherever_chunks_end(size: int) -> None:
    assert await inflated(b"".join(map(gzip.compress, DAYS)), size) == b"".join(DAYS)


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400))
async def test_what_was_packed_day_by_day_comes_out_as_it_was(days: list[bytes], size: int) -> None:
    assert await inflated(b"".join(map(gzip.compress, days)), size) == b"".join(days)


async def test_nothing_inflates_to_nothing() -> None:
    assert await inflated(b"") == b""


PACKED = gzip.compress(b"monday\n" * 50) + gzip.compress(bytes(range(256)))


@pytest.mark.parametrize("size", [1, 1 << 16])
async def test_a_body_that_ends_inside_a_member_is_broken(size: int) -> None:
    whole = {len(gzip.compress(b"monday\n" * 50)), len(PACKED)}

    for length in range(1, len(PACKED)):
        if length not in whole:
            with pytest.raises(BrokenExport, match="ended in the middle"):
                await inflated(PACKED[:length], size)


@pytest.mark.parametrize(
    "body",
    [
        b"Unable to authenticate ana@acme.example",
        b"\x1f\x8b\x08 not really gzip",
        PACKED + b"trailing garbage",
        PACKED + b"\0\0\0\0",
        PACKED[:20] + b"\xff\xff\xff" + PACKED[23:],
        zlib.compress(b"another format"),
    ],
)
async def test_what_is_no_gzip_is_broken_and_not_quoted(body: bytes) -> None:
    with pytest.raises(BrokenExport) as caught:
        await inflated(body)

    assert str(caught.value) in {
        "Mixpanel's export is damaged; nothing of it was kept.",
        "Mixpanel's export ended in the middle; nothing of it was kept.",
    }
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_a_wrong_checksum_is_broken() -> None:
    packed = bytearray(gzip.compress(b"monday"))
    packed[-8] ^= 1

    with pytest.raises(BrokenExport, match="damaged"):
        await inflated(bytes(packed))


@pytest.mark.parametrize("size", [1, 1000])
async def test_without_isal_the_same_comes_out(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(inflate, "_new_member", zlib.decompressobj)
    monkeypatch.setattr(inflate, "_errors", (zlib.error,))

    assert await inflated(b"".join(map(gzip.compress, DAYS)), size) == b"".join(DAYS)
    with pytest.raises(BrokenExport, match="damaged"):
        await inflated(PACKED + b"trailing garbage", size)
    with pytest.raises(BrokenExport, match="ended in the middle"):
        await inflated(PACKED[:-3], size)

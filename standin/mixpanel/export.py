"""Raw export: the day files as they are where nothing is asked of them, line by line where something is."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from starlette.responses import Response, StreamingResponse

from standin.faults import Fault
from standin.gate import CutResponse
from standin.mixpanel import days
from standin.mixpanel.call import Call
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

CHUNK = 256 * 1024
LINES = 200
"""Lines put together before they are sent."""

FAULTS = {"terminated_early", "cut_stream", "bad_line"}
FILTERS = ("event", "where", "limit", "time_in_ms")


def answer(project: Project, call: Call, takes_gzip: bool) -> Response:
    first, last = days.period(call, project.export_today())
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    fault = project.state.faults.take("mixpanel", call.path, FAULTS)
    written = _written(project, wanted)
    if fault is None and not written and not any(call.text(name) for name in FILTERS):
        files = [path for day in wanted if (path := project.state.world.event_file(day))]
        return _files(files, takes_gzip)
    lines = itertools.chain(_lines(project, wanted), written)
    return _parsed(_filtered(project, call, lines), fault, takes_gzip)


def _files(files: list[Path], takes_gzip: bool) -> Response:
    """Bytes from disk. Gzip members in a row are one valid gzip stream, so nothing has to be unpacked."""
    if not files:
        return _stream(iter(()), False)
    return _stream(_packed(files) if takes_gzip else _unpacked(files), takes_gzip)


def _packed(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        if path.suffix == ".gz":
            with path.open("rb") as file:
                yield from iter(lambda: file.read(CHUNK), b"")
        else:
            yield from _compressed(_read(path))


def _unpacked(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        yield from _read(path)


def _read(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _written(project: Project, wanted: list[date]) -> list[str]:
    """Lines of the events that came in while running."""
    inside = set(wanted)
    return [
        json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n"
        for raw in list(project.state.written)
        if project.export_day(raw) in inside
    ]


def _lines(project: Project, wanted: list[date]) -> Iterator[str]:
    for day in wanted:
        yield from project.state.world.lines(day)


def _filtered(project: Project, call: Call, lines: Iterable[str]) -> Iterator[str]:
    names = call.listed("event")
    where = project.expression(call, "where")
    in_ms = call.flag("time_in_ms", False)
    limit = call.number("limit", 0) or None
    if limit is not None and not 1 <= limit <= 100_000:
        raise RefusalError(400, "limit must be between 1 and 100000")
    if names is None and where is None and not in_ms:
        return itertools.islice(lines, limit)

    def kept() -> Iterator[str]:
        for line in lines:
            raw: dict[str, Any] = json.loads(line)
            if names is not None and raw["event"] not in names:
                continue
            if where is not None and not where.keeps(project.row(project.calendar.event(raw))):
                continue
            if in_ms:
                raw["properties"]["time"] = int(raw["properties"]["time"] * 1000)
                line = json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n"  # noqa: PLW2901
            yield line

    return itertools.islice(kept(), limit)


def _parsed(lines: Iterator[str], fault: Fault | None, takes_gzip: bool) -> Response:
    if fault is not None:
        lines = _spoilt(list(lines), fault.fault)
    chunks = _batches(lines)
    if fault is not None and fault.fault == "cut_stream":
        return _cut(b"".join(chunks), takes_gzip)
    first = next(chunks, None)
    if first is None:
        return _stream(iter(()), False)
    body = itertools.chain([first], chunks)
    return _stream(_compressed(body) if takes_gzip else body, takes_gzip)


def _batches(lines: Iterator[str]) -> Iterator[bytes]:
    """Lines put together; what goes wrong after the first of them can only be told inside the 200."""
    sent = False
    try:
        while batch := list(itertools.islice(lines, LINES)):
            yield "".join(batch).encode("utf-8", "replace")
            sent = True
    except RefusalError:
        if not sent:
            raise
        yield b"terminated early\n"


def _spoilt(lines: list[str], fault: str) -> Iterator[str]:
    """The lines up to the middle, then what the fault makes of the rest."""
    middle = len(lines) // 2
    yield from lines[:middle]
    if fault == "terminated_early":
        yield "terminated early\n"
    elif fault == "bad_line":
        broken = lines[middle] if lines else '{"event": "'
        yield broken[: len(broken) // 2] + "\n"
        yield from lines[middle + 1 :]


def _cut(body: bytes, takes_gzip: bool) -> Response:
    packed = b"".join(_compressed([body])) if takes_gzip else body
    return CutResponse(packed[: len(packed) * 3 // 4], headers=_headers(takes_gzip), media_type="text/plain")


def _stream(chunks: Iterator[bytes], packed: bool) -> Response:
    return StreamingResponse(chunks, headers=_headers(packed), media_type="text/plain")


def _headers(packed: bool) -> dict[str, str]:
    return {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"} if packed else {}

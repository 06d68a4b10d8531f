"""Whatever a parser is given, it answers a sound value, or an error of ours that says where."""

import asyncio
import csv
import gzip
import inspect
import io
import json
import re
import string
import unicodedata
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.accounts import AccountFacts
from handrail.domain.periods import PeriodName
from handrail.engine import cursors, periods
from handrail.errors import BrokenExport, CallerError, ConfigError, UpstreamError
from handrail.services import account_file, kb, score_file
from handrail.services.mail import webhook
from handrail.services.mixpanel import query_answers
from standin.world import check_events, load
from standin.world_files import WorldError
from tests.handrail.services.test_compose import mail, tutorial
from tests.handrail.services.test_event_table import loaded, packed
from tests.handrail.services.test_kb import DOCUMENT
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.inputs.made_up import BYTES, JSON, SCALAR, TEXT, examples, said_by_us
from tests.standin.conftest import event, write_world

FRONT = DOCUMENT.split("---\n")[1]
PLAIN = yaml.safe_load(FRONT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parsed")


# Feature documents


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A good document with a part of it replaced, as YAML or in the raw; or anything."""
    kind = draw(st.sampled_from(["field", "field", "raw", "cut", "any"]))
    if kind == "any":
        return draw(BYTES)
    if kind == "field":
        fields = {**PLAIN, draw(st.sampled_from(sorted(PLAIN)) | TEXT): draw(JSON)}
        return f"---\n{yaml.safe_dump(fields, allow_unicode=True)}\n---\n{draw(TEXT)}".encode(
            "utf-8", "replace"
        )
    at = draw(st.integers(0, len(DOCUMENT)))
    middle = draw(TEXT) if kind == "raw" else ""
    return (DOCUMENT[:at] + middle + DOCUMENT[at + draw(st.integers(0, 40)) :]).encode()


@examples(400)
@given(raw=documents())
def test_a_document_is_read_whole_or_refused_by_its_name(folder: Path, raw: bytes) -> None:
    path = folder / "send-report.md"
    path.write_bytes(raw)
    try:
        [feature] = kb.read(folder).features()
    except ConfigError as error:
        said_by_us(error, str(path))
    else:
        assert feature.slug == "send-report"
        texts = [
            feature.title,
            feature.url,
            *(one for step in feature.steps for one in (step.title, step.text)),
        ]
        assert all(texts)
        assert not any(
            unicodedata.category(char) == "Cc" for text in texts for char in text if char not in "\n\t"
        )
        assert all(step.url.startswith(("http://", "https://")) for step in feature.steps)
        assert len({step.id for step in feature.steps}) == len(feature.steps)
    finally:
        path.unlink()


# Account files

CELL = TEXT.filter(lambda text: "\0" not in text)


@examples(400)
@given(
    rows=st.lists(st.tuples(st.sampled_from(account_file.COLUMNS[2:]), CELL), max_size=4),
    raw=st.none() | BYTES,
)
def test_an_account_file_tells_its_cells_or_its_faulty_line(
    folder: Path, rows: list[tuple[str, str]], raw: bytes | None
) -> None:
    path = folder / "accounts.csv"
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", *dict.fromkeys(name for name, _ in rows)])
    names = list(dict.fromkeys(name for name, _ in rows))
    for number, (name, cell) in enumerate(rows):
        writer.writerow([f"a{number}", *(cell if each == name else "" for each in names)])
    path.write_bytes(out.getvalue().encode() if raw is None else raw)
    try:
        found = account_file.read(path)
    except CallerError as error:
        said_by_us(error, str(path), "line")
        return
    if raw is not None:
        return
    assert [facts.id for _, facts in found] == [f"a{number}" for number in range(len(rows))]
    for (_, facts), (name, cell) in zip(found, rows, strict=True):
        assert AccountFacts.model_validate(facts.model_dump()) == facts
        if name in ("name", "segment", "csm"):
            assert getattr(facts, name) == cell.strip()


# Score files


@examples(300)
@given(
    table=st.sampled_from(["weights", "bands", "limits", "pull", "segments.big", "confidence.high", "x"]),
    name=st.sampled_from(["breadth", "healthy", "weeks", "events", "attempts", "none"]),
    value=st.integers() | st.floats() | st.booleans() | st.text(string.printable, max_size=9),
    raw=st.none() | BYTES,
)
def test_a_score_file_is_a_definition_or_refused_by_its_name(
    folder: Path, table: str, name: str, value: object, raw: bytes | None
) -> None:
    path = folder / "score.toml"
    written = json.dumps(value) if isinstance(value, str | bool) else str(value)
    path.write_bytes(f"[{table}]\n{name} = {written}\n".encode() if raw is None else raw)
    try:
        read = score_file.read(path)
    except ConfigError as error:
        said_by_us(error, str(path))
    else:
        assert all(0 <= weight < float("inf") for weight in read.weights.values())
        assert 0 <= read.bands["watch"] <= read.bands["healthy"] <= 100


# Exports, events of the mail service, answers of Mixpanel

LINE = st.fixed_dictionaries(
    {},
    optional={
        "event": JSON,
        "properties": JSON
        | st.fixed_dictionaries(
            {},
            optional={"time": SCALAR, "distinct_id": JSON, "company_id": JSON, "$insert_id": JSON, "x": JSON},
        ),
    },
)
GOOD = {"event": "Opened", "properties": {"time": 1_773_000_000, "distinct_id": "u", "company_id": "a"}}


@examples(150)
@given(lines=st.lists(LINE | st.just(GOOD), max_size=4), tail=BYTES | st.just(b""))
def test_an_export_is_counted_whole_or_not_at_all(lines: list[dict[str, Any]], tail: bytes) -> None:
    raw = packed(*lines)

    async def counted() -> None:
        try:
            table = await loaded(raw + tail)
        except BrokenExport as error:
            said_by_us(error)
            return
        try:
            days = table.account_days()
            assert all(events > 0 and users <= events for _, _, events, users, _ in days)
            assert sum(events for account, _, events, *_ in days if account == "a") >= lines.count(GOOD)
        finally:
            table.close()

    asyncio.run(counted())


@examples(400)
@given(
    posted=JSON
    | st.lists(
        st.fixed_dictionaries(
            {"handrail_delivery": JSON},
            optional={
                "event": st.sampled_from(["open", "bounce", "dropped"]) | JSON,
                "timestamp": JSON,
                "type": JSON,
            },
        ),
        max_size=4,
    )
)
def test_a_post_of_the_mail_service_is_events_a_number_not_understood_or_refused(posted: Any) -> None:
    try:
        found, unknown = webhook.read(json.dumps(posted).encode())
    except ValueError:
        assert not isinstance(posted, list)
        return
    others = sum(isinstance(each, dict) and "handrail_delivery" not in each for each in posted)
    assert len(found) + unknown + others == len(posted)
    assert all(re.fullmatch(r"[0-9a-f]{32}", each.key) for each in found)


READERS = sorted(
    name
    for name, reader in inspect.getmembers(query_answers, inspect.isfunction)
    if not name.startswith("_") and list(inspect.signature(reader).parameters)[:2] == ["raw", "what"]
)


@pytest.mark.parametrize("name", READERS)
@examples(200)
@given(
    raw=JSON
    | st.fixed_dictionaries({}, optional={"data": JSON, "results": JSON, "events": JSON, "values": JSON})
    | st.dictionaries(st.sampled_from(["2026-11-01", "a", "data"]), st.dictionaries(TEXT, JSON, max_size=2))
)
def test_an_answer_of_mixpanel_is_understood_or_called_unknown(name: str, raw: Any) -> None:
    try:
        getattr(query_answers, name)(raw, "the question")
    except UpstreamError as error:
        said_by_us(error, "the question")


def test_there_are_readers_of_answers() -> None:
    assert len(READERS) >= 10


# Cursors and words for periods


@examples(600)
@given(
    total=st.integers(0, 500),
    limit=st.integers(1, 50),
    cursor=TEXT | st.text(string.ascii_letters + "-_=", max_size=90),
)
def test_a_cursor_leads_into_its_list_or_is_refused(total: int, limit: int, cursor: str) -> None:
    own = cursors.made(cursors.question("x"), str(total // 2))
    refused = set()
    for each in (cursor, own, cursors.made(cursors.question("x"), cursor or "0")):
        try:
            place = cursors.place(total, each, limit, of="x")
        except CallerError as error:
            said_by_us(error, cursors.WRONG)
            refused.add(each)
        else:
            assert 0 <= place.start <= place.end <= total
            assert place.end - place.start <= limit
    assert own not in refused


EARLY, LATE = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2001, 2099))
DAYS = st.dates().map(str) | TEXT | st.just("")


@examples(600)
@given(
    first=DAYS,
    last=DAYS,
    name=st.sampled_from(PeriodName.__args__),  # type: ignore[attr-defined]
    now=st.datetimes(EARLY, LATE, timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Kiritimati", "America/Sao_Paulo"]),
)
def test_words_for_a_period_are_complete_days_or_refused(
    first: str, last: str, name: PeriodName, now: datetime, zone: str
) -> None:
    today = now.astimezone(ZoneInfo(zone)).date()
    try:
        span = periods.resolve(name, first, last, now=now, zone=zone)
    except CallerError as error:
        said_by_us(error)
        return
    assert span.from_date <= span.to_date < today or span.from_date > span.to_date == today - timedelta(
        days=1
    )
    assert (span.before().to_date - span.from_date).days == -1
    assert periods.compared(None if first else name, span).to_date < span.to_date


@examples(300)
@given(text=DAYS)
def test_a_given_day_can_be_reckoned_with_or_is_refused(text: str) -> None:
    try:
        day = periods.given_day(text, "--date")
    except CallerError as error:
        said_by_us(error, "--date")
    else:
        assert day is None or day - timedelta(days=10_000) < day + timedelta(days=10_000)


# Mails


class Skeleton(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@examples(150)
@given(subject=TEXT, intro=TEXT, told=TEXT, name=st.text(st.characters(categories=["L"]), max_size=20))
def test_no_text_changes_the_shape_of_a_mail(subject: str, intro: str, told: str, name: str) -> None:
    good = tutorial()
    steps = tuple(each.model_copy(update={"text": told}) for each in good.steps)
    usual = Skeleton(mail(good).html)

    made = mail(good.model_copy(update={"subject": subject, "intro": intro, "steps": steps}), name=name)

    read = Skeleton(made.html)
    assert read.links == usual.links
    assert [tag for tag, _ in read.tags if tag != "br"] == [tag for tag, _ in usual.tags if tag != "br"]
    assert [attrs for tag, attrs in read.tags if tag != "br"] == [
        attrs for tag, attrs in usual.tags if tag != "br"
    ]


# Worlds


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("worlds") / "one"
    write_world(where, [event("Opened", "u", "2026-11-20T10:00:00")], profiles={"u": {}}, packed=False)
    return where


@examples(300)
@given(
    name=st.sampled_from(["project.json", "profiles.jsonl", "groups.jsonl", "events/2026-11-20.jsonl"]),
    change=st.tuples(st.integers(0, 2000), st.integers(0, 30), BYTES),
    zipped=st.booleans(),
)
def test_a_changed_world_is_read_whole_or_refused_by_file(
    world: Path, name: str, change: tuple[int, int, bytes], zipped: bool
) -> None:
    path = world / name
    before = path.read_bytes()
    at, gone, put = change
    path.write_bytes(before[:at] + put + before[at + gone :])
    packed_too = path.with_name("2026-11-19.jsonl.gz")
    if zipped and name.startswith("events"):
        whole = gzip.compress(before)
        packed_too.write_bytes(whole[:at] + put + whole[at + gone :])
    try:
        check_events(load(world))
    except WorldError as error:
        said_by_us(error, str(world))
    finally:
        path.write_bytes(before)
        packed_too.unlink(missing_ok=True)


def test_how_much_was_tried(promise: Promise) -> None:
    made = tried(400) * 3 + tried(300) * 3 + tried(600) * 2 + tried(200) * len(READERS) + tried(150) * 2
    promise(f"parsers: {made} made-up inputs were understood, or refused with file, line or field")

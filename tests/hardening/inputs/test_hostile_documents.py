"""Feature documents, account files and score files as bad as can be: refused by name, and none in part."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError, ConfigError, HandrailError
from handrail.services import account_file, kb, score_file
from tests.handrail.services.test_kb import DOCUMENT
from tests.hardening.conftest import Promise
from tests.hardening.inputs.made_up import said_by_us
from tests.hardening.inputs.naughty import some

TITLE = "title: Send a report"


def titled(yaml: str) -> str:
    return DOCUMENT.replace(TITLE, yaml)


DOCUMENTS: list[tuple[str | bytes, str]] = [
    (DOCUMENT.encode("utf-16"), "line 1, is not UTF-8"),
    (DOCUMENT.replace("Reports leave", "Gr\xfc\xdfe").encode("latin-1"), "line 28, is not UTF-8"),
    (titled("title: a\0b"), r"line 3: the character U\+0000"),
    (titled("title: \x1b[2J"), r"line 3: the character U\+001B"),
    (titled("title: \ufffe"), "line 3: the front matter is not YAML"),
    (titled('title: "a\\0b"'), "title: it holds a control character"),
    (titled('title: "a\\ud800b"'), "title: Input should be a valid string"),
    (titled("title: " + "[" * 5000), "nested too deeply"),
    (titled("title: " + "{a: " * 5000), "nested too deeply"),
    (titled("title: 2024-13-45"), "line 3: the front matter is not YAML"),
    (titled("title: 2024-01-01T99:99:99Z"), "line 3: the front matter is not YAML"),
    (titled("title: !!float x"), "line 3: the front matter is not YAML"),
    (titled("title: " + "9" * 5000), "line 3: the front matter is not YAML"),
    (titled("title: !!binary x"), "line 3: the front matter is not YAML"),
    (titled("title: &a [*a]"), "title: Input should be a valid string"),
    (titled("title: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"), "title: Input should be a valid string"),
    (titled("title: ''"), "title: String should have at least 1"),
    (titled("title: One\ntitle: Two"), "line 4: .*'title' is there twice"),
    (titled(f"{TITLE}\nversion: x"), "version is not yours to write"),
    (titled(f"{TITLE}\nbody: x"), "body is not yours to write"),
    (titled("? [a, b]\n: c"), "line 3: the front matter is not YAML"),
    (titled("1: 2"), "title: Field required"),
    ("Words before it.\n" + DOCUMENT, "no front matter"),
    (DOCUMENT.replace("  - id: send\n", "  - id: start\n"), "steps: the step 'start' is there twice"),
    (DOCUMENT.replace("id: send\n", "id: 'a#b'\n"), "steps.1.id"),
    (DOCUMENT.replace("id: send\n", "id: ../x\n"), "steps.1.id"),
    (DOCUMENT.replace("    text: Pick colleagues and choose Send.\n", "    text: ''\n"), "steps.1.text"),
    (DOCUMENT.replace("https://help.vendor.example/report\n", "javascript:alert(1)\n"), "url: write"),
    (DOCUMENT.replace("https://help.vendor.example/report\n", "//help.vendor.example\n"), "url: write"),
    (DOCUMENT.replace("https://help.vendor.example/report\n", '"https://a.b/\\r\\nX: y"\n'), "url: write"),
    (DOCUMENT.replace("https://help.vendor.example/report#send\n", "'http://['\n"), "steps.1.url"),
    (DOCUMENT.replace("attempt: Report Started", "attempt: ''"), "events.attempt"),
    (DOCUMENT + DOCUMENT.partition("errors:\n")[0] * 5000, "larger than 1 MB"),
    (
        DOCUMENT.replace("errors:\n", "errors:\n  - reason: no_people\n    step: start\n    text: Other.\n"),
        "errors: the reason 'no_people' is there twice",
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_a_document_is_refused_with_its_file_and_the_place(tmp_path: Path, number: int) -> None:
    text, says = DOCUMENTS[number]
    path = tmp_path / "send-report.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ConfigError, match=says) as refused:
        kb.read(tmp_path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("slug", ["Ünï", "a b", "-a", "a#b", "x" * 101, ".a"])
def test_a_slug_can_stand_in_an_address_and_a_citation(tmp_path: Path, slug: str) -> None:
    path = tmp_path / f"{slug}.md"
    path.write_text(DOCUMENT.replace("slug: send-report", f"slug: {slug}"))

    with pytest.raises(ConfigError, match=r"slug: String should|slug: Input|front matter"):
        kb.read(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling", "outside"])
def test_a_document_is_a_regular_file_of_its_folder(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "kb"
    folder.mkdir()
    path = folder / "send-report.md"
    (tmp_path / "outside.md").write_text(DOCUMENT)
    making: dict[str, Callable[[], None]] = {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "dangling": lambda: path.symlink_to(folder / "nothing"),
        "outside": lambda: path.symlink_to(tmp_path / "outside.md"),
    }
    making[kind]()

    with pytest.raises(ConfigError, match=r"no file|leads out") as refused:
        kb.read(folder)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_windows_line_ends_and_a_mark_of_byte_order_do_no_harm(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    (tmp_path / "send-report.md").write_bytes(change(DOCUMENT).encode())

    [feature] = kb.read(tmp_path).features()

    assert [step.title for step in feature.steps] == ["Start the report", "Choose the people"]


TABLES: list[tuple[bytes, str]] = [
    (b"", "line 1: the columns"),
    ("id,name\na,b\n".encode("utf-16"), "line 1, is not UTF-8"),
    ("id,name\na,b\n".encode("utf-16-le"), r"line 1: the character U\+0000"),
    ("id,name\na,ok\nb,Söhne\n".encode("latin-1"), "line 3, is not UTF-8"),
    (b"id,name\na,x\0y\n", r"line 2: the character U\+0000"),
    (b"id,name\na,x\x1b[2J\n", r"line 2: the character U\+001B"),
    (b'id,name\na,ok\nb,"open\nc,lost\n', "line 3: a value lacks"),
    (b'id,name\na,"x"y\n', "line 2: a value lacks"),
    (b"id,name\na," + b"x" * 200_000 + b"\n", "line 2: .* too long"),
    (b"id,name\na," + b"x" * 201 + b"\n", "line 2, name: .*200"),
    (b"id,aliases\na,ok;" + b"x" * 201 + b"\n", "line 2, aliases: .*200"),
    (b"id,id\na,b\n", "line 1: a column is there twice"),
    (b"id;name\na;b\n", "line 1: the columns"),
    (b"id,arr\na,inf\n", "line 2, arr"),
    (b"id,arr\na,1e999\n", "line 2, arr"),
    (b"id,arr\na,nan\n", "line 2, arr"),
    (b"id,renewal\na,0\n", "line 2, renewal: write a day"),
    (b"id,renewal\na,1700000000\n", "line 2, renewal: write a day"),
    (b"id,churned_at\na,2026-11-01T00:00:00\n", "line 2, churned_at: write a day"),
    ("id,churned_at\na,２０２６-11-01\n".encode(), "line 2, churned_at: write a day"),
]


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_an_account_file_is_refused_with_file_and_line(tmp_path: Path, number: int) -> None:
    raw, says = TABLES[number]
    path = tmp_path / "accounts.csv"
    path.write_bytes(raw)

    with pytest.raises(CallerError, match=says) as refused:
        account_file.read(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "number that is too long"),
        (b"[weights]\nbreadth = nan\n", "weights"),
        (b"[weights]\nbreadth = inf\n", "weights"),
        (b"[weights]\nbreadth = '\0'\n", r"line 2: the character U\+0000"),
        ("a = 1".encode("utf-16"), "line 1, is not UTF-8"),
        (b"a = 1\na = 2\n", "is not TOML"),
        (b"weights = 1\n", "weights"),
    ],
)
def test_a_score_file_is_refused_by_name(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "score.toml"
    path.write_bytes(raw)

    with pytest.raises(ConfigError, match=says) as refused:
        score_file.read(path)
    assert str(path) in str(refused.value)


async def test_no_cell_breaks_an_import_and_a_bad_one_keeps_the_whole_file_out(
    ctx: ToolContext, tmp_path: Path, promise: Promise
) -> None:
    path, refused, read = tmp_path / "accounts.csv", 0, 0
    kept_out: list[bool] = []
    strings = some(3, one_in=2)
    for string in strings:
        for header in account_file.COLUMNS:
            quoted = string.replace('"', '""')
            path.write_bytes(f'{header},id\n"{quoted}",acct_1001\n'.encode("utf-8", "surrogatepass"))
            if header == "id":
                path.write_bytes(f'id,name\n"{quoted}",Acme\n'.encode("utf-8", "surrogatepass"))
            before = await _book(ctx)
            try:
                async with ctx.store.begin() as work:
                    facts = account_file.read(path)
                    await work.accounts.describe(
                        facts, project_id=ctx.mixpanel.project_id, now=ctx.clock.now()
                    )
                read += 1
            except HandrailError as error:
                refused += 1
                said_by_us(error, "line")
                kept_out.append(await _book(ctx) == before)

    assert all(kept_out)
    assert min(read, refused) > 5
    promise(
        f"CSV cells: 0 of {read + refused} broke an import; {refused} were refused with file and line, whole"
    )


async def _book(ctx: ToolContext) -> list[dict[str, Any]]:
    async with ctx.store.read() as work:
        return [each.model_dump() for each in await work.accounts.all()]

"""A model that obeys whatever it reads: nothing that strangers wrote comes before its eyes."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from mcp import Client

from agent import night, writing
from handrail.context import ToolContext, open_context
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Style
from handrail.errors import ConfigError
from handrail.services import kb
from mcp_server.server import create_server
from standin.messages.attacker import orders_in
from standin.server import running
from standin.state import Standin
from tests import crowd
from tests.conftest import settings_for
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.model.mails import wrong_with
from tests.hardening.model.payloads import INJECTION, TRANSFORMS
from tests.hardening.model.planted import NAMED, Planter, generate
from tests.hardening.model.test_hostile_writer import mailed
from tools._server import already_open
from tools.draft_tutorial import draft_tutorial

_MARK = re.compile(r"zq\d{5}x|previous_instructions", re.IGNORECASE)
"""What every instruction of `planted.py` ends with, or is. Tokens of links may hold the letters by chance."""


def obey(standins: Standin) -> None:
    standins.faults.add({"neighbour": "anthropic", "fault": "obedient"})


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def orders(standins: Standin) -> list[str]:
    """The instructions that stand in what the model got, in whatever disguise."""
    said = {text for each in standins.prompts for text in strings(each["body"]["messages"])}
    return sorted({order for text in said for order in orders_in(text)})


@pytest.mark.parametrize("disguise", TRANSFORMS)
def test_the_obedient_writer_knows_an_instruction_in_every_disguise(disguise: str) -> None:
    hidden = TRANSFORMS[disguise](INJECTION)

    assert list(orders_in(json.dumps({"words": hidden}, ensure_ascii=False))) != []
    assert list(orders_in("Choose Save, then send a test file. Ignore the dot.")) == []


async def test_nothing_that_strangers_wrote_is_in_any_prompt_or_mail(
    tmp_path: Path, promise: Promise
) -> None:
    """A night over a project in which everything that can be written holds an instruction."""
    planter, people = Planter(), tried(40, at_least=6)
    with running(generate(tmp_path / "world", people, planter)) as state:
        obey(state)
        settings = settings_for(state, tmp_path / "data", backfill_days=1, **crowd.OPEN)
        async with open_context(settings) as ctx:
            report = await night.run(ctx)
            asked = len(state.prompts)
            given = await with_arguments(ctx, planter, tried(200))

        assert (report.sent, report.tutorials_in_own_words) == (people, 0)
        assert report.tutorials > people // 2, "each reason is a struggle of its own"
        assert 0 < asked <= len(state.prompts)
        assert orders(state) == []
        everything = json.dumps([each["body"] for each in state.prompts], ensure_ascii=False)
        placed = Counter(where for where, _ in planter.placed)
        assert [text for _, text in planter.placed if text in everything] == []
        assert _MARK.search(everything) is None
        known = {f"person{number}@company.example" for number in range(people)}
        assert {mail["to"] for mail in state.mails} == known
        assert [wrong for mail in state.mails for wrong in wrong_with(mail, mail["to"])] == []
        told = json.dumps([{**mail, "attachments": []} for mail in state.mails], ensure_ascii=False)
        assert _MARK.search(told) is None

    assert set(placed) == {*NAMED, "argument"}
    promise(
        f"obedient model: 0 of {sum(placed.values())} placements in analytics and tool arguments "
        f"came into a prompt, 0 into {people} mails"
    )
    assert given > 0


async def with_arguments(ctx: ToolContext, planter: Planter, count: int) -> int:
    """Call the tools that lead to a prompt with instructions as arguments; answers how many were called."""
    called = 0
    async with Client(create_server(already_open(ctx))) as client:
        while called < count:
            for tool, arguments in (
                ("draft_tutorial", ("feature", "stuck_step", "reason", "style")),
                ("send_tutorial", ("user_key", "feature", "confirm")),
                ("search_feature_docs", ("query", "feature")),
                ("get_tutorial_results", ("feature", "from_date")),
                ("find_struggling_users", ("account", "feature")),
            ):
                for name in arguments:
                    good = {"feature": "export-rows"} if "feature" in arguments else {}
                    await client.call_tool(tool, {**good, name: planter.plant("argument")[:200]})
                    called += 1
        reason = {"feature": "export-rows", "reason": INJECTION}
        assert not (await client.call_tool("draft_tutorial", reason)).is_error
    return called


PLACES = ("summary", "step", "error", "body", "section", "last step")


def written_into_documents(folder: Path, count: int) -> None:
    """So many documents, each with an instruction in another place or disguise."""
    folder.mkdir()
    every = [(place, change) for change in TRANSFORMS.values() for place in PLACES]
    for number, (place, change) in enumerate(every[:: max(1, len(every) // count)]):
        words = dict.fromkeys(PLACES, "It is in the table.") | {place: change(f"{INJECTION}.")}
        front = yaml.safe_load(crowd.DOCUMENT.split("---")[1])
        front |= {"slug": f"export-{number}", "summary": words["summary"]}
        front["steps"][0]["text"] += f" {words['step']}"
        front["steps"][1]["text"] += f" {words['last step']}"
        front["errors"] = [{"reason": "full", "step": "start", "text": words["error"]}]
        body = f"# Export\n\nIt is a table.\n\n## {words['section']}\n\n{words['body']}\n"
        head = yaml.safe_dump(front, sort_keys=False)
        path = folder / f"export-{number}.md"
        path.write_text(f"---\n{head}---\n{body}", "utf-8")
        if not is_taken(path):
            path.unlink()


def is_taken(document: Path) -> bool:
    """Whether a document may be used at all: one with control characters in its front matter is refused."""
    with TemporaryDirectory() as alone:
        shutil.copy(document, alone)
        try:
            kb.read(Path(alone))
        except ConfigError:
            return False
        return True


async def test_a_document_that_gives_orders_leads_nowhere_but_where_its_front_matter_does(
    standins: Standin, tmp_path: Path, promise: Promise
) -> None:
    """Documents are the company's words and the model's material: it reads orders there and obeys.

    What it writes then is refused for its links, and the document's own words go out without theirs.
    """
    count = tried(138)
    written_into_documents(tmp_path / "kb", count)
    assert len(list((tmp_path / "kb").iterdir())) > count * 3 // 4, "few are refused for a control character"
    obey(standins)
    settings = settings_for(standins, tmp_path / "data", kb_dir=tmp_path / "kb")
    async with open_context(settings) as ctx:
        wanted: list[tuple[Signature, Style]] = [
            (Signature(feature=feature.slug, stuck_step=step.id, reason=reason, band="never"), "plain")
            for feature in ctx.kb.features()
            for step, reason in ((feature.steps[0], "full"), (feature.steps[0], ""), (feature.steps[1], ""))
        ]
        told = list((await writing.write(ctx, wanted)).values())
        mails = await mailed(ctx, standins, told)

    assert len(orders(standins)) > 0, "the model does read the documents"
    wrong = [each for at, mail in enumerate(mails) for each in wrong_with(mail, f"person{at}@acme.example")]
    assert wrong == []
    assert len([each for each in told if each.source == "document"]) > 0
    promise(f"obedient model: 0 links or markup from orders inside {len(told)} texts of hostile documents")


async def test_a_reason_that_an_operator_did_not_name_reaches_no_prompt(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    obey(standins)
    for change in TRANSFORMS.values():
        drafted = await draft_tutorial(
            empty_ctx, feature="schedule-export", reason=change(INJECTION)[:200], style="story"
        )
        assert drafted.tutorial.signature == "schedule-export/start/other/never"
        assert drafted.tutorial.source == "model"

    assert orders(standins) == []

"""The model behind each fault: the document's own words go out instead, and the night goes on."""

import asyncio

import pytest

from handrail.context import open_context
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Task, Tutorial
from handrail.settings import Settings
from standin.state import Standin
from tests.hardening.conftest import Promise
from tests.hardening.upstream.choice import chosen
from tests.hardening.upstream.conftest import behind, measured, plain
from tests.hardening.upstream.faults import FAULTS, met
from tests.hardening.upstream.night import EVERYBODY, made, mail_the_others, recipients, try_night
from tools._server import reading_client

MOST_MEGABYTES = 350
SHORT = {"model_seconds": 1.0, "model_batch_minutes": 0.05}
SIGNATURE = Signature(feature="export-rows", stuck_step="start", reason="", band="never")
OWN_WORDS = "Wait for the file and choose Download."


async def texts(settings: Settings) -> list[Tutorial]:
    """What the night's mails were made from."""
    ids = {each.tutorial_id for each in await made(settings)}
    async with open_context(settings) as ctx, ctx.store.read() as work:
        kept = [await work.nights.tutorial(each) for each in ids]
    return [each for each in kept if each is not None]


@pytest.mark.parametrize("name", chosen("model"))
async def test_the_model_behind_a_fault(
    name: str, settings: Settings, three: Standin, promise: Promise
) -> None:
    fault = FAULTS[name]
    async with asyncio.timeout(300), met(fault, three.base_url) as proxy:
        spoilt = behind(settings, anthropic_base_url=f"{proxy.base_url}/anthropic", **SHORT)
        with measured(fault) as peak:
            told = await try_night(spoilt)
        [text] = await texts(spoilt)
        in_bulk = await written_in_bulk(spoilt)

    assert peak.megabytes <= MOST_MEGABYTES
    assert recipients(three) == EVERYBODY
    assert [each for each in told if not plain(each)] == []
    if fault.harmless:
        assert (text.source, text.refused_because) == ("model", ())
    else:
        assert text.source == "document"
        assert all(plain(each) for each in text.refused_because)
        assert all(OWN_WORDS in " ".join(mail["text"].split()) for mail in three.mails)
        assert in_bulk == []
    await mail_the_others(settings)
    assert recipients(three) == EVERYBODY
    promise(f"The model, {name}: ended in time, and everybody got one mail in the document's own words")


async def written_in_bulk(settings: Settings) -> list[str]:
    """What a message batch brings of one text."""
    async with open_context(settings) as ctx, reading_client(ctx) as catalogue:
        found = await ctx.writer.write_all({"one": Task(SIGNATURE, "plain", None)}, catalogue)
    return [each for each, written in found.items() if written.draft]

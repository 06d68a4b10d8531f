"""What the writing model can read: documents, and counts by signature; nothing that tells accounts apart."""

import json

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.engine.bands import band
from standin.state import Standin
from tools._server import MODEL_READS, reading_client
from tools.get_tutorial_results import get_tutorial_results

CONNECT = "connect-data-source"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "none"), (1, "1 to 4"), (4, "1 to 4"), (5, "5 to 19"), (19, "5 to 19"), (20, "20 to 99"),
     (99, "20 to 99"), (100, "100 or more")],
)  # fmt: skip
def test_counts_are_told_as_bands(count: int, words: str) -> None:
    assert band(count) == words


async def test_everything_that_the_model_can_read_after_a_night_names_no_account_and_nobody(
    ctx: ToolContext, standins: Standin
) -> None:
    await night.run(ctx)
    read = []
    async with reading_client(ctx) as catalogue:
        assert {tool.name for tool in (await catalogue.list_tools()).tools} == MODEL_READS
        for feature in ctx.kb.features():
            for name in MODEL_READS:
                answer = await catalogue.call_tool(name, {"feature": feature.slug})
                assert not answer.is_error
                read.append(answer.model_dump_json())
        read += [(await catalogue.call_tool(name, {})).model_dump_json() for name in sorted(MODEL_READS)]
    everything = "".join(read) + json.dumps([each["body"] for each in standins.prompts])

    accounts = [
        str(value)
        for group_id, properties in standins.groups["company_id"].items()
        for value in (group_id, properties["$name"])
    ]
    people = [
        str(value)
        for distinct_id, properties in standins.profiles.items()
        for value in (distinct_id, ctx.people.key(distinct_id), properties.get("$email"))
        if value
    ]
    assert len(accounts) > 40
    assert len(people) > 1500
    assert [private for private in accounts + people if private in everything] == []


async def test_evidence_is_by_signature_and_most_people_come_first(ctx: ToolContext) -> None:
    """Seven people of Acme meet ip_not_allowed; the other kinds are one or two people each."""
    await night.run(ctx)

    found = (await get_tutorial_results(ctx, feature=CONNECT)).signatures

    first = found[0]
    assert (first.signature, first.stuck) == (f"{CONNECT}/credentials/ip_not_allowed/never", "5 to 19")
    assert {each.stuck for each in found[1:]} == {"1 to 4"}
    assert {each.signature.split("/")[0] for each in found} == {CONNECT}
    assert (first.mailed, first.completed) == (0, 0), "nobody's window is over on the first night"

"""Passages of the knowledge base."""

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from tools.search_feature_docs import search_feature_docs


async def test_words_find_the_step_that_holds_them(ctx: ToolContext) -> None:
    answer = await search_feature_docs(ctx, query="allow list addresses of the database")

    assert answer.passages[0].id in {
        "connect-data-source#credentials",
        "connect-data-source#error:ip_not_allowed",
    }


async def test_a_feature_without_words_gives_its_whole_document(ctx: ToolContext) -> None:
    answer = await search_feature_docs(ctx, feature="connect-data-source", limit=100)

    document = ctx.kb.feature("connect-data-source")
    steps = [each.step for each in answer.passages if each.kind == "step"]
    assert steps == [step.id for step in document.steps]
    assert [each.text for each in answer.passages if each.kind == "error"] == [
        e.text for e in document.errors
    ]
    assert not answer.has_more


async def test_an_unknown_feature_is_answered_with_the_known_ones(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="schedule-export"):
        await search_feature_docs(ctx, feature="teleport")


async def test_words_that_stand_nowhere_find_nothing(ctx: ToolContext) -> None:
    answer = await search_feature_docs(ctx, query="xylophone")

    assert (answer.passages, answer.has_more) == ([], False)

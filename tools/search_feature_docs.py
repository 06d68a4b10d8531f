"""Passages of the company's own feature documents."""

from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.features import Passage
from tools._answers import Answer
from tools._params import Limit, OptionalFeature
from tools._tool import tool


class FeatureDocs(Answer):
    features: list[str] = Field(description="Slugs of all documents.")
    passages: list[Passage]
    has_more: bool


@tool(title="Search feature docs", effect="read", reach="same")
async def search_feature_docs(
    ctx: ToolContext,
    query: Annotated[str, Field(description="Words to look for. Empty: all.", max_length=300)] = "",
    feature: OptionalFeature = "",
    limit: Limit = 20,
) -> FeatureDocs:
    """Find passages in the knowledge base, each with the id by which it is cited.

    Use it for "how does one connect a data source?" or to read a whole document (feature, no query).
    For who is stuck there, use find_struggling_users.
    """
    found = ctx.kb.search(query, feature=feature, limit=limit + 1)
    where = f"the document {feature}" if feature else f"{len(ctx.kb.features())} documents"
    return FeatureDocs(
        summary=f"{min(len(found), limit)} passages from {where}.",
        features=[each.slug for each in ctx.kb.features()],
        passages=found[:limit],
        has_more=len(found) > limit,
    )

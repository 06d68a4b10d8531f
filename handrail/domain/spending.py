"""Spending: what the model was asked for, and what it cost."""

from pydantic import BaseModel, ConfigDict, Field


class Usage(BaseModel):
    """Tokens of one call, or of several. Cached ones are counted apart: `input_tokens` holds none of them."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: "Usage") -> "Usage":
        mine, theirs = self.model_dump(), other.model_dump()
        return Usage(**{name: mine[name] + theirs[name] for name in mine})


class Spent(BaseModel):
    """What one UTC day's calls came to. A call without an answer counts as the most it could have cost."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    usage: Usage = Usage()
    usd: float = Field(0.0, description="In US dollars, by our price table.")

"""What a call of the model costs, by a dated table.

Source: the vendor's price page as read in October and November 2026, in US dollars per million tokens; the
prices of cache reads are third parties' figures. Cache writes are those kept for 5 minutes. In a message
batch everything is half as dear.
"""

import re
from dataclasses import dataclass
from datetime import date

from handrail.domain.spending import Usage

AS_OF = date(2026, 11, 1)
LONG_PROMPT = 100_000
"""Tokens above which some models cost more, for the whole request."""

BATCH = 0.5
LEAST_BYTES_A_TOKEN = 2
"""A prompt is taken to have one token in two bytes at most: English has one in about three."""

_PER = 1_000_000
_DATED = re.compile(r"-\d{8}$")


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cache_write: float
    cache_read: float


_OPUS_5 = Price(5, 25, 6.25, 0.50)
_FABLE = Price(10, 50, 12.50, 0.25)
PRICES = {
    "claude-haiku-5-5": Price(0.10, 0.50, 0.125, 0.01),
    "claude-sonnet-5-5": Price(2, 10, 2.50, 0.10),
    "claude-opus-5-5": Price(4, 20, 5, 0.20),
    "claude-opus-5": _OPUS_5,
    "claude-fable-5-1": _FABLE,
    "claude-mythos-5-1": _FABLE,
}
_LONG = {"claude-haiku-5-5": Price(0.50, 2.50, 0.625, 0.05)}
_DEAREST = Price(
    input=max(each.input for each in PRICES.values()),
    output=max(each.output for each in PRICES.values()),
    cache_write=max(each.cache_write for each in PRICES.values()),
    cache_read=max(each.cache_read for each in PRICES.values()),
)


def known(model: str) -> bool:
    """Whether the table has this model; one it lacks is priced as the dearest known."""
    return _DATED.sub("", model) in PRICES


def cost(model: str, usage: Usage, *, batch: bool = False) -> float:
    """In US dollars."""
    prompt = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens
    price = _price(model, prompt)
    parts = (
        usage.input_tokens * price.input
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_read_tokens * price.cache_read
        + usage.output_tokens * price.output
    )
    return parts / _PER * (BATCH if batch else 1)


def most(model: str, prompt_bytes: int, max_tokens: int, *, batch: bool = False) -> float:
    """The most that a call can cost before it is made, in US dollars."""
    tokens = prompt_bytes // LEAST_BYTES_A_TOKEN + 1
    usage = Usage(cache_write_tokens=tokens, output_tokens=max_tokens)
    return cost(model, usage, batch=batch)


def _price(model: str, prompt_tokens: int) -> Price:
    name = _DATED.sub("", model)
    table = _LONG if prompt_tokens > LONG_PROMPT and name in _LONG else PRICES
    return table.get(name, _DEAREST)

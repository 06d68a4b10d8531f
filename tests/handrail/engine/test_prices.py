"""What a call costs, against sums done by hand from the price page."""

import pytest

from handrail.domain.spending import Usage
from handrail.engine.prices import PRICES, cost, known, most

EACH = Usage(input_tokens=10_000, cache_write_tokens=20_000, cache_read_tokens=30_000, output_tokens=40_000)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        # 0.01 × 0.10 + 0.02 × 0.125 + 0.03 × 0.01 + 0.04 × 0.50
        ("claude-haiku-5-5", 0.0238),
        # 0.01 × 2 + 0.02 × 2.50 + 0.03 × 0.10 + 0.04 × 10
        ("claude-sonnet-5-5", 0.473),
        # 0.01 × 4 + 0.02 × 5 + 0.03 × 0.20 + 0.04 × 20
        ("claude-opus-5-5", 0.946),
        # 0.01 × 10 + 0.02 × 12.50 + 0.03 × 0.25 + 0.04 × 50
        ("claude-fable-5-1", 2.3575),
    ],
)
def test_tokens_cost_what_the_price_page_says(model: str, usd: float) -> None:
    assert cost(model, EACH) == pytest.approx(usd)
    assert cost(model, EACH, batch=True) == pytest.approx(usd / 2)


def test_a_dated_id_is_the_model_it_names() -> None:
    assert known("claude-haiku-5-5-20261001")
    assert cost("claude-haiku-5-5-20261001", EACH) == cost("claude-haiku-5-5", EACH)


def test_a_prompt_over_a_hundred_thousand_tokens_is_dearer_as_a_whole() -> None:
    """Cached tokens are part of the prompt: 100,001 × 0.50 and 1,000 × 2.50 a million, reads at 0.05."""
    assert cost("claude-haiku-5-5", Usage(input_tokens=100_000)) == pytest.approx(0.01)
    assert cost("claude-haiku-5-5", Usage(input_tokens=100_001, output_tokens=1000)) == pytest.approx(
        0.0525005
    )
    over = Usage(input_tokens=1, cache_read_tokens=100_000)
    assert cost("claude-haiku-5-5", over) == pytest.approx(0.0050005)


def test_a_model_without_a_price_is_the_dearest_that_has_one() -> None:
    assert not known("claude-unheard-of-9")
    assert cost("claude-unheard-of-9", EACH) >= max(cost(model, EACH) for model in PRICES)
    # 0.01 × 10 + 0.02 × 12.50 + 0.03 × 0.50 + 0.04 × 50: the dearest reads are those of another model
    assert cost("claude-unheard-of-9", EACH) == pytest.approx(2.365)


def test_the_most_that_a_call_can_cost_is_every_byte_written_to_the_cache_and_every_token_used() -> None:
    """2,000 bytes are 1,001 tokens at most: 1,001 × 0.125 + 500 × 0.50, in millionths."""
    assert most("claude-haiku-5-5", 2000, 500) == pytest.approx(0.000375125)
    assert most("claude-haiku-5-5", 2000, 500, batch=True) == pytest.approx(0.0001875625)

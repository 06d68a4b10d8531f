"""What Hypothesis makes up for a parser, how much of it, and what an error of ours looks like."""

import re

from hypothesis import settings
from hypothesis import strategies as st

from tests.hardening.counts import tried
from tests.hardening.inputs.naughty import NAUGHTY, typed

TEXT = st.text(max_size=40) | st.sampled_from([each for each in typed(NAUGHTY) if len(each) < 5000])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
BYTES = (
    st.binary(max_size=200)
    | TEXT.map(lambda text: text.encode())
    | TEXT.map(lambda text: text.encode("utf-16"))
)


def examples(full: int) -> settings:
    return settings(settings.get_profile("hardening"), max_examples=tried(full))


def said_by_us(error: Exception, *parts: str) -> None:
    """One line that names the thing, and no name of an exception."""
    text = str(error)
    assert all(part in text for part in parts), text
    assert "\n" not in text.replace("\\n", "")
    assert not re.search(r"Traceback|\w+Error\b|\w+Exception\b", text), text

"""Counts told roughly: what a model needs to know of how many there are, and no more."""

_BANDS = ((0, "none"), (4, "1 to 4"), (19, "5 to 19"), (99, "20 to 99"))


def band(count: int) -> str:
    """The band of a count, in words."""
    return next((words for most, words in _BANDS if count <= most), "100 or more")

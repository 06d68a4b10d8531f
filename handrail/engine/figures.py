"""Figures that answers have in common."""


def change(now: float, before: float) -> float | None:
    """The share gained or lost: -0.2 is a fifth less. None where there was nothing before."""
    return round((now - before) / before, 4) if before else None

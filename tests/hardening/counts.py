"""How much of an attack a run tries: a tenth in the suite, all of it with HANDRAIL_HARDENING=full."""

import os

FULL = os.environ.get("HANDRAIL_HARDENING") == "full"


def tried(full: int, *, at_least: int = 1) -> int:
    """`full` with HANDRAIL_HARDENING=full, a tenth of it in the suite, and never less than `at_least`."""
    return full if FULL else max(at_least, full // 10)

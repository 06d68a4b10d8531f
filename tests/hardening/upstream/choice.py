"""Which cases run: twelve in the suite, all 66 with HANDRAIL_HARDENING=full."""

from tests.hardening.counts import FULL
from tests.hardening.upstream.faults import FAULTS

IN_THE_SUITE = {
    "mixpanel": ("trickle", "short body", "gzip bomb", "empty", "the same page for ever"),
    "sendgrid": (
        "stall before headers",
        "reset after the request",
        "429 for ever",
        "a certificate of its own",
    ),
    "model": ("stall in the body", "wrong shape", "redirect"),
}


def chosen(neighbour: str) -> list[str]:
    return list(FAULTS) if FULL else list(IN_THE_SUITE[neighbour])

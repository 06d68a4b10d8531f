"""What is planted in the world: every struggle, and what happens to whole accounts.

Everything that is not in this table is ordinary use: ordinary people make at most three attempts at
a feature within a week, so nobody struggles by accident.

- Acme (acct_1001): since three weeks its database refuses Gridlark's addresses. Seven people are stuck
  at "credentials" of connect-data-source with `ip_not_allowed`; nearly nobody there gets through.
- Marigold Health (acct_1004) thrives: use grows week by week and almost every attempt succeeds.
- Tanager Insurance (acct_1005) fades from three weeks before the end.
- Old Mill Outfitters (acct_1015) and Copper Kite Games (acct_1022) have left; the date is `churned_on`.
- Harbor & Pine Legal (acct_1008) asked for no help mail (`handrail_opt_out`) and has clear strugglers.
- Gridlark's own staff (acct_1000) are `internal`; two of them struggle too.
- One person of Bluestem Energy struggled all week and succeeded an hour before the world's clock starts.
- Nine days before the end, two thirds of all events were lost, everywhere.
- A dozen people struggled in earlier weeks; most of them got through in the end.
- Four of those who struggle look for help after each attempt.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

Trait = Literal[
    "no_address",
    "unsubscribed",
    "no_consent",
    "private_domain",
    "address_as_id",
    "no_timezone",
]

ACME, LABS, MARIGOLD, TANAGER, HARBOR = "acct_1001", "acct_1002", "acct_1004", "acct_1005", "acct_1008"
COBALT, BLUESTEM, INTERNAL = "acct_1003", "acct_1006", "acct_1000"
CONNECT, BUILD, EXPORT, ALERTS = "connect-data-source", "build-dashboard", "schedule-export", "set-up-alerts"

DAYS = 45
BROKEN_DAYS_AGO = 9
LOST_SHARE = 2 / 3
FADES_DAYS_AGO = 21
REFUSED_DAYS_AGO = 21


@dataclass(frozen=True)
class Struggle:
    """Person number `person` of an account keeps failing at a feature.

    `step` is the index of the step that is never reached; `successes` of the attempts, early ones, succeed;
    `errors` of the others end in an error event, the rest are left without a word.
    """

    account: str
    person: int
    feature: str
    step: int
    reason: str | None
    attempts: int
    errors: int
    successes: int = 0
    rage: int = 0
    dead: int = 0
    traits: tuple[Trait, ...] = ()
    reads_help: bool = False
    """After each attempt this person looks for help."""


STRUGGLES = (
    Struggle(ACME, 1, CONNECT, 2, "ip_not_allowed", 9, 8, rage=4, dead=1),
    Struggle(ACME, 2, CONNECT, 2, "ip_not_allowed", 7, 6, rage=2),
    Struggle(ACME, 3, CONNECT, 2, "ip_not_allowed", 6, 6, rage=1, dead=2),
    Struggle(ACME, 4, CONNECT, 2, "ip_not_allowed", 6, 4),
    Struggle(ACME, 5, CONNECT, 2, "ip_not_allowed", 5, 5, rage=2, traits=("no_timezone",)),
    Struggle(ACME, 6, CONNECT, 2, "ip_not_allowed", 5, 4, traits=("no_consent",)),
    Struggle(ACME, 7, CONNECT, 2, "ip_not_allowed", 4, 4, dead=1),
    Struggle(COBALT, 1, CONNECT, 2, "wrong_password", 8, 6, rage=3, dead=1, reads_help=True),
    Struggle(MARIGOLD, 1, CONNECT, 2, "ssl_required", 5, 4, successes=1, rage=1),
    Struggle(TANAGER, 1, CONNECT, 3, "no_tables", 6, 5, traits=("address_as_id",)),
    Struggle("acct_1010", 1, CONNECT, 2, "wrong_password", 4, 2, traits=("private_domain",)),
    Struggle("acct_1017", 1, CONNECT, 2, "ssl_required", 5, 3, rage=1),
    Struggle(INTERNAL, 1, CONNECT, 2, "wrong_password", 6, 5, rage=1),
    Struggle(HARBOR, 1, BUILD, 1, "no_rows", 9, 7, rage=5, dead=2),
    Struggle(HARBOR, 2, BUILD, 2, "query_timeout", 7, 6, rage=2),
    Struggle(HARBOR, 3, BUILD, 1, "no_rows", 6, 5, dead=1),
    Struggle(COBALT, 2, BUILD, 1, "no_rows", 8, 6, rage=2),
    Struggle(COBALT, 3, BUILD, 2, "query_timeout", 6, 5, successes=1, rage=1),
    Struggle(BLUESTEM, 1, BUILD, 3, "publish_denied", 5, 5),
    Struggle("acct_1007", 1, BUILD, 2, None, 6, 0, rage=4, dead=2, reads_help=True),
    Struggle("acct_1009", 1, BUILD, 1, "no_rows", 5, 3, traits=("no_address",)),
    Struggle("acct_1012", 1, BUILD, 3, "publish_denied", 5, 2, successes=2),
    Struggle("acct_1014", 1, BUILD, 2, "query_timeout", 7, 4, rage=2, dead=1),
    Struggle(INTERNAL, 2, BUILD, 1, "no_rows", 5, 4),
    Struggle(COBALT, 4, EXPORT, 2, "folder_not_found", 7, 6, rage=2, dead=2),
    Struggle(COBALT, 5, EXPORT, 2, "key_rejected", 6, 5),
    Struggle(TANAGER, 2, EXPORT, 2, "key_rejected", 8, 7, rage=3, reads_help=True),
    Struggle(BLUESTEM, 2, EXPORT, 2, "folder_not_found", 5, 4, traits=("unsubscribed",)),
    Struggle("acct_1007", 2, EXPORT, 1, "too_many_rows", 6, 4, rage=1),
    Struggle("acct_1009", 2, EXPORT, 3, "start_in_past", 4, 3),
    Struggle("acct_1011", 1, EXPORT, 2, None, 5, 0, rage=3, dead=1),
    Struggle("acct_1013", 1, EXPORT, 2, "folder_not_found", 5, 5, traits=("no_consent",)),
    Struggle(MARIGOLD, 2, EXPORT, 2, "key_rejected", 5, 2, successes=2),
    Struggle(LABS, 1, ALERTS, 2, "threshold_never_met", 6, 5, rage=1, reads_help=True),
    Struggle(COBALT, 6, ALERTS, 2, "threshold_never_met", 7, 6, rage=2, dead=1),
    Struggle(COBALT, 1, ALERTS, 3, "channel_missing", 5, 4),
    Struggle(TANAGER, 3, ALERTS, 3, "channel_missing", 6, 4, traits=("no_address",)),
    Struggle(BLUESTEM, 3, ALERTS, 1, "metric_not_live", 5, 3, rage=1),
    Struggle("acct_1010", 2, ALERTS, 2, None, 4, 0, rage=2),
    Struggle("acct_1016", 1, ALERTS, 2, "threshold_never_met", 5, 4, traits=("private_domain",)),
    Struggle("acct_1019", 1, ALERTS, 2, "threshold_never_met", 4, 2, traits=("no_timezone",)),
)

LATE_SUCCESS = Struggle(BLUESTEM, 4, EXPORT, 2, "folder_not_found", 8, 7, rage=3, dead=1)
"""Tried until the evening of the last day; then succeeded one hour before the world's clock starts."""

PAST_STRUGGLES = tuple(
    (Struggle(account, person, feature, step, reason, attempts, attempts - 1, rage=1), days_ago, recovered)
    for account, person, feature, step, reason, attempts, days_ago, recovered in (
        (COBALT, 20, CONNECT, 2, "wrong_password", 6, 32, True),
        (COBALT, 21, BUILD, 1, "no_rows", 5, 30, True),
        (COBALT, 22, EXPORT, 2, "key_rejected", 6, 26, False),
        (MARIGOLD, 20, ALERTS, 2, "threshold_never_met", 5, 33, True),
        (MARIGOLD, 21, BUILD, 2, "query_timeout", 7, 24, True),
        (TANAGER, 20, EXPORT, 2, "folder_not_found", 5, 29, False),
        (TANAGER, 21, CONNECT, 3, "no_tables", 6, 25, False),
        (BLUESTEM, 20, BUILD, 3, "publish_denied", 5, 31, True),
        ("acct_1015", 5, CONNECT, 2, "ssl_required", 8, 27, False),
        ("acct_1015", 6, CONNECT, 2, "ssl_required", 6, 26, False),
        ("acct_1022", 2, EXPORT, 2, "key_rejected", 7, 30, False),
        (ACME, 20, ALERTS, 3, "channel_missing", 5, 28, True),
    )
)
"""Struggles of earlier weeks: the struggle, the days before the last day it ended, whether it ended well."""

CONSULTANTS = (
    (COBALT, 5, "acct_1016"),
    (COBALT, 30, "acct_1012"),
    (MARIGOLD, 30, "acct_1023"),
    (BLUESTEM, 30, "acct_1014"),
)
"""People who work for two accounts: their events carry a list of both."""

SIGNED_UP_LATELY_EVERY = 9
"""Every ninth person of an account that still grows joined within the world's days."""


def person_id(account: str, person: int) -> str:
    """The distinct_id of a planted person, unless it is their address."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://gridlark.example/people/{account}/{person}"))

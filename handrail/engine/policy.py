"""The sending rules as a pure function: every door asks it, first hit wins."""

from dataclasses import dataclass
from typing import Literal

from handrail.domain.deliveries import Reason


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the policy may know of one mail, seconds before it would leave."""

    paused: bool
    mode: Literal["off", "review", "auto"]
    restored: bool
    """The tables are those of a backup, and what was sent and said since is not in them yet."""
    braked: bool
    sender_down: bool
    data_problem: bool
    """The night's data on this feature is not to be trusted."""
    consent_refused: bool
    suppressed: bool
    unsubscribed: bool
    account_opted_out: bool
    internal_address: bool
    domain_mismatch: bool
    already_sent: bool
    mailed_within_cooldown: bool
    account_mails_this_week: int
    account_active_users: int
    run_mails: int
    succeeded_since: bool
    checked: bool
    held_out: bool
    in_send_hours: bool
    has_document: bool
    grounded: bool
    approved: bool
    """A person said yes to this very text."""
    has_address: bool


@dataclass(frozen=True)
class Limits:
    """`account_cap` is a share of an account's active users a week; at least one mail is always allowed."""

    account_cap: float = 0.10
    run_cap: int = 500


@dataclass(frozen=True)
class Send:
    """Nothing stands against it."""


@dataclass(frozen=True)
class Withhold:
    reason: Reason


def decide(facts: Facts, limits: Limits) -> Send | Withhold:
    """The first rule that stands against the mail, in the order of the sending rules."""
    cap = weekly_cap(facts.account_active_users, limits.account_cap)
    rules = (
        (facts.paused, Reason.PAUSED),
        (facts.mode == "off", Reason.MODE_OFF),
        (facts.restored, Reason.RESTORED),
        (facts.braked, Reason.BRAKED),
        (facts.sender_down, Reason.SENDER_DOWN),
        (facts.data_problem, Reason.DATA_PROBLEM),
        (facts.consent_refused, Reason.NO_CONSENT_BASIS),
        (facts.suppressed, Reason.SUPPRESSED),
        (facts.unsubscribed, Reason.UNSUBSCRIBED),
        (facts.account_opted_out, Reason.ACCOUNT_OPTED_OUT),
        (facts.internal_address, Reason.INTERNAL_ADDRESS),
        (facts.domain_mismatch, Reason.DOMAIN_MISMATCH),
        (facts.already_sent, Reason.ALREADY_SENT),
        (facts.mailed_within_cooldown, Reason.COOLDOWN),
        (facts.account_mails_this_week >= cap, Reason.ACCOUNT_CAP),
        (facts.run_mails >= limits.run_cap, Reason.RUN_CAP),
        (facts.succeeded_since, Reason.ALREADY_SUCCEEDED),
        (not facts.checked, Reason.NOT_CHECKED),
        (facts.held_out, Reason.HOLDOUT),
        (not facts.in_send_hours, Reason.QUIET_HOURS),
        (not facts.has_document, Reason.NO_DOCUMENT),
        (not facts.grounded, Reason.NOT_GROUNDED),
        (facts.mode == "review" and not facts.approved, Reason.NEEDS_APPROVAL),
        (not facts.has_address, Reason.NO_ADDRESS),
    )
    hit = next((reason for stands, reason in rules if stands), None)
    return Send() if hit is None else Withhold(hit)


def weekly_cap(active_users: int, share: float) -> int:
    """Mails an account of so many active users may get in seven days; at least one."""
    # Rounded first: 100 * 0.29 is 28.999…, and the cap of it is 29.
    return max(1, int(round(active_users * share, 6)))

"""The sending rules in words: every reason in the order in which it is asked, with the limit in force."""

from collections.abc import Callable

from handrail.domain.deliveries import Reason
from handrail.flows.deliver import reason_words
from handrail.settings import SendMode, Settings


def sending_rules(settings: Settings) -> str:
    """Markdown of the policy as this installation runs it."""
    lines = [
        "# When a mail is not sent",
        "",
        f"Sending mode: {settings.send_mode.value}. {_MODES[settings.send_mode]}",
        "Every door asks these rules in this order, seconds before a mail would leave; the first that stands "
        "against it is the reason that is kept.",
        "",
    ]
    for number, reason in enumerate(Reason, 1):
        limit = _LIMITS[reason](settings) if reason in _LIMITS else ""
        lines.append(f"{number}. `{reason.value}`: {reason_words(reason)}{f' ({limit})' if limit else ''}.")
    return "\n".join(lines)


_MODES = {
    SendMode.OFF: "Nobody is mailed.",
    SendMode.REVIEW: "Nothing leaves before a person said yes to its text.",
    SendMode.AUTO: "Checked tutorials are mailed under these rules.",
}


def _send_hours(settings: Settings) -> str:
    if settings.send_hours is None:
        return "off: mails leave at any time"
    opens, closes = settings.send_hours
    return f"weekdays, {opens:%H:%M} to {closes:%H:%M} in the person's own zone"


def _share(of: float) -> str:
    """As it was set: half a percent is not none."""
    return f"{100 * of:g}%"


_LIMITS: dict[Reason, Callable[[Settings], str]] = {
    Reason.DOMAIN_MISMATCH: lambda s: "asked" if s.require_account_domain else "off",
    Reason.COOLDOWN: lambda s: (
        f"one mail a person in {s.cooldown_days} days, the same feature not within {s.feature_cooldown_days}"
    ),
    Reason.ACCOUNT_CAP: lambda s: f"{_share(s.account_cap)} of its active users in 7 days, at least one mail",
    Reason.RUN_CAP: lambda s: f"{s.run_cap} mails",
    Reason.HOLDOUT: lambda s: (
        f"{_share(s.holdout)} of people, once a feature has volume" if s.holdout else "off"
    ),
    Reason.QUIET_HOURS: _send_hours,
    Reason.NEEDS_APPROVAL: lambda s: "asked in the mode review only",
}

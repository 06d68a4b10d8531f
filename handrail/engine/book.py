"""The book of accounts: which of them a question is about, in which order, and what sets them apart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

from handrail.domain.accounts import Account
from handrail.domain.health import Adoption, Facts, Glance, Health
from handrail.domain.metrics import Totals
from handrail.engine import names

Sort = Literal["name", "users", "events", "decline", "engagement", "breadth", "key_person", "quiet_users"]
Only = Literal[
    "all", "declined", "narrow", "key_person", "quiet_users", "onboarding",
    "uses_feature", "never_tried", "healthy", "watch", "at_risk",
]  # fmt: skip

THRESHOLDS: Mapping[str, int] = {
    "declined": 20,
    "narrow": 2,
    "key_person": 80,
    "quiet_users": 1,
    "onboarding": 90,
}
"""Percent, features, percent, users, days: what is meant where the question gives no number."""

SURE_DAYS = 7
"""An account first seen within so many days after figures begin may be older: nobody calls it new."""

ADOPTED = ("adopted", "habitual")


class Entry(NamedTuple):
    """One account of the book, with what is known of it."""

    account: Account
    now: Totals | None
    change: float | None
    """Of events, against the period before; None without events then."""
    health: Glance | Health | None

    @property
    def facts(self) -> Facts | None:
        return self.health.facts if self.health else None

    @property
    def engagement(self) -> float | None:
        return self.health.score.value if self.health else None

    @property
    def band(self) -> str:
        return (self.health.score.band or "") if self.health else ""

    @property
    def quiet_users(self) -> int | None:
        return self.facts.people.quiet if self.facts and self.facts.people else None

    @property
    def struggling(self) -> int | None:
        """People who struggled in the 7 days to the score's day; None where no night looked."""
        return self.facts.people.struggling if self.facts and self.facts.people else None

    @property
    def key_person_share(self) -> float | None:
        return self.facts.key_person_share if self.facts else None

    def adoption(self, feature: str) -> Adoption | None:
        known = self.facts.adoption if self.facts else ()
        return next((each for each in known if each.feature == feature), None)


class Gap(NamedTuple):
    """How many accounts of two bands have adopted a feature."""

    feature: str
    healthy_adopted: int
    healthy: int
    at_risk_adopted: int
    at_risk: int

    @property
    def gap(self) -> float | None:
        """Share of the healthy less share of those at risk; None where one of the bands is empty."""
        if not self.healthy or not self.at_risk:
            return None
        return self.healthy_adopted / self.healthy - self.at_risk_adopted / self.at_risk


def matching(book: Sequence[Entry], query: str) -> list[Entry]:
    """Those with the words in name, domain or id, in the book's order; if none has, those named like it."""
    wanted = query.strip().casefold()
    if not wanted:
        return list(book)
    inside = [each for each in book if wanted in _searched(each.account)]
    if inside:
        return inside
    near = names.match(query, [each.account for each in book])
    meant = {each.id for each in ([near] if isinstance(near, Account) else near)}
    return [each for each in book if each.account.id in meant]


def _searched(account: Account) -> str:
    return f"{account.name}\n{account.domain}\n{account.mixpanel_id}\n{account.id}".casefold()


def chosen(
    book: Iterable[Entry], only: Only, threshold: int, *, feature: str = "", first_day: date | None = None
) -> list[Entry]:
    """The accounts that the question is about. What is not known of an account never chooses it."""
    if only == "all":
        return list(book)
    least = threshold or THRESHOLDS.get(only, 0)
    fits: dict[str, Callable[[Entry], bool]] = {
        "declined": lambda each: each.change is not None and each.change <= -least / 100,
        "narrow": lambda each: each.facts is not None and 1 <= each.facts.features_used <= least,
        "key_person": lambda each: (each.key_person_share or 0.0) >= least / 100,
        "quiet_users": lambda each: (each.quiet_users or 0) >= least,
        "onboarding": lambda each: _is_new(each.facts, least, first_day),
        "uses_feature": lambda each: _uses(each.adoption(feature)),
        "never_tried": lambda each: _never_tried(each.adoption(feature)),
    }
    return [each for each in book if (fits[only](each) if only in fits else each.band == only)]


def _uses(adoption: Adoption | None) -> bool:
    return adoption is not None and bool(adoption.attempts or adoption.successes)


def _never_tried(adoption: Adoption | None) -> bool:
    return adoption is not None and adoption.state == "never"


def _is_new(facts: Facts | None, most: int, first_day: date | None) -> bool:
    if facts is None or first_day is None:
        return False
    known = (facts.as_of - first_day).days + 1
    return facts.history_days <= min(most, known - SURE_DAYS)


def ordered(book: Iterable[Entry], sort_by: Sort) -> list[Entry]:
    """Worst first where a figure is a risk, largest first where it is not; unknown last, then by name."""
    keys: dict[str, Callable[[Entry], float | None]] = {
        "name": lambda each: 0.0,
        "users": lambda each: -each.now.unique_users if each.now else None,
        "events": lambda each: -each.now.total_events if each.now else None,
        "decline": lambda each: each.change,
        "engagement": lambda each: each.engagement,
        "breadth": lambda each: each.facts.features_used if each.facts else None,
        "key_person": lambda each: _less(each.key_person_share),
        "quiet_users": lambda each: _less(each.quiet_users),
    }
    key = keys[sort_by]

    def place(each: Entry) -> tuple[bool, float, str]:
        figure = key(each)
        return figure is None, figure or 0.0, each.account.name.casefold()

    return sorted(book, key=place)


def _less(figure: float | None) -> float | None:
    return None if figure is None else -figure


def gaps(book: Sequence[Entry]) -> list[Gap]:
    """For each feature that is monitored, by the largest gap."""
    bands: dict[str, list[Entry]] = {"healthy": [], "at_risk": []}
    for each in book:
        if each.band in bands:
            bands[each.band].append(each)
    features = dict.fromkeys(one.feature for each in book if each.facts for one in each.facts.adoption)
    found = [
        Gap(
            feature,
            _adopted(bands["healthy"], feature),
            len(bands["healthy"]),
            _adopted(bands["at_risk"], feature),
            len(bands["at_risk"]),
        )
        for feature in features
    ]
    return sorted(found, key=lambda each: (-(each.gap or 0.0), each.feature))


def _adopted(book: Iterable[Entry], feature: str) -> int:
    found = (each.adoption(feature) for each in book)
    return sum(one is not None and one.state in ADOPTED for one in found)

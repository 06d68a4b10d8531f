"""What is true of a room's world, counted by the oracles, which share no code with the product."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests import oracle, oracle_users
from tests.oracle_tables import Marks

Answer = str | int | float | bool | list[int] | None
_TRUTHS: dict[str, Callable[..., Answer]] = {}
_FIRST_DAYS: dict[str, Callable[[date], date]] = {
    "last_7_days": lambda last: last - timedelta(days=6),
    "last_30_days": lambda last: last - timedelta(days=29),
    "this_month": lambda last: last.replace(day=1),
}


class Truth:
    """The truths of one world folder at one instant; `mails` counts what the mail service took."""

    def __init__(
        self, folder: Path, kb: Path, now: datetime, secret: bytes, mails: Callable[[], int]
    ) -> None:
        self.folder, self.kb, self.secret, self.mails = folder, kb, secret, mails
        project = json.loads((folder / "project.json").read_text("utf-8"))
        self.last = now.astimezone(ZoneInfo(project["timezone"])).date() - timedelta(days=1)
        self._counted = cache(lambda first, last: oracle.count(folder, first, last))
        self._struggling = cache(lambda: oracle.struggling(folder, self.last, kb))
        self._users = cache(lambda: oracle_users.count(folder, self.last, ["plan", "role"]))

    def tell(self, value: Any) -> list[Any]:
        """The values that a case's value stands for; a mapping names one truth and its arguments."""
        if not isinstance(value, dict):
            return [value]
        [(name, arguments)] = value.items()
        answer = _TRUTHS[name](self, **arguments)
        return answer if isinstance(answer, list) else [answer]

    def all_of(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            yield from self.tell(value)

    def account(self, name: str) -> str:
        """An account's Mixpanel id."""
        lines = (self.folder / "groups.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        return next(str(row["$group_id"]) for row in rows if row["$properties"]["$name"] == name)

    def period(self, period: str) -> tuple[date, date]:
        return _FIRST_DAYS[period](self.last), self.last

    def counted(self, first: date, last: date) -> dict[str, Any]:
        found: dict[str, Any] = self._counted(first, last)
        return found

    def figures(self, account: str, period: str) -> dict[str, Any]:
        """The oracle's figures of an account; empty if it had no event."""
        found: dict[str, Any] = self.counted(*self.period(period))["accounts"].get(self.account(account), {})
        return found

    def funnel(self, account: str, funnel: str, period: str) -> dict[str, Any]:
        funnels = self.counted(*self.period(period))["funnels"]
        found: dict[str, Any] = next(each for each in funnels if each["name"] == funnel)["accounts"][
            self.account(account)
        ]
        return found

    def struggling(self, account: str = "", feature: str = "") -> list[dict[str, Any]]:
        """The oracle's rows, those with the most attempts first."""
        known = self.account(account) if account else ""
        return [
            row
            for slug, rows in self._struggling()["features"].items()
            for row in rows
            if feature in ("", slug) and (not known or known in row["accounts"])
        ]

    def users(self, account: str) -> dict[str, Any]:
        found: dict[str, Any] = self._users()[self.account(account)]
        return found


def names() -> set[str]:
    """All truths that a case may name."""
    return set(_TRUTHS)


def arguments_of(name: str) -> set[str]:
    """What a truth takes."""
    return set(inspect.signature(_TRUTHS[name]).parameters) - {"truth"}


def _truth(function: Callable[..., Answer]) -> Callable[..., Answer]:
    _TRUTHS[function.__name__] = function
    return function


@_truth
def events(truth: Truth, account: str, period: str = "last_30_days") -> Answer:
    return int(truth.figures(account, period)["period"]["total_events"])


@_truth
def users(truth: Truth, account: str, period: str = "last_30_days") -> Answer:
    return int(truth.figures(account, period)["period"]["unique_users"])


@_truth
def sessions(truth: Truth, account: str, period: str = "last_30_days") -> Answer:
    return int(truth.figures(account, period)["period"]["sessions"])


@_truth
def top_event(truth: Truth, account: str, period: str = "last_30_days") -> Answer:
    return str(truth.figures(account, period)["top_events"][0][0])


@_truth
def top_event_total(truth: Truth, account: str, period: str = "last_30_days") -> Answer:
    return int(truth.figures(account, period)["top_events"][0][1])


@_truth
def change_of_events(truth: Truth, account: str, period: str = "last_7_days") -> Answer:
    """Against as many days before, -0.2 is a fifth less."""
    first, last = truth.period(period)
    before = truth.counted(first - (last - first) - timedelta(days=1), first - timedelta(days=1))
    then = int(before["accounts"][truth.account(account)]["period"]["total_events"])
    return int(truth.figures(account, period)["period"]["total_events"]) / then - 1


@_truth
def accounts(truth: Truth) -> Answer:
    return len((truth.folder / "groups.jsonl").read_text("utf-8").splitlines())


@_truth
def funnel_users(truth: Truth, account: str, funnel: str, period: str = "last_30_days") -> Answer:
    """Users at each step."""
    return list(truth.funnel(account, funnel, period)["users"])


@_truth
def conversion(truth: Truth, account: str, funnel: str, period: str = "last_30_days") -> Answer:
    return float(truth.funnel(account, funnel, period)["conversion"])


@_truth
def bottleneck(truth: Truth, account: str, funnel: str, period: str = "last_30_days") -> Answer:
    """The event of the step that loses most users."""
    return str(truth.funnel(account, funnel, period)["bottleneck"]["event"])


@_truth
def fleet_median(truth: Truth, funnel: str, period: str = "last_30_days") -> Answer:
    """Over accounts with five entrants or more."""
    funnels = truth.counted(*truth.period(period))["funnels"]
    found = next(each for each in funnels if each["name"] == funnel)
    return float(found["median_conversion_over_accounts"]["at_least_5_entrants"])


@_truth
def strugglers(truth: Truth, account: str = "", feature: str = "") -> Answer:
    """People and features."""
    return len(truth.struggling(account, feature))


@_truth
def people_struggling(truth: Truth) -> Answer:
    """People, however many features they struggle with."""
    return len({row["distinct_id"] for row in truth.struggling()})


@_truth
def worst_attempts(truth: Truth, account: str = "", feature: str = "") -> Answer:
    """The attempts of who tried most."""
    return max(int(row["attempts"]) for row in truth.struggling(account, feature))


@_truth
def user_key(truth: Truth, account: str, feature: str, place: int = 0) -> Answer:
    """The key of the person at this place among those who struggle there."""
    return Marks(truth.secret).key(truth.struggling(account, feature)[place]["distinct_id"])


@_truth
def known_users(truth: Truth, account: str) -> Answer:
    return int(truth.users(account)["users"])


@_truth
def quiet_users(truth: Truth, account: str) -> Answer:
    """Users with activity before, none within 14 days."""
    return int(truth.users(account)["quiet_14_days"])


@_truth
def segment_users(truth: Truth, account: str, name: str, value: str) -> Answer:
    groups, _ = truth.users(account)["groups"][name]
    return int(groups[value])


@_truth
def mails(truth: Truth) -> Answer:
    """What the mail service took."""
    return truth.mails()

"""What people do: days, sessions, ordinary attempts at features, and the planted struggles."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from standin.acme import stories
from standin.acme.people import PLANTED, Person
from standin.acme.product import BY_SLUG, EVERYDAY, FEATURES, PAGES, QUERIES, Feature
from standin.acme.stories import Struggle

EVERYDAY_NAMES = [name for name, _ in EVERYDAY]
EVERYDAY_WEIGHTS = [weight for _, weight in EVERYDAY]


@dataclass(frozen=True)
class Draft:
    """An event as the app would send it, before Mixpanel adds what it knows."""

    time: int
    event: str
    person: Person
    page: str
    properties: dict[str, Any] = field(default_factory=dict)
    signed_in: bool = True


class Diary:
    """Writes one person's events, keeping the time as it goes."""

    def __init__(self, person: Person, rng: random.Random) -> None:
        self.person = person
        self.rng = rng
        self.now = 0
        self.drafts: list[Draft] = []

    def start(self, day: date, hour: float) -> None:
        local = datetime.combine(day, time(), tzinfo=self.person.zone) + timedelta(hours=hour)
        self.now = int(local.timestamp())

    def write(self, event: str, page: str, properties: dict[str, Any] | None = None) -> None:
        self.drafts.append(Draft(self.now, event, self.person, page, properties or {}))

    def write_anonymous(self, event: str, page: str, properties: dict[str, Any]) -> None:
        self.drafts.append(Draft(self.now, event, self.person, page, properties, signed_in=False))

    def wait(self, least: int, most: int) -> None:
        self.now += self.rng.randint(least, most)


def ordinary(person: Person, days: list[date], rng: random.Random) -> list[Draft]:
    """A person's everyday use over the world's days."""
    diary = Diary(person, rng)
    tries: dict[str, list[date]] = {}
    last_day = days[-1]
    for day in days:
        if person.joined and day < person.joined:
            continue
        if day == person.joined:
            _sign_up(diary, day)
        elif rng.random() < _presence(person, day, last_day):
            _day(diary, day, last_day, tries)
    return diary.drafts


def _presence(person: Person, day: date, last_day: date) -> float:
    ago = (last_day - day).days
    share = person.keenness * (0.07 if day.weekday() >= 5 else 1.0)
    account = person.account
    if account.id == stories.MARIGOLD:
        share *= 0.5 + 0.7 * (stories.DAYS - ago) / stories.DAYS
    if account.id == stories.TANAGER and ago < stories.FADES_DAYS_AGO:
        share *= 0.2 + 0.8 * ago / stories.FADES_DAYS_AGO
    churned = account.extra.get("churned_days_ago")
    if churned is not None:
        share *= 0.0 if ago <= churned else min(1.0, (ago - churned) / 14)
    return share


def _sign_up(diary: Diary, day: date) -> None:
    diary.start(day, diary.rng.uniform(9, 15))
    diary.write_anonymous("$mp_web_page_view", "/pricing", page_view("/pricing"))
    diary.wait(40, 300)
    diary.write("Signed Up", "/signup", {"method": diary.rng.choice(("password", "sso"))})
    diary.write(
        "$identify", "/signup", {"$anon_id": diary.person.device_id, "$identified_id": diary.person.id}
    )
    diary.wait(60, 500)
    diary.write("Workspace Joined", "/home")
    for _ in range(diary.rng.randint(2, 6)):
        diary.wait(20, 300)
        everyday(diary)


def _day(diary: Diary, day: date, last_day: date, tries: dict[str, list[date]]) -> None:
    rng = diary.rng
    diary.start(day, rng.triangular(7.2, 18.5, 9.5))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        if rng.random() < 0.4:
            diary.write("Signed In", "/home", {"method": rng.choice(("password", "sso", "sso"))})
        for _ in range(rng.randint(2, 7)):
            diary.wait(15, 420)
            everyday(diary)
        if rng.random() < 0.3:
            feature = rng.choices(FEATURES, (3, 5, 3, 4))[0]
            if _may_try(diary.person, feature, day, last_day, tries):
                diary.wait(20, 200)
                _try(diary, feature, day, last_day, tries)
        diary.wait(2000, 9000)


def _may_try(
    person: Person, feature: Feature, day: date, last_day: date, tries: dict[str, list[date]]
) -> bool:
    """Ordinary people stay below the threshold, and planted ones leave their stories alone."""
    if (person.account.id, person.number) in PLANTED:
        return False
    before = tries.setdefault(feature.slug, [])
    return sum(1 for other in before if (day - other).days < 8) < 3


def _try(diary: Diary, feature: Feature, day: date, last_day: date, tries: dict[str, list[date]]) -> None:
    rng = diary.rng
    tries[feature.slug].append(day)
    refused = (
        diary.person.account.id == stories.ACME
        and feature.slug == stories.CONNECT
        and (last_day - day).days < stories.REFUSED_DAYS_AGO
    )
    keeps_going = 0.97 if diary.person.account.id == stories.MARIGOLD else 0.9
    stopped = next((step for step in (1, 2, 3) if rng.random() > keeps_going), None)
    if refused and stopped != 1 and rng.random() < 0.85:
        attempt(diary, feature, 2, "ip_not_allowed")
    elif stopped is None:
        attempt(diary, feature, None, None)
    else:
        reasons = feature.reasons_at(stopped) if rng.random() < 0.6 else []
        attempt(diary, feature, stopped, rng.choice(reasons) if reasons else None)
        if rng.random() < 0.06:
            click(diary, "$mp_rage_click", feature.page, feature.button)


def attempt(diary: Diary, feature: Feature, stopped: int | None, reason: str | None) -> None:
    """One attempt: up to the step that is not reached, with the error event if there is a reason."""
    for event in feature.steps[: stopped if stopped is not None else len(feature.steps)]:
        diary.write(event, feature.page, {"feature": feature.slug})
        diary.wait(8, 140)
    if reason is not None:
        diary.write(feature.error, feature.page, {"feature": feature.slug, "reason": reason})
        diary.wait(5, 60)


def struggle(planted: Struggle, person: Person, ends: date, span: int, rng: random.Random) -> list[Draft]:
    """The attempts of a planted struggle, spread over the `span` days that end with `ends`."""
    diary = Diary(person, rng)
    feature = BY_SLUG[planted.feature]
    outcomes: list[str] = ["error"] * planted.errors
    outcomes += ["silence"] * (planted.attempts - planted.errors - planted.successes)
    rng.shuffle(outcomes)
    outcomes = ["success"] * planted.successes + outcomes
    clicks = [("$mp_rage_click", index % len(outcomes)) for index in range(planted.rage)]
    clicks += [("$mp_dead_click", (index + 1) % len(outcomes)) for index in range(planted.dead)]
    slots = [index * span // len(outcomes) for index in range(len(outcomes))]
    slots[-1] = span - 1
    for index, outcome in enumerate(outcomes):
        if index == 0 or slots[index] != slots[index - 1]:
            hour = rng.uniform(9.2, 11)
            diary.start(ends - timedelta(days=span - 1 - slots[index]), hour)
            diary.write("Signed In", "/home", {"method": "sso"})
            diary.wait(30, 200)
        if outcome == "success":
            attempt(diary, feature, None, None)
        else:
            attempt(diary, feature, planted.step, planted.reason if outcome == "error" else None)
        for name, at in clicks:
            if at == index:
                diary.wait(2, 20)
                click(diary, name, feature.page, feature.button)
        diary.wait(60, 1500)
        everyday(diary)
        if planted.reads_help:
            article = {"article": feature.slug}
            diary.drafts[-1] = replace(
                diary.drafts[-1], event="Help Article Viewed", page="/help", properties=article
            )
        diary.wait(60, 1500)
    return diary.drafts


def succeed(person: Person, feature: Feature, at: int, rng: random.Random) -> list[Draft]:
    """One attempt that ends with the success event exactly at `at`."""
    diary = Diary(person, rng)
    diary.now = at - 60 * len(feature.steps)
    for event in feature.steps:
        diary.now += 60
        diary.write(event, feature.page, {"feature": feature.slug})
    return diary.drafts


def shared_links(people: list[Person], days: list[date], rng: random.Random) -> Iterator[Draft]:
    """Views of published dashboards: the account is known, the visitor is not."""
    staying = [person for person in people if "churned_days_ago" not in person.account.extra]
    for day in days:
        if day.weekday() < 5:
            diary = Diary(rng.choice(staying), rng)
            diary.start(day, rng.uniform(9, 17))
            diary.write_anonymous("Shared Link Viewed", "/shared", {"anonymous": True})
            yield from diary.drafts


def everyday(diary: Diary) -> None:
    """One of the things people do between features."""
    rng = diary.rng
    name = rng.choices(EVERYDAY_NAMES, EVERYDAY_WEIGHTS)[0]
    page = rng.choice(PAGES)
    if name == "$mp_web_page_view":
        diary.write(name, page, page_view(page))
    elif name == "$mp_click":
        click(diary, name, page, "menu")
    elif name == "Search Performed":
        diary.write(name, page, {"query": rng.choice(QUERIES)})
    elif name == "Help Article Viewed":
        diary.write(name, "/help", {"article": rng.choice(FEATURES).slug})
    else:
        diary.write(name, page)


def page_view(page: str) -> dict[str, Any]:
    return {
        "current_domain": "app.gridlark.example",
        "current_page_title": "Gridlark",
        "current_url_path": page,
        "current_url_protocol": "https:",
        "current_url_search": "",
    }


def click(diary: Diary, name: str, page: str, element: str) -> None:
    diary.write(
        name,
        page,
        {
            "$mp_autocapture": True,
            "$event_type": "click",
            "$host": "app.gridlark.example",
            "$pathname": page,
            "$el_id": element,
            "$el_tag_name": "BUTTON" if element != "menu" else "A",
            "$clientX": diary.rng.randint(40, 1100),
            "$clientY": diary.rng.randint(40, 680),
        },
    )

"""The people of the world: names, places, devices, addresses and what they agreed to."""

import random
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from standin.acme import stories
from standin.acme.accounts import ACCOUNTS, Account


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    """
    Ada Amara Anselm Aoife Bastien Beatriz Bram Carys Caspar Chiara Corin Dagny Delphine Dorian Edda
    Eamon Elif Emeka Esme Farid Fenna Florian Gideon Greta Hanna Hector Ines Ingrid Isolde Ivo Jamila
    Jonas Juno Kaito Kamala Keira Lars Leocadia Linnea Lorcan Magnus Mairi Malik Marta Mei Milo Nadia
    Nilufar Noor Odile Orla Oskar Paloma Pascal Priya Quentin Ramona Rhea Rory Sabine Saoirse Silvan
    Soraya Tamsin Teodor Thandi Ulla Viktor Wanda Xenia Yara Yusuf Zelda Zoltán
    """
)
LAST = _words(
    """
    Abernathy Adeyemi Aldana Ashdown Barros Bekker Birkett Brandvold Calloway Castellano Chaudhry
    Corrigan Dacosta Delacroix Dufresne Eastwick Ekström Fairweather Falk Figueroa Galloway Garrick
    Grünwald Haddad Halvorsen Hollis Ibarra Ivanova Jankowski Jessop Kaplan Keswick Kovács Lachance
    Lindqvist Lockhart Madaki Marchetti Mbatha Nakagawa Nordahl Novák Oakden Okonjo Osei Pemberton
    Petrov Quill Radley Rasmussen Renner Saltzman Santoro Sørensen Takeda Thackeray Tremblay Umarov
    Vance Varga Wexley Whitlow Yamane Zielinski
    """
)
PLACES = (
    (30, "New York", "New York", "US", "America/New_York"),
    (14, "Boston", "Massachusetts", "US", "America/New_York"),
    (14, "Chicago", "Illinois", "US", "America/Chicago"),
    (8, "Denver", "Colorado", "US", "America/Denver"),
    (12, "San Francisco", "California", "US", "America/Los_Angeles"),
    (8, "Toronto", "Ontario", "CA", "America/Toronto"),
    (6, "London", "England", "GB", "Europe/London"),
    (4, "København", "Capital Region", "DK", "Europe/Copenhagen"),
    (2, "São Paulo", "São Paulo", "BR", "America/Sao_Paulo"),
    (2, "Sydney", "New South Wales", "AU", "Australia/Sydney"),
)
DEVICES = (
    ("Chrome", "Windows", 1920, 1080),
    ("Chrome", "Mac OS X", 2560, 1600),
    ("Microsoft Edge", "Windows", 2560, 1440),
    ("Safari", "Mac OS X", 2880, 1800),
    ("Firefox", "Linux", 1920, 1200),
)
PRIVATE = ("postbox.example", "homemail.example", "inboxly.example")
CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Person:
    id: str
    number: int
    account: Account
    accounts: tuple[str, ...]
    device_id: str
    place: tuple[int, str, str, str, str]
    device: tuple[str, str, int, int]
    browser_version: int
    keenness: float
    """Chance to show up on a weekday."""
    joined: date | None
    """The day of sign-up, if it lies within the world's days."""
    profile: dict[str, Any]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.place[4])

    @property
    def company(self) -> str | list[str]:
        return self.accounts[0] if len(self.accounts) == 1 else list(self.accounts)


def _planted() -> dict[tuple[str, int], frozenset[stories.Trait]]:
    struggles = (*stories.STRUGGLES, stories.LATE_SUCCESS, *(past for past, _, _ in stories.PAST_STRUGGLES))
    found: dict[tuple[str, int], frozenset[stories.Trait]] = {}
    for struggle in struggles:
        key = (struggle.account, struggle.person)
        found[key] = found.get(key, frozenset()) | frozenset(struggle.traits)
    return found


PLANTED = _planted()


def traits(account: Account, number: int, rng: random.Random) -> frozenset[stories.Trait]:
    """The planted traits of a person of a story; of anyone else a few by chance."""
    if (account.id, number) in PLANTED:
        return PLANTED[account.id, number]
    shares: tuple[tuple[stories.Trait, float], ...] = (
        ("no_address", 0.025),
        ("unsubscribed", 0.012),
        ("no_consent", 0.1),
        ("private_domain", 0.05),
        ("address_as_id", 0.02),
        ("no_timezone", 0.05),
    )
    return frozenset(name for name, share in shares if rng.random() < share)


def populate(seed: int, last_day: date) -> list[Person]:
    """Everybody, account by account."""
    taken: set[str] = set()
    return [
        person(account, number, seed, last_day, taken)
        for account in ACCOUNTS
        for number in range(account.people)
    ]


def person(account: Account, number: int, seed: int, last_day: date, taken: set[str]) -> Person:
    rng = random.Random(f"{seed} person {account.id} {number}")  # noqa: S311  # nosec B311  # no secret
    has = traits(account, number, rng)
    first, last = rng.choice(FIRST), rng.choice(LAST)
    domain = rng.choice(PRIVATE) if "private_domain" in has else account.domain
    address = _address(first, last, domain, taken)
    others = [other for who, index, other in stories.CONSULTANTS if (who, index) == (account.id, number)]
    joined = _joined(account, number, last_day, rng)
    place = rng.choices(PLACES, [place[0] for place in PLACES])[0]
    created = joined or last_day - timedelta(days=rng.randint(60, 500))
    profile: dict[str, Any] = {
        "$name": f"{first} {last}",
        "$email": address,
        "$created": _at(created, 8 * 3600 + rng.randint(0, 30_000)),
        "$last_seen": _at(last_day - timedelta(days=rng.randint(0, 9)), rng.randint(40_000, 80_000)),
        "$city": place[1],
        "$region": place[2],
        "$country_code": place[3],
        "$timezone": place[4],
        "company_id": [account.id, *others] if others else account.id,
        "plan": account.plan,
        "role": "admin" if number == 0 else rng.choices(("admin", "editor", "viewer"), (1, 6, 4))[0],
        "handrail_consent": True,
    }
    _withhold(profile, has)
    return Person(
        id=address if "address_as_id" in has else stories.person_id(account.id, number),
        number=number,
        account=account,
        accounts=(account.id, *others),
        device_id="".join(rng.choices(CHARS, k=42)),
        place=place,
        device=rng.choice(DEVICES),
        browser_version=rng.randint(126, 144),
        keenness=rng.betavariate(2, 4.6),
        joined=joined,
        profile=profile,
    )


def _withhold(profile: dict[str, Any], has: frozenset[stories.Trait]) -> None:
    if "no_address" in has:
        del profile["$email"]
    if "no_timezone" in has:
        del profile["$timezone"]
    if "no_consent" in has:
        profile["handrail_consent"] = False
    if "unsubscribed" in has:
        profile["handrail_opt_out"] = True


def _joined(account: Account, number: int, last_day: date, rng: random.Random) -> date | None:
    if "churned_days_ago" in account.extra or (account.id, number) in PLANTED:
        return None
    if number % stories.SIGNED_UP_LATELY_EVERY != stories.SIGNED_UP_LATELY_EVERY - 1:
        return None
    day = last_day - timedelta(days=rng.randint(4, stories.DAYS - 4))
    return day - timedelta(days=max(0, day.weekday() - 4))


def _address(first: str, last: str, domain: str, taken: set[str]) -> str:
    folded = f"{first}.{last}".lower().replace("ø", "o").replace("ß", "ss")
    local = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    address, number = f"{local}@{domain}", 1
    while address in taken:
        number += 1
        address = f"{local}{number}@{domain}"
    taken.add(address)
    return address


def _at(day: date, seconds: int) -> str:
    moment = datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def by_place(people: list[Person]) -> dict[tuple[str, int], Person]:
    """People by account id and number, as the stories name them."""
    return {(someone.account.id, someone.number): someone for someone in people}

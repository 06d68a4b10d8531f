"""Made-up export days for the benchmark: the same lines for the same seed and day, about 970 bytes each."""

import bisect
import gzip
import itertools
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

ACCOUNTS = 500
USERS = 50_000
REPEATED = 0.01
LATE = 0.02
EVENTS = (
    "$mp_web_page_view", "$mp_rage_click", "$mp_dead_click", "signed_up", "invited_user",
    "created_report", "opened_report", "shared_report", "deleted_report", "exported_report",
    "created_board", "opened_board", "shared_board", "commented", "search", "opened_settings",
    "changed_plan", "started_import", "import_failed", "import_finished", "added_card", "moved_card",
    "closed_card", "started_sync", "sync_failed", "sync_finished", "opened_help", "asked_support",
    "rated", "logged_in", "logged_out", "reset_password", "enabled_sso", "created_api_key",
    "webhook_failed", "webhook_sent", "uploaded_file", "renamed_file", "deleted_file", "画面表示",
)  # fmt: skip
REASONS = ("no_folder", "timeout", "quota", "permission", 'quoted "name"', "größe überschritten")
_CITIES = ("København", "Zürich", "São Paulo", "北京", "Austin", "Kraków", "Québec", "Reykjavík")
_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 14, 16, 18, 17, 14, 10, 7, 5, 4, 3, 2, 1)


class Crowd:
    """Who uses the made-up product: accounts of very different size, users who come more or less often."""

    def __init__(self, seed: int) -> None:
        dice = Random(f"{seed} crowd")
        self.accounts = [_account(number) for number in range(ACCOUNTS)]
        self._account_ends = list(itertools.accumulate(1 / (n + 1) ** 0.9 for n in range(ACCOUNTS)))
        self._user_ends = list(itertools.accumulate(dice.paretovariate(1.2) for _ in range(USERS)))
        self.account_of = [_pick(dice, self._account_ends) for _ in range(USERS)]
        self.person = [_person(dice, number) for number in range(USERS)]

    def user(self, dice: Random) -> int:
        return _pick(dice, self._user_ends)


def _pick(dice: Random, ends: list[float]) -> int:
    return bisect.bisect(ends, dice.random() * ends[-1])


def _account(number: int) -> object:
    """Mostly texts; some numbers, some lists, some null."""
    kinds: dict[int, object] = {
        5: 1000 + number,
        7: [f"acct_{number:04d}", f"partner_{number % 9}"],
        11: f"Sønner & Co {number}",
        13: None,
        17: f'O\'Brien "{number}" \\ Sons',
    }
    return kinds.get(number % 20, f"acct_{number:04d}")


def _person(dice: Random, number: int) -> str:
    """The part of a line that a user's device decides, as JSON without braces."""
    tokens = [f"{dice.getrandbits(64):016x}" for _ in range(2)]
    properties: dict[str, Any] = {
        "$device_id": f"{tokens[0]}-{number:06d}",
        "$user_id": f"user-{number:06d}@example.com",
        "$os": dice.choice(("Mac OS X", "Windows", "Linux", "iOS", "Android")),
        "$browser": dice.choice(("Chrome", "Safari", "Firefox", "Edge")),
        "$browser_version": dice.randrange(90, 140),
        "$city": dice.choice(_CITIES),
        "$region": dice.choice(("Hovedstaden", "Texas", "Małopolskie", None)),
        "mp_country_code": dice.choice(("DK", "CH", "BR", "CN", "US", "PL", "CA", "IS")),
        "$screen_height": dice.choice((900, 1080, 1440)),
        "$screen_width": dice.choice((1440, 1920, 2560)),
        "$initial_referrer": f"https://search.example.org/?q=report+builder+for+teams&source={tokens[1][:6]}",
        "utm_campaign": f"spring-{number % 7}-größere-berichte-für-alle-teams",
        "$lib_version": "2.55.1",
        "mp_lib": "web",
        "mp_api_endpoint": "api-js.mixpanel.com",
        "plan": dice.choice(("free", "team", "business", "enterprise")),
        "role": dice.choice(("admin", "editor", "viewer", None)),
        "locale": dice.choice(("da-DK", "de-CH", "pt-BR", "zh-CN", "en-US")),
        "experiment": {"name": "onboarding-2026", "variant": dice.choice("abc"), "seen": None},
        "tags": dice.sample(("beta", "wächter", "partner", "edu", "新"), 2),
        "session_token": tokens[1],
    }
    return json.dumps(properties, ensure_ascii=False, separators=(",", ":"))[1:-1]


def lines(crowd: Crowd, day: date, count: int, *, seed: int = 1) -> Iterator[str]:
    """One day's `count` events as the export gives them: ordered by processing time, repeats included."""
    dice = Random(f"{seed} {day.isoformat()}")
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    drawn = list(itertools.islice(_moments(crowd, dice, start), math.ceil(count / (1 + REPEATED))))
    shuffled: list[tuple[int, int]] = []
    for number, (_, time) in enumerate(drawn):
        wait = dice.randrange(3600, 20 * 3600) if dice.random() < LATE else dice.randrange(1, 30)
        shuffled.append(((time + wait) * 1000 + number % 1000, number))
    again = dice.sample(range(len(drawn)), count - len(drawn))
    shuffled += [(shuffled[number][0] + dice.randrange(1, 7_200_000), number) for number in again]
    for processed, number in sorted(shuffled):
        user, time = drawn[number]
        yield _line(crowd, Random(number * 1_000_003 + start), user, time, processed)


def _moments(crowd: Crowd, dice: Random, start: int) -> Iterator[tuple[int, int]]:
    """(user, second of the event), visit by visit, for ever."""
    hours = [float(end) for end in itertools.accumulate(_HOURS)]
    while True:
        user = crowd.user(dice)
        time = start + _pick(dice, hours) * 3600 + dice.randrange(3600)
        for _ in range(1 + int(dice.expovariate(1 / 9))):
            if time >= start + 86_400:
                break
            yield user, time
            time += 1 + int(dice.expovariate(1 / 90) if dice.random() < 0.97 else dice.uniform(900, 5400))


def _line(crowd: Crowd, dice: Random, user: int, time: int, processed: int) -> str:
    name = EVENTS[int(len(EVENTS) * dice.random() ** 2)]
    identity = f"{dice.getrandbits(64):016x}"
    properties: dict[str, Any] = {
        "time": time,
        "distinct_id": f"user-{user:06d}@example.com" if dice.random() > 0.003 else "",
        "$insert_id": identity,
        "mp_processing_time_ms": processed,
        "$current_url": f"https://app.example.com/{name}/{identity[:4]}?tab={identity[4]}",
        "feature": f"feature-{dice.randrange(12)}",
        "status": dice.choice(("ok", "ok", "ok", "error", None)),
        "duration_ms": dice.randrange(20, 9000),
        "items": dice.randrange(40),
    }
    if dice.random() > 0.04:
        properties["company_id"] = crowd.accounts[crowd.account_of[user]]
    if name.endswith("_failed"):
        properties["reason"] = dice.choice(REASONS)
    own = json.dumps(properties, ensure_ascii=False, separators=(",", ":"))[1:-1]
    return f'{{"event":"{name}","properties":{{{own},{crowd.person[user]}}}}}\n'


def write(folder: Path, crowd: Crowd, day: date, count: int, *, seed: int = 1) -> Path:
    """One day as a gzip file of its own, named by its day; nothing is done if it is there."""
    path = folder / f"{day.isoformat()}.{count}.{seed}.jsonl.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        with gzip.open(fresh, "wt", compresslevel=6, encoding="utf-8") as out:
            out.writelines(lines(crowd, day, count, seed=seed))
        fresh.rename(path)
    return path

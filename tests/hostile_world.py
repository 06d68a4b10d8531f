"""A made-up project whose texts, times and types are as bad as a real one's may be; the same for one seed.

Clocks go back on 15 February and forward on 22 March 2026 in its zone.
"""

import gzip
import json
import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Africa/Casablanca")
FIRST, LAST = date(2026, 2, 12), date(2026, 3, 25)
CLOCKS_BACK = datetime(2026, 2, 15, 1, tzinfo=UTC)
"""02:00 to 03:00 of this day comes twice: before this instant, and after it."""
CLOCKS_FORWARD = datetime(2026, 3, 22, 2, tzinfo=UTC)

MISSING = object()

ACCOUNTS: list[Any] = [
    "acme", "acme", "acme", "Acme", "globex", "globex", 'O\'Brien "& Söhne" \\ GmbH',
    "U+2028\u2028U+2029\u2029",
    "__proto__", "constructor", "toString", "李明 🙂", "long " + "x" * 250, "nul\u0000inside", " padded ",
    "e\u0301", "\u00e9", "\u202egnorw", "'; drop table customers; --", "<script>alert(1)</script>", "a\tb\nc",
    "{}", "[]", '["acme"]', "true", "17", 17, 17.0, -3, 2.5, 10**19, 10**30, 1e21, 0, "0",
    ["acme", "globex"], ["acme", "acme", None, 5, "5", 5.0, True, ""], ["undefined", "initech"], [["acme"]],
    [{"id": "acme"}], [], "", " ", None, "undefined", "Undefined", "null", "NULL", "None", "<null>",
    "(not set)", "$other", "$overall", True, False, {"id": "acme"}, {"__proto__": {"id": "acme"}},
    MISSING, MISSING,
]  # fmt: skip

USERS: list[Any] = [
    *(f"user-{number}" for number in range(24)), "ana.private@acme.example", "李", "🙂\u2028", 'u"\\',
    "__proto__",
    "nul\u0000", 42, "42", 0, "$device:0d6f", " ", "", "", None, MISSING,
]  # fmt: skip

EVENTS = [
    "Opened", "Opened", "Op\u200bened", "Opened ", 'Say "hi" \\ {brace', "__proto__", "hasOwnProperty",
    "line\u2028break\u2029", "nul\u0000", "", " ", "\u202e", "x" * 255, "x" * 130, "🙂" * 60,
    "Zalgo\u0335\u0321",
    "$identify", "$create_alias", "$hotshard_record", "handrail_sent", "$mp_rage_click", "$mp_dead_click",
    "$mp_web_page_view", "Export Started", "Export Started", "Export Started", "Export Done", "Export Failed",
    "Import Tried", "Import Tried", "Import Tried", "terminated early", "null",
]  # fmt: skip

VALUES: list[Any] = [
    "Chrome", "Chrome", "Chrome", "Safari", "Fire\u202efox", "Firefox", " Firefox\n", 'quo"te \\',
    "__proto__",
    "李", "x" * 255, 5, 5.5,
    -1, True, False, None, "", " ", "\u2028", "\u200b", MISSING, ["x"], ["x", "y"], [],
    {"a": 1}, "[x]", "{x}", "ana@acme.example", "ana％40＠acme", "ana%40acme.example",
    "0d6f2d6f-0e6a-4b0e-9a64-8f8d4b1c7a11",
    "deadbeefdeadbeefdeadbeef00000000", "abcdefghijklmnopqrst1", "abcdefghijklmnopqrstuvwxyz",
    "+49 170 1234567",
    "2026-03-20", "119.0.6045.105", "192.168.0.17", 1234567890, "user-1", "(other)", "other", "undefined",
]  # fmt: skip

FEATURES = {
    "export-rows": ("Export Started", "Export Done", "Export Failed"),
    "import-rows": ("Import Tried", "__proto__", "nowhere"),
}

DOCUMENT = """---
slug: {slug}
title: {slug}
url: https://help.example/{slug}
summary: How to.
events:
  attempt: {attempt}
  success: {success}
  error: {error}
steps:
  - id: start
    event: {attempt}
    title: Start
    url: https://help.example/{slug}#start
    text: Start.
---
# How to
"""


def generate(folder: Path, *, seed: int = 1, created: str = "2024-05-01", events: int = 2500) -> Path:
    """Write the world; projects made before 2023 export wall-clock times in files of project days."""
    rng = random.Random(seed)
    wall_clock = created < "2023"
    lines = [_event(rng, moment, wall_clock) for moment in _moments(rng, events)]
    lines += [_again(rng, one) for one in rng.sample(lines, events // 10)]
    rng.shuffle(lines)
    (folder / "events").mkdir(parents=True)
    days: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for one in lines:
        days[datetime.fromtimestamp(one["properties"]["time"], UTC).date()].append(one)
    for day, rows in days.items():
        text = "".join(json.dumps(row, ensure_ascii=rng.random() < 0.3) + "\n" for row in rows)
        (folder / "events" / f"{day}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    _describe(folder, rng, created)
    return folder


def _moments(rng: random.Random, count: int) -> list[datetime]:
    """Any time; more of them at midnight, around the changes of the clocks, and at the edge of a session."""
    span = (LAST - FIRST).days + 3
    start = datetime.combine(FIRST - timedelta(days=1), time(), ZONE).astimezone(UTC)
    found = [start + timedelta(seconds=rng.randrange(span * 86_400)) for _ in range(count // 2)]
    for _ in range(count // 8):
        midnight = datetime.combine(FIRST + timedelta(days=rng.randrange(span)), time(), ZONE).astimezone(UTC)
        found.append(midnight - timedelta(seconds=rng.choice([0, 0, 1, 60])))
        around = timedelta(seconds=rng.randrange(-7200, 7200))
        found += [CLOCKS_BACK + around, CLOCKS_FORWARD + around]
    while len(found) < count:
        found.append(rng.choice(found) + timedelta(seconds=rng.choice([1799, 1800, 1801, 5])))
    return found


def _event(rng: random.Random, moment: datetime, wall_clock: bool) -> dict[str, Any]:
    offset = moment.astimezone(ZONE).utcoffset() or timedelta()
    at = int(moment.timestamp()) + (int(offset.total_seconds()) if wall_clock else 0)
    properties = {
        "time": at,
        "distinct_id": rng.choice(USERS),
        "$insert_id": rng.choice([f"{rng.getrandbits(64):016x}"] * 9 + [None, MISSING]),
        "mp_processing_time_ms": int(moment.timestamp()) * 1000 + rng.randrange(1, 10**9),
        "company": rng.choice(ACCOUNTS),
        "Company": "not this one",
        "$browser": rng.choice(VALUES) if rng.random() < 0.4 else "Chrome",
        "plan": rng.choice([f"value {rng.randrange(40)}", "basic"]) if rng.random() < 0.9 else MISSING,
        "weird \"name' \\": rng.choice(VALUES),
        "nested": {"company": "inner", "list": [1, {"time": 2}]},
        "reason": rng.choice(["no_folder", "a 'reason' with \u2028", None, 7]),
    }
    return {
        "event": rng.choice(EVENTS),
        "properties": {name: value for name, value in properties.items() if value is not MISSING},
    }


def _again(rng: random.Random, one: dict[str, Any]) -> dict[str, Any]:
    """The same event, processed at another time, perhaps with other properties."""
    changed = {"company": rng.choice(["acme", "initech", 17]), "$browser": "Safari", "plan": "late"}
    later = one["properties"]["mp_processing_time_ms"] + rng.choice([-1, 1, 1, 86_400_000])
    properties = {**one["properties"], **(changed if rng.random() < 0.7 else {})}
    return {"event": one["event"], "properties": {**properties, "mp_processing_time_ms": later}}


def _describe(folder: Path, rng: random.Random, created: str) -> None:
    project = {
        "project_id": 4242,
        "token": "0" * 32,
        "username": "hostile.mp-service-account",
        "secret": "hostile",
        "timezone": ZONE.key,
        "created": created,
        "account_property": "company",
        "group_keys": {"company": "-17"},
        "now": datetime.combine(LAST + timedelta(days=1), time(2), UTC).isoformat(),
        "funnels": [],
    }
    (folder / "project.json").write_text(json.dumps(project), "utf-8")
    homes = ["acme", "globex", "Profile & Co", 17, ["acme", "initech"], None, "undefined", True]
    users = dict.fromkeys(str(user) for user in USERS if user not in (MISSING, None, "", " "))
    profiles = [
        {
            "$distinct_id": user,
            "$properties": {
                "employer": rng.choice(homes),
                "$email": rng.choice(["a@acme.example", "B@GLOBEX.example ", "c@gmail.com", "no address", 7]),
            },
        }
        for user in users
        if rng.random() < 0.8
    ]
    groups = [
        {
            "$group_key": "company",
            "$group_id": "acme",
            "$properties": {"$name": "Acme", "domain": "acme.example"},
        },
        {"$group_key": "company", "$group_id": "globex", "$properties": {"$name": "Glo\u202ebex\u2028Inc"}},
        {"$group_key": "company", "$group_id": "undefined", "$properties": {"$name": "No account"}},
    ]
    for name, rows in (("profiles", profiles), ("groups", groups)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    (folder / "kb").mkdir()
    for slug, (attempt, success, error) in FEATURES.items():
        text = DOCUMENT.format(slug=slug, attempt=attempt, success=success, error=error)
        (folder / "kb" / f"{slug}.md").write_text(text, "utf-8")

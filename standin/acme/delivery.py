"""How events reach Mixpanel: default properties, lost ones, late ones and repeated ones."""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from standin.acme import stories
from standin.acme.activity import Draft
from standin.acme.product import APP


def lose(drafts: Iterable[Draft], last_day: date, zone: ZoneInfo, rng: random.Random) -> Iterator[Draft]:
    """All drafts but two thirds of the broken day's."""
    broken = last_day - timedelta(days=stories.BROKEN_DAYS_AGO)
    start = datetime(broken.year, broken.month, broken.day, tzinfo=zone)
    after = broken + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=zone)
    low, high = start.timestamp(), end.timestamp()
    for draft in drafts:
        if not (low <= draft.time < high and rng.random() < stories.LOST_SHARE):
            yield draft


def deliver(drafts: Iterable[Draft], now: datetime, rng: random.Random) -> dict[str, list[str]]:
    """Export lines by UTC day; nothing that arrives after `now` is among them."""
    files: dict[str, list[str]] = {}
    latest = int(now.timestamp() * 1000)
    for draft in drafts:
        arrival = draft.time * 1000 + rng.randint(300, 40_000)
        if rng.random() < 0.012:
            late = draft.time * 1000 + rng.randint(6 * 3600, 4 * 86_400) * 1000
            arrival = late if late < latest else arrival
        if arrival >= latest:
            continue
        properties = dress(draft, arrival, rng)
        lines = files.setdefault(datetime.fromtimestamp(draft.time, UTC).date().isoformat(), [])
        chance = rng.random()
        again = arrival + rng.randint(20, 90_000) * 1000
        if chance < 0.009 and again < latest:
            # What arrives last stays, so the account counts even where the first delivery lacked it.
            first = {key: value for key, value in properties.items() if chance > 0.001 or key != "company_id"}
            lines.append(_line(draft.event, first))
            properties |= {"$mp_api_timestamp_ms": again, "mp_processing_time_ms": again + 350}
        lines.append(_line(draft.event, properties))
    return files


def dress(draft: Draft, arrival: int, rng: random.Random) -> dict[str, Any]:
    """The properties of an export line: time and id first, the rest by name."""
    person = draft.person
    browser, system, width, height = person.device
    known: dict[str, Any] = {
        "$browser": browser,
        "$browser_version": person.browser_version,
        "$city": person.place[1],
        "$current_url": f"https://{APP}{draft.page}",
        "$device_id": person.device_id,
        "$initial_referrer": "$direct",
        "$initial_referring_domain": "$direct",
        "$insert_id": f"{rng.getrandbits(64):016x}",
        "$lib_version": "2.82.1",
        "$mp_api_endpoint": "api-js.mixpanel.com",
        "$mp_api_timestamp_ms": arrival,
        "$os": system,
        "$region": person.place[2],
        "$screen_height": height,
        "$screen_width": width,
        "mp_country_code": person.place[3],
        "mp_lib": "web",
        "mp_processing_time_ms": arrival + 350,
    }
    known |= draft.properties
    anonymous = known.pop("anonymous", False)
    if draft.signed_in:
        known["$user_id"] = person.id
    chance = rng.random()
    if chance < 0.002:
        known["company_id"] = "undefined"
    elif (draft.signed_in or anonymous) and chance > 0.012:
        known |= {"company_id": person.company, "plan": person.account.plan}
    return {"time": draft.time, "distinct_id": "" if anonymous else person.id} | dict(sorted(known.items()))


def _line(event: str, properties: dict[str, Any]) -> str:
    return json.dumps({"event": event, "properties": properties}, ensure_ascii=False, separators=(",", ":"))

"""What mailed people do next: succeed, click, unsubscribe, open, or bounce."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2

from standin.mixpanel.project import Project
from standin.sendgrid import events
from standin.state import Standin

Mail = dict[str, Any]
_WEBHOOK = {
    "deliver": "delivered",
    "open": "open",
    "bounce": "bounce",
    "complain": "spamreport",
}


async def act(state: Standin, body: dict[str, Any]) -> dict[str, Any]:
    """Let the people behind the kept mails act, and answer how many did.

    `act` says what; `share` or `to` says who; `since` leaves out mails accepted before it.
    "succeed" needs the feature's `events`, in order.
    What SendGrid reports needs a `webhook_url`, and takes `copies`, `new_ids` and `shuffled`.
    "click" and "unsubscribe" call the mail's own links; `public_url` replaces their host.
    """
    mails = _chosen(state, body)
    name = str(body["act"])
    if name == "succeed":
        return {"acted": _succeed(state, mails, body)}
    if name in _WEBHOOK:
        return {"acted": await _report(state, mails, body, _WEBHOOK[name])}
    calls: dict[str, Callable[[httpx2.AsyncClient, Mail, str | None], Awaitable[bool]]] = {
        "click": _click,
        "unsubscribe": _unsubscribe,
    }
    if name not in calls:
        known = ", ".join(["succeed", *calls, *_WEBHOOK])
        raise ValueError(f"Nobody knows how to {name}; known acts are {known}.")
    async with httpx2.AsyncClient(timeout=30, trust_env=False, follow_redirects=False) as client:
        return {"acted": sum([await calls[name](client, mail, body.get("public_url")) for mail in mails])}


def _chosen(state: Standin, body: dict[str, Any]) -> list[Mail]:
    since = datetime.fromisoformat(body["since"]) if "since" in body else None
    recent = [each for each in state.mails if since is None or datetime.fromisoformat(each["at"]) >= since]
    if "to" in body:
        named = {str(address).lower() for address in body["to"]}
        return [each for each in recent if each["to"].lower() in named]
    share = float(body.get("share", 1))
    if not 0 <= share <= 1:
        raise ValueError("share has to be between 0 and 1.")
    return [each for each in recent if _lot(each["to"]) < share]


def _lot(address: str) -> float:
    """A number from 0 up to 1 that is always the same for one address."""
    digest = hashlib.sha256(address.lower().encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _succeed(state: Standin, mails: list[Mail], body: dict[str, Any]) -> int:
    """Write the feature's events for each person once, a second apart, the last one now."""
    names = [str(name) for name in body["events"]]
    if not names:
        raise ValueError("events has to name at least one event.")
    people = {
        str(profile.get("$email", "")).lower(): (distinct_id, profile)
        for distinct_id, profile in state.profiles.items()
    }
    found = [people[address] for address in {each["to"].lower() for each in mails} if address in people]
    now = state.clock.now()
    for distinct_id, profile in sorted(found, key=lambda one: one[0]):
        for number, name in enumerate(names):
            at = now - timedelta(seconds=len(names) - 1 - number)
            state.written.append(_event(state, name, distinct_id, profile, at))
    return len(found)


def _event(
    state: Standin, name: str, distinct_id: str, profile: dict[str, Any], at: datetime
) -> dict[str, Any]:
    account_property = state.world.project["account_property"]
    unique = hashlib.sha256(f"{name} {distinct_id} {at.isoformat()}".encode()).hexdigest()[:16]
    properties = {
        "time": int(Project(state).calendar.exported(at.timestamp())),
        "distinct_id": distinct_id,
        "$insert_id": unique,
        "$user_id": distinct_id,
        "mp_lib": "web",
        "mp_processing_time_ms": int(at.timestamp() * 1000) + 500,
    }
    if account_property in profile:
        properties[account_property] = profile[account_property]
    return {"event": name, "properties": properties}


async def _report(state: Standin, mails: list[Mail], body: dict[str, Any], kind: str) -> int:
    """Post one signed batch about all chosen mails; nobody acted if the receiver refused it."""
    url = str(body["webhook_url"])
    if not mails:
        return 0
    timestamp = int(state.clock.now().timestamp())
    status = await events.post_events(
        state,
        url,
        [events.event_of(mail, kind, timestamp) for mail in mails],
        copies=int(body.get("copies", 1)),
        new_ids=bool(body.get("new_ids", False)),
        shuffled=bool(body.get("shuffled", False)),
    )
    return len(mails) if 200 <= status < 300 else 0


async def _click(client: httpx2.AsyncClient, mail: Mail, public_url: str | None) -> bool:
    links = [html.unescape(link) for link in re.findall(r"""href\s*=\s*["']([^"']+)["']""", mail["html"])]
    link = next((link for link in links if urlsplit(link).path.startswith("/t/")), None)
    if link is None:
        return False
    agent = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"}
    return await _called(client.get(_moved(link, public_url), headers=agent))


async def _unsubscribe(client: httpx2.AsyncClient, mail: Mail, public_url: str | None) -> bool:
    """One click in the mail program, as RFC 8058 has it: a POST that may not be redirected."""
    headers = {name.lower(): value for name, value in mail["headers"].items()}
    link = re.search(r"<(https?://[^>]+)>", headers.get("list-unsubscribe", ""))
    if link is None:
        return False
    form = {"List-Unsubscribe": "One-Click"}
    return await _called(client.post(_moved(link[1], public_url), data=form), redirects=False)


def _moved(link: str, public_url: str | None) -> str:
    if public_url is None:
        return link
    where = urlsplit(public_url)
    return urlsplit(link)._replace(scheme=where.scheme, netloc=where.netloc).geturl()


async def _called(call: Awaitable[httpx2.Response], *, redirects: bool = True) -> bool:
    try:
        answer = await call
    except httpx2.HTTPError:
        return False
    return answer.is_success or (redirects and answer.is_redirect)

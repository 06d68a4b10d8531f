"""A world in which everything that may be personal is a canary: of its people, events, accounts, lists."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

from tests.hardening.privacy.canaries import Canaries

DAYS = 10
"""The newest event files of the default world that are taken over."""

HAUNTED = 3
"""Every so many-th event carries a canary in every property that may hold one."""


def generate(acme: Path, folder: Path, canaries: Canaries) -> Path:
    """The default world's product and habits, with other people."""
    (folder / "events").mkdir(parents=True)
    people = _profiles(acme, folder, canaries)
    extra = _properties(canaries)
    names = [f"Invited {canaries.address('an event name')}", f"Called {canaries.number('an event name', 0)}"]
    for path in sorted((acme / "events").iterdir())[-DAYS:]:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        lines = [_haunted(at, each, people, extra, names) for at, each in enumerate(events)]
        with gzip.open(folder / "events" / path.name, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)
    _groups(acme, folder, canaries)
    _project(acme, folder, canaries)
    return folder


def _profiles(acme: Path, folder: Path, canaries: Canaries) -> dict[str, str]:
    """The new id of each person; every second one is an address."""
    rows = [json.loads(line) for line in (acme / "profiles.jsonl").read_text("utf-8").splitlines()]
    agents, urls = canaries.agent("a profile"), canaries.url("a profile")
    name, plain = canaries.name("a profile"), canaries.address("a distinct_id")
    people = {}
    for at, row in enumerate(rows):
        old, properties = row["$distinct_id"], row["$properties"]
        people[old] = row["$distinct_id"] = f"{at}.{plain}" if at % 2 else old
        domain = str(properties.get("$email", "@nowhere.example")).rpartition("@")[2]
        if "$email" in properties:
            local = plain.partition("@")[0]
            properties["$email"] = f"{local}.{at}@{domain}"
        properties |= {
            "$name": name,
            "$first_name": name,
            "$phone": canaries.number("a profile's telephone", 0),
            "$ip": canaries.number("a profile's IP number", 2),
            "$user_agent": agents,
            "$avatar": urls,
            "role": plain if at % 7 == 0 else properties.get("role", "member"),
        }
    _write(folder / "profiles.jsonl", rows)
    return people


def _properties(canaries: Canaries) -> dict[str, Any]:
    address = canaries.address
    return {
        "$ip": canaries.number("an event's IP number", 2),
        "ip": canaries.number("an event's IP number", 4),
        "$user_agent": canaries.agent("an event"),
        "$current_url": canaries.url("an event's page"),
        "$referrer": canaries.url("an event's referrer"),
        "$initial_referrer": canaries.url("an event's first referrer"),
        "utm_source": address("utm_source"),
        "utm_content": canaries.url("utm_content"),
        "email": address("an event's property"),
        "full_name": canaries.name("an event's property"),
        "phone": canaries.number("an event's telephone", 1),
        "$user_id": address("$user_id"),
        "$device_id": address("$device_id"),
        "$el_text": canaries.text("the text of a button"),
        "search_query": canaries.text("what somebody searched for"),
        "invited": [address("a list"), {"name": canaries.name("an object in a list")}],
        "$browser": f"Browser of {address('a breakdown')}",
        "reason": f"could not mail {address('a reason of an error')}",
        "method": canaries.text("a property of an event"),
    }


def _haunted(
    at: int, event: dict[str, Any], people: dict[str, str], extra: dict[str, Any], names: list[str]
) -> dict[str, Any]:
    properties = event["properties"]
    for name in ("distinct_id", "$user_id"):
        properties[name] = people.get(properties.get(name), properties.get(name))
    if at % HAUNTED == 0:
        properties |= extra
        properties["$insert_id"] = f"{properties['$insert_id']} {extra['email']}"
        if at % (HAUNTED * 4) == 0:
            properties["$browser"] = [
                extra["phone"],
                extra["$ip"],
                f"Call {extra['phone']}",
                extra["$referrer"],
            ][at // 12 % 4]
        if at % (HAUNTED * 50) == 0:
            event["event"] = names[at // 150 % 2]
        if at % (HAUNTED * 70) == 0:
            properties["company_id"] = extra["email"]
    return event


def _groups(acme: Path, folder: Path, canaries: Canaries) -> None:
    rows = [json.loads(line) for line in (acme / "groups.jsonl").read_text("utf-8").splitlines()]
    rows[3]["$properties"] |= {
        "$name": canaries.address("a company's name"),
        "domain": canaries.address("a company's domain", "acme-labs.example"),
    }
    for row in rows:
        row["$properties"] |= {
            "csm": canaries.name("a group's property"),
            "billing_contact": canaries.address("a group's property"),
            "phone": canaries.number("a group's telephone", 0),
        }
    rows.append(
        {
            "$group_key": "company_id",
            "$group_id": canaries.address("an account's id"),
            "$properties": {"$name": canaries.name("the name of an account whose id is an address")},
        }
    )
    _write(folder / "groups.jsonl", rows)


def _project(acme: Path, folder: Path, canaries: Canaries) -> None:
    shutil.copy(acme / "project.json", folder)
    project = json.loads((folder / "project.json").read_text("utf-8"))
    project["funnels"][-1]["name"] = f"Funnel of {canaries.address('the name of a funnel')}"
    for kind in ("cohorts", "reports", "dashboards"):
        for row in project.get(kind, [])[:1]:
            row["name"] = f"Mine, {canaries.address(f'the name of one of the {kind}')}"
            row["description"] = canaries.text(f"what is said of one of the {kind}")
    (folder / "project.json").write_text(json.dumps(project), "utf-8")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")

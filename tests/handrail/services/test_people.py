"""People at send time: found by key alone, with addresses that can be written to, and nothing shown."""

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.errors import NotOffered
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.people import Contact, People
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world

SECRET = bytes(range(32))


def key(distinct_id: str) -> str:
    return hmac.digest(SECRET, distinct_id.encode(), hashlib.sha256).hex()


@pytest.fixture
async def people(standins: Standin, tmp_path: Path) -> AsyncIterator[People]:
    async with httpx2.AsyncClient(verify=False) as http:
        yield People(Mixpanel(http, settings_for(standins, tmp_path)), SECRET)


async def contact_of(people: People, distinct_id: str) -> Contact | None:
    return (await people.fetch([key(distinct_id)])).get(key(distinct_id))


async def fetched(people: People, standins: Standin, **properties: Any) -> Contact:
    """The contact of a person with these profile properties."""
    standins.profiles["u-17"] = properties
    found = await contact_of(people, "u-17")
    assert found is not None
    return found


async def test_people_are_found_by_key_alone(people: People, standins: Standin) -> None:
    wanted = dict(list(standins.profiles.items())[::97])

    found = await people.fetch({key(distinct_id) for distinct_id in wanted})

    assert {contact.distinct_id: contact.email for contact in found.values()} == {
        distinct_id: properties.get("$email", "") for distinct_id, properties in wanted.items()
    }
    assert all(found[key(distinct_id)].user_key == key(distinct_id) for distinct_id in wanted)


async def test_all_profiles_are_walked_once_for_everybody_who_is_expected(
    people: People, standins: Standin
) -> None:
    ids = list(standins.profiles)[:50]
    people.expect([key(each) for each in [*ids, "nobody"]])

    for number in range(0, 50, 10):
        found = await people.fetch([*map(key, ids[number : number + 10]), key("nobody")])
        assert sorted(contact.distinct_id for contact in found.values()) == sorted(ids[number : number + 10])

    assert sum(record["counted"] for record in standins.requests) == 1 + 5


async def test_contacts_are_read_anew_on_every_call(people: People, standins: Standin) -> None:
    first = await fetched(people, standins, **{"$email": "old@acme.example"})
    second = await fetched(people, standins, **{"$email": "new@acme.example"})
    del standins.profiles["u-17"]

    assert (first.email, second.email) == ("old@acme.example", "new@acme.example")
    assert await contact_of(people, "u-17") is None


async def test_people_beyond_the_first_page_are_found(tmp_path: Path) -> None:
    known = {f"u{number}": {"$email": f"u{number}@acme.example"} for number in range(2100)}
    world = write_world(tmp_path / "world", [event("E", "u1", "2026-11-20T10:00:00")], profiles=known)

    with running(world) as state:
        async with httpx2.AsyncClient(verify=False) as http:
            people = People(Mixpanel(http, settings_for(state, tmp_path)), SECRET)
            found = await contact_of(people, "u2099")

    assert found is not None
    assert found.email == "u2099@acme.example"


async def test_an_id_that_passed_by_is_remembered_so_that_no_profiles_are_walked(
    people: People, standins: Standin
) -> None:
    [distinct_id] = list(standins.profiles)[:1]

    assert people.key(distinct_id) == key(distinct_id)
    found = await contact_of(people, distinct_id)

    assert found is not None
    assert sum(record["counted"] for record in standins.requests) == 1


async def test_whoever_has_no_profile_is_not_found(people: People) -> None:
    assert await people.fetch([key("nobody"), "no key at all"]) == {}
    assert people.key("nobody") == key("nobody")
    assert await contact_of(people, "nobody") is None
    assert await people.fetch([]) == {}


@pytest.mark.parametrize(
    "address", ["ana@acme.example", "a.b+c@sub.acme.example", "o'brien@acme.example", "  ana@acme.example "]
)
async def test_an_address_is_taken_without_the_space_around_it(
    people: People, standins: Standin, address: str
) -> None:
    assert (await fetched(people, standins, **{"$email": address})).email == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "@acme.example",
        "ana@",
        "ana@localhost",
        "ana@acme.",
        "ana@.example",
        "ana@acme..example",
        "ana@bob@acme.example",
        "ana bee@acme.example",
        "ana@acme.example,bob@acme.example",
        "ana@acme.example;bob@acme.example",
        "Ana <ana@acme.example>",
        '"ana"@acme.example',
        "ana@acme.example\r\nBcc: bob@acme.example",
        "ana\u200b@acme.example",
        "ana\u202e@acme.example",
        "a" * 250 + "@acme.example",
        17,
        True,
        None,
        ["ana@acme.example"],
        {"email": "ana@acme.example"},
    ],
    ids=ascii,
)
async def test_what_is_no_address_is_dropped(people: People, standins: Standin, address: Any) -> None:
    assert (await fetched(people, standins, **{"$email": address})).email == ""


async def test_without_an_address_there_is_none(people: People, standins: Standin) -> None:
    assert (await fetched(people, standins, **{"$name": "Ana"})).email == ""


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"$name": "Ana Müller"}, "Ana"),
        ({"$first_name": "Zoë", "$name": "Ana Müller"}, "Zoë"),
        ({"$first_name": "", "$name": "Ana Müller"}, "Ana"),
        ({"$name": "Click http://x"}, ""),
        ({"$name": "<script>alert(1)</script>"}, ""),
        ({"$name": 17}, ""),
        ({"$name": ["Ana"]}, ""),
        ({}, ""),
    ],
)
async def test_the_first_name_is_taken_where_it_is_one(
    people: People, standins: Standin, properties: dict[str, Any], name: str
) -> None:
    assert (await fetched(people, standins, **properties)).first_name == name


@pytest.mark.parametrize(
    ("properties", "opted_out", "refused"),
    [
        ({}, False, False),
        ({"handrail_opt_out": True}, True, False),
        ({"handrail_opt_out": False}, False, False),
        ({"handrail_consent": False}, False, True),
        ({"handrail_consent": True}, False, False),
        ({"handrail_opt_out": True, "handrail_consent": False}, True, True),
    ],
)
async def test_opt_out_and_refused_consent_are_read_anew_on_every_call(
    people: People, standins: Standin, properties: dict[str, Any], opted_out: bool, refused: bool
) -> None:
    before = await fetched(people, standins)
    after = await fetched(people, standins, **properties)

    assert (before.opted_out, before.consent_refused) == (False, False)
    assert (after.opted_out, after.consent_refused) == (opted_out, refused)


async def test_printing_a_contact_shows_nothing_personal(
    people: People, standins: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    contact = await fetched(people, standins, **{"$email": "ana@acme.example", "$name": "Zelda"})
    logging.getLogger("handrail").warning("%s %r", contact, {"who": contact})

    for shown in (repr(contact), str(contact), f"{[contact]}", caplog.text):
        assert key("u-17") in shown
        assert not any(word in shown for word in ("ana@acme.example", "Zelda", "u-17"))


async def test_neither_ids_nor_properties_travel_in_a_url(people: People, standins: Standin) -> None:
    """URLs end up in logs of proxies; the body of a request does not."""
    await fetched(people, standins, **{"$email": "ana@acme.example"})

    assert [(record["method"], record["query"]) for record in standins.requests] == [("POST", {})] * 2


async def test_a_failure_of_mixpanel_is_not_an_empty_answer(people: People, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/engage", "fault": "status", "status": 402})

    with pytest.raises(NotOffered):
        await people.fetch([key("u-17")])

"""Keys that make a repeat harmless: the same for the same thing, and telling nothing of it."""

import hashlib
import hmac
import uuid
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.engine import keys

SECRET = bytes(range(32))
NIGHT = date(2026, 11, 20)


@pytest.mark.parametrize("distinct_id", ["u-17", "ana@acme.example", "李小龍", "", "a" * 500, '"quoted"\n'])
def test_a_user_key_is_the_hmac_sha256_of_the_id(distinct_id: str) -> None:
    by_hand = hashlib.sha256(
        bytes(byte ^ 0x5C for byte in SECRET.ljust(64, b"\0"))
        + hashlib.sha256(
            bytes(byte ^ 0x36 for byte in SECRET.ljust(64, b"\0")) + distinct_id.encode()
        ).digest()
    ).hexdigest()

    assert keys.user_key(SECRET, distinct_id) == by_hand
    assert by_hand == hmac.digest(SECRET, distinct_id.encode(), "sha256").hex()


def test_another_secret_gives_other_user_keys() -> None:
    assert keys.user_key(SECRET, "u-17") != keys.user_key(SECRET[::-1], "u-17")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, min_size=2, max_size=5))
def test_different_ids_have_different_keys_that_do_not_hold_them(ids: list[str]) -> None:
    made = [keys.user_key(SECRET, one) for one in ids]

    assert len(set(made)) == len(ids)
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in made)


def test_an_account_has_the_same_uuid_wherever_the_project_is_installed() -> None:
    first = keys.account_uuid(12, "acct_1")

    assert first == keys.account_uuid(12, "acct_1")
    assert uuid.UUID(first).version == 5
    assert len({first, keys.account_uuid(13, "acct_1"), keys.account_uuid(12, "ACCT_1")}) == 3


def test_a_night_person_and_feature_have_one_delivery() -> None:
    delivery = keys.delivery_id(NIGHT, "k1", "export")

    assert delivery == keys.delivery_id(NIGHT, "k1", "export")
    others = [
        keys.delivery_id(date(2026, 11, 21), "k1", "export"),
        keys.delivery_id(NIGHT, "k2", "export"),
        keys.delivery_id(NIGHT, "k1", "alerts"),
    ]
    assert len({delivery, *others}) == 4


def test_a_delivery_id_tells_neither_user_nor_feature() -> None:
    user = keys.user_key(SECRET, "u-17")
    delivery = keys.delivery_id(NIGHT, user, "export")

    assert "export" not in delivery
    assert not any(user[at : at + 8] in delivery for at in range(len(user) - 7))


def test_a_tutorial_is_written_anew_when_signature_style_or_document_change() -> None:
    made = [
        keys.tutorial_id("export/tested/no_folder/never", "plain", "v1"),
        keys.tutorial_id("export/tested/no_folder/sometimes", "plain", "v1"),
        keys.tutorial_id("export/tested/no_folder/never", "story", "v1"),
        keys.tutorial_id("export/tested/no_folder/never", "plain", "v2"),
    ]

    assert len(set(made)) == 4
    assert made[0] == keys.tutorial_id("export/tested/no_folder/never", "plain", "v1")
    assert all(len(one) == len(other) for one, other in pairwise(made))

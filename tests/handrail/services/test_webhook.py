"""The mail service's posts: genuine or not, and what of them is kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handrail.domain.feedback import FeedbackKind
from handrail.errors import ConfigError
from handrail.services.mail.webhook import genuine, read
from standin.sendgrid import events

# The published test vector of sendgrid/sendgrid-python (MIT).
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpV"
    "KS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
TIMESTAMP = "1600112502"
BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
THEN = datetime.fromtimestamp(1600112502, UTC)


def test_the_published_post_is_genuine() -> None:
    assert genuine([KEY], BODY, SIGNATURE, TIMESTAMP, THEN)


@pytest.mark.parametrize(
    ("raw", "signature", "timestamp"),
    [
        (BODY.rstrip(), SIGNATURE, TIMESTAMP),
        (BODY.replace(b"hello", b"jello"), SIGNATURE, TIMESTAMP),
        (b"2" + BODY, SIGNATURE, TIMESTAMP[:-1]),
        (BODY, SIGNATURE, "1600112503"),
        (BODY, SIGNATURE, "soon"),
        (BODY, "not base64!", TIMESTAMP),
        (BODY, "AAAA", TIMESTAMP),
        (BODY, None, TIMESTAMP),
        (BODY, SIGNATURE, None),
        (b"", SIGNATURE, TIMESTAMP),
    ],
)
def test_a_post_that_differs_by_a_byte_is_not(
    raw: bytes, signature: str | None, timestamp: str | None
) -> None:
    assert not genuine([KEY], raw, signature, timestamp, THEN)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(minutes=-6), False),
        (timedelta(minutes=-4), True),
        (timedelta(hours=24, minutes=59), True),
        (timedelta(hours=25, minutes=1), False),
        (timedelta(days=2000), False),
    ],
)
def test_an_old_post_is_a_replay(age: timedelta, fresh: bool) -> None:
    assert genuine([KEY], BODY, SIGNATURE, TIMESTAMP, THEN + age) is fresh


def test_while_a_key_is_changed_both_are_good() -> None:
    assert genuine([events.public_key(), KEY], BODY, SIGNATURE, TIMESTAMP, THEN)
    assert not genuine([events.public_key()], BODY, SIGNATURE, TIMESTAMP, THEN)


def test_a_key_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_SENDGRID_WEBHOOK_KEY"):
        genuine(["-----BEGIN PUBLIC KEY-----"], BODY, SIGNATURE, TIMESTAMP, THEN)


def event(name: str, **more: Any) -> dict[str, Any]:
    return {
        "email": "ana@secret.example",
        "timestamp": 1760000001,
        "event": name,
        "sg_event_id": f"id-of-{name}",
        "ip": "198.51.100.7",
        "useragent": "Mozilla/5.0",
        "url": "https://app.example.com/?email=ana@secret.example",
        "handrail_delivery": "delivery-1",
        **more,
    }


def posted(*found: object) -> bytes:
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("one", "kind", "opts_out"),
    [
        (event("processed"), FeedbackKind.PROCESSED, None),
        (event("deferred", attempt="5"), FeedbackKind.DEFERRED, None),
        (event("delivered"), FeedbackKind.DELIVERED, None),
        (event("bounce", type="bounce"), FeedbackKind.BOUNCED, "bounced"),
        (event("bounce", type="blocked"), FeedbackKind.BLOCKED, None),
        (event("bounce"), FeedbackKind.BOUNCED, "bounced"),
        (event("dropped", reason="Bounced Address"), FeedbackKind.DROPPED, "bounced"),
        (event("dropped", reason="Unsubscribed Address"), FeedbackKind.DROPPED, "unsubscribed"),
        (event("dropped", reason="Spam Reporting Address"), FeedbackKind.DROPPED, "complained"),
        (event("dropped", reason="Recipient List over Package Quota"), FeedbackKind.DROPPED, None),
        (event("open"), FeedbackKind.OPENED, None),
        (event("click", url_offset={"index": 0, "type": "html"}), FeedbackKind.CLICKED, None),
        (event("spamreport"), FeedbackKind.COMPLAINED, "complained"),
        (event("unsubscribe"), FeedbackKind.UNSUBSCRIBED, "unsubscribed"),
        (event("group_unsubscribe", asm_group_id=1), FeedbackKind.UNSUBSCRIBED, "unsubscribed"),
    ],
)
def test_each_event_is_told_in_our_words(
    one: dict[str, Any], kind: FeedbackKind, opts_out: str | None
) -> None:
    (found,), unknown = read(posted(one))

    assert (found.kind, found.opts_out, unknown) == (kind, opts_out, 0)
    assert found.delivery_id == "delivery-1"
    assert found.at == datetime.fromtimestamp(1760000001, UTC)


def test_nothing_personal_is_kept_of_an_event() -> None:
    (found,), _ = read(posted(event("click", sg_event_id="ana@secret.example", attempt="ana@secret.example")))

    told = found.model_dump_json()
    assert "secret" not in told
    assert "198.51" not in told
    assert "Mozilla" not in told


@pytest.mark.parametrize(
    "one",
    [
        event("something_new"),
        event("open", timestamp="soon"),
        event("open", timestamp=10**30),
        event("open", handrail_delivery=7),
        "a word",
        None,
    ],
)
def test_what_is_not_understood_is_counted_and_stops_nothing(one: object) -> None:
    found, unknown = read(posted(one, event("delivered")))

    assert [each.kind for each in found] == [FeedbackKind.DELIVERED]
    assert unknown == 1


def test_mails_of_others_and_test_posts_are_passed_over() -> None:
    other = event("delivered")
    del other["handrail_delivery"]

    assert read(posted(other)) == ([], 0)


@pytest.mark.parametrize("raw", [b"{}", b"[", b"\xff"])
def test_a_body_that_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"no list|Expecting|codec"):
        read(raw)

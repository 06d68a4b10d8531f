"""Events that the mail service did not post are not taken, however near they come."""

import base64
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from handrail.errors import ConfigError
from handrail.services.mail import webhook
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.doors.asking import ask, opened, settings_of
from tests.hardening.doors.mails import mailed
from tests.hardening.doors.posts import SIGNATURE, TIMESTAMP, body_of, event, key_of, public, sign

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
Post = tuple[str, bytes, str | None, str | None]
"""What was done to it, the raw body, the signature and the timestamp that came along."""


def genuine_post(delivery_id: str = "0" * 32) -> bytes:
    rng = random.Random(1)
    return body_of([event(delivery_id, "group_unsubscribe", int(STAMP) - 60, rng)])


def forgeries(raw: bytes, count: int) -> Iterator[Post]:
    """`count` posts that nobody with the key ever signed for now, a twelfth of each kind."""
    rng = random.Random(8)
    signature = sign(key_of(), STAMP, raw)
    kinds = (_changed, _signed_otherwise, _at_another_time)
    for at in range(count):
        yield kinds[at % 3](at // 3 % 4, raw, signature, rng)


def _changed(kind: int, raw: bytes, signature: str, rng: random.Random) -> Post:
    """What came along is not what was signed."""
    if kind == 0:
        body = bytearray(raw)
        body[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        return "a bit of the body", bytes(body), signature, STAMP
    if kind == 1:
        der = bytearray(base64.b64decode(signature))
        der[rng.randrange(len(der))] ^= 1 << rng.randrange(8)
        return "a bit of the signature", raw, base64.b64encode(der).decode(), STAMP
    if kind == 2:
        return "more after the body", raw + rng.choice([b" ", b"\n", b"[]", b",{}"]), signature, STAMP
    return "digits pushed into the body", STAMP[-1:].encode() + raw, signature, STAMP[:-1]


def _signed_otherwise(kind: int, raw: bytes, signature: str, rng: random.Random) -> Post:
    """Signed by somebody else, or by nobody."""
    message = STAMP.encode() + raw
    if kind == 0:
        curve = rng.choice([ec.SECP256K1, ec.SECP384R1, ec.SECP521R1, ec.SECP224R1])
        return "a key of another curve", raw, sign(key_of(curve), STAMP, raw), STAMP
    if kind == 1:
        return "another key", raw, sign(key_of(number=rng.randint(1, 5)), STAMP, raw), STAMP
    if kind == 2:
        signed = base64.b64encode(key_of().sign(message, ec.ECDSA(hashes.SHA512()))).decode()
        return "another hash", raw, signed, STAMP
    none = rng.choice([_der(0, 0), _der(1, 1), b"", rng.randbytes(rng.randint(1, 100))])
    return "a signature that is none", raw, base64.b64encode(none).decode(), STAMP


def _at_another_time(kind: int, raw: bytes, signature: str, rng: random.Random) -> Post:
    """Signed for another moment, or with headers that are none."""
    if kind == 0:
        later = str(int(STAMP) + rng.choice([-1, 1]) * rng.randint(1, 240))
        return "another time", raw, signature, later
    if kind == 1:
        old = str(int(STAMP) - 25 * 3600 - rng.randint(1, 10**8))
        return "a replay that is too old", raw, sign(key_of(), old, raw), old
    if kind == 2:
        ahead = str(int(STAMP) + 301 + rng.randint(0, 10**8))
        return "a time that is to come", raw, sign(key_of(), ahead, raw), ahead
    return "odd headers", raw, *rng.choice(odd_headers(signature))


def _der(r: int, s: int) -> bytes:
    return bytes([0x30, 6, 2, 1, r, 2, 1, s])


def odd_headers(signature: str) -> list[tuple[str | None, str | None]]:
    return [
        (None, None),
        (None, STAMP),
        (signature, None),
        ("", STAMP),
        (signature, ""),
        (signature, f"+{STAMP[1:]}"),
        (signature, f" {STAMP}"),
        (signature, f"{STAMP}\n"),
        (signature, f"{STAMP}.0"),
        (signature, "9" * 10),
        (signature, "0" * 10),
        (signature, "9" * 4000),
        (signature, "".join(chr(0x660 + int(digit)) for digit in STAMP)),
        (f"{signature}, {signature}", STAMP),
        (signature.replace("M", "\u041c", 1), STAMP),
        (f"sha256={signature}", STAMP),
        ("\u00ff" * 96, STAMP),
        ("A" * 100_001, STAMP),
    ]


def test_no_forged_post_is_taken_for_genuine(promise: Promise) -> None:
    raw = genuine_post()
    total = tried(10_000)
    kinds: Counter[str] = Counter()
    taken = []
    for what, body, signature, stamp in forgeries(raw, total):
        kinds[what] += 1
        if webhook.genuine([public(key_of())], body, signature, stamp, NOW):
            taken.append((what, body, signature, stamp))

    assert webhook.genuine([public(key_of())], raw, sign(key_of(), STAMP, raw), STAMP, NOW)
    assert len(kinds) == 12
    assert taken == []
    promise(f"forged events: 0 of {total} were taken for the mail service's, of {len(kinds)} kinds")


@pytest.mark.parametrize("curve", [ec.SECP256K1, ec.SECP384R1, ec.SECP521R1])
def test_a_key_of_another_curve_is_no_verification_key(curve: type[ec.EllipticCurve]) -> None:
    raw = genuine_post()
    other = key_of(curve)

    with pytest.raises(ConfigError, match="HANDRAIL_SENDGRID_WEBHOOK_KEY is no verification key"):
        webhook.genuine([public(other)], raw, sign(other, STAMP, raw), STAMP, NOW)


async def test_forged_posts_over_http_are_refused_and_leave_nothing(tmp_path: Path, promise: Promise) -> None:
    settings = settings_of(tmp_path, sendgrid_webhook_key=(public(key_of()),), now=NOW)
    statuses: Counter[int] = Counter()
    async with opened(settings) as (app, ctx):
        [one] = await mailed(ctx, 1)
        raw = genuine_post(one.delivery.id)
        for _, body, signature, stamp in forgeries(raw, tried(2000)):
            given = [(name, value) for name, value in ((SIGNATURE, signature), (TIMESTAMP, stamp)) if value]
            answer = await ask(app, "POST", "/hooks/sendgrid", *given, pieces=[body])
            statuses[answer.status] += 1
            assert answer.is_problem
        async with ctx.store.read() as work:
            before = await work.deliveries.opted_out(), await work.feedback.of([one.delivery.id])
        headers = ((SIGNATURE, sign(key_of(), STAMP, raw)), (TIMESTAMP, STAMP))
        good = await ask(app, "POST", "/hooks/sendgrid", *headers, pieces=[raw])
        again = await ask(app, "POST", "/hooks/sendgrid", *headers, pieces=[raw])
        async with ctx.store.read() as work:
            after = await work.deliveries.opted_out()

    assert set(statuses) == {403}
    assert before == (0, {})
    assert (good.status, good.text, again.text) == (200, '{"kept":1}', '{"kept":0}')
    assert after == 1
    promise(f"forged events over HTTP: {statuses[403]} of {statuses.total()} refused, nothing kept")


ODD_BODIES: tuple[tuple[bytes, int], ...] = (
    (b"[]", 200),
    (b'[1, null, "x", [], {}, 1.5, true]', 200),
    (b"[{}]", 200),
    (b"[" * 100_000, 400),
    (b"[" * 5000 + b"]" * 5000, 400),
    (b"[", 400),
    (b"[NaN]", 200),
    (b"[\xff\xfe]", 400),
    (b'[{"a":' + b"9" * 5000 + b"}]", 400),
    (b'["\\ud800"]', 200),
)


@pytest.mark.parametrize(("body", "status"), ODD_BODIES)
async def test_what_is_signed_and_still_odd_breaks_nothing(body: bytes, status: int, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sendgrid_webhook_key=(public(key_of()),), now=NOW)
    async with opened(settings) as (app, _):
        headers = ((SIGNATURE, sign(key_of(), STAMP, body)), (TIMESTAMP, STAMP))
        answer = await ask(app, "POST", "/hooks/sendgrid", *headers, pieces=[body])

    assert answer.status == status
    assert status == 200 or answer.is_problem


ODD_FIELDS: tuple[dict[str, object], ...] = (
    {"handrail_delivery": 5},
    {"handrail_delivery": None},
    {"handrail_delivery": "\ud800"},
    {"handrail_delivery": "a\x00b"},
    {"handrail_delivery": ["x"]},
    {"timestamp": 1e300},
    {"timestamp": 10**30},
    {"timestamp": -(10**30)},
    {"timestamp": "now"},
    {"event": {"a": 1}},
    {"event": "made_up"},
    {"sg_event_id": "\udfff"},
    {"sg_event_id": {"deep": [1]}},
    {"url_offset": {"index": "\ud800"}},
    {"url_offset": [1]},
    {"attempt": "\ud83d"},
    {"reason": ["Invalid"]},
)


async def test_one_odd_event_does_not_cost_the_others_of_its_post(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sendgrid_webhook_key=(public(key_of()),), now=NOW)
    rng = random.Random(3)
    kept = []
    async with opened(settings) as (app, ctx):
        mails = await mailed(ctx, len(ODD_FIELDS) * 2)
        for at, odd in enumerate(ODD_FIELDS):
            first, second = (mails[2 * at + more].delivery.id for more in (0, 1))
            stamp = int(STAMP) - 90
            raw = body_of(
                [
                    event(first, "delivered", stamp, rng) | odd,
                    event(second, "delivered", stamp, rng),
                ]
            )
            headers = ((SIGNATURE, sign(key_of(), STAMP, raw)), (TIMESTAMP, STAMP))
            answer = await ask(app, "POST", "/hooks/sendgrid", *headers, pieces=[raw])
            async with ctx.store.read() as work:
                kept.append((answer.status, second in await work.feedback.of([second])))

    assert kept == [(200, True)] * len(ODD_FIELDS)


def test_what_was_signed_within_the_window_is_taken_at_its_edges() -> None:
    raw = genuine_post()
    for seconds, taken in ((0, True), (25 * 3600, True), (25 * 3600 + 1, False), (-300, True), (-301, False)):
        stamp = str(int((NOW - timedelta(seconds=seconds)).timestamp()))
        assert webhook.genuine([public(key_of())], raw, sign(key_of(), stamp, raw), stamp, NOW) is taken

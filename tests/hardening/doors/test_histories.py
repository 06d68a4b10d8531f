"""What is known of a mail does not depend on the order, the number or the grouping of what was told of it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Delivery, FollowUp, Status
from handrail.flows.feedback import take
from handrail.services.mail import webhook
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.doors.asking import settings_of
from tests.hardening.doors.mails import AT, mail
from tests.hardening.doors.posts import ENGAGED, body_of, event

SENT_AT = int(AT.timestamp())
Event = dict[str, Any]


def history(delivery_id: str, rng: random.Random) -> list[Event]:
    """What the service tells of one mail, oldest first: its way, who read it, and what comes days later."""
    at = SENT_AT

    def later(name: str, most: int, **more: Any) -> Event:
        nonlocal at
        at += rng.randint(0, most)
        return event(delivery_id, name, at, rng, **more)

    if rng.random() < 0.15:
        reasons = [
            "Unsubscribed Address",
            "Bounced Address",
            "Invalid",
            "Spam Reporting Address",
            "Spam Content",
        ]
        return [later("dropped", 60, reason=rng.choice(reasons))]
    found = [later("processed", 60)]
    found += [later("deferred", 600, attempt=str(number)) for number in range(rng.randint(0, 3))]
    if rng.random() < 0.25:
        return [
            *found,
            later("bounce", 600, type=rng.choice(["bounce", "blocked"]), reason="550 <ana@example.com>"),
        ]
    found.append(later("delivered", 600))
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(ENGAGED)
        more: dict[str, Any] = {}
        if name == "open":
            more["sg_machine_open"] = rng.choice([True, False])
        if name == "click":
            more["url_offset"] = {"index": rng.randint(0, 2), "type": "html"}
        found.append(later(name, rng.choice([0, 0, 3600]), **more))
    if rng.random() < 0.1:
        found.append(later("bounce", 86400, type="bounce"))
    if rng.random() < 0.1:  # the question that follows goes under the mail's own id
        found.append(later("dropped", 86400, reason="Spam Content"))
    return found


def retold(events: list[Event], rng: random.Random) -> list[list[Event]]:
    """The same in posts as they really come: some of it again, under new ids, in any order."""
    told = [each for each in events for _ in range(rng.choice([1, 1, 2, 3]))]
    told = [
        {**each, "sg_event_id": f"{rng.getrandbits(60):x}"} if rng.random() < 0.5 else each for each in told
    ]
    rng.shuffle(told)
    posts: list[list[Event]] = [[]]
    for each in told:
        if posts[-1] and rng.random() < 0.4:
            posts.append([])
        posts[-1].append(each)
    return posts


def state(database: databases.Tables, one: Delivery) -> dict[str, list[Any]]:
    """All that is kept of a mail and its reader, save the service's ids, which change with each copy."""
    kept = {
        "mail": ("select status, detail, reason from deliveries where id = ?", one.id),
        "question": ("select status, detail from follow_ups where delivery_id = ?", one.id),
        "told": ("select kind, at, by_machine from feedback where delivery_id = ? order by 1, 2, 3", one.id),
        "left": ("select kind, at from opt_outs where user_key = ?", one.user_key),
    }
    return {what: database.execute(query, (whose,)).fetchall() for what, (query, whose) in kept.items()}


@asynccontextmanager
async def kept_in(folder: Path) -> AsyncIterator[databases.Tables]:
    with databases.tables(folder) as database:
        yield database


async def tell(ctx: ToolContext, posts: list[list[Event]]) -> None:
    for post in posts:
        events, unknown = webhook.read(body_of(post))
        assert unknown == 0
        await take(ctx, events)


async def test_a_thousand_histories_end_the_same_in_whatever_order_they_are_told(
    tmp_path: Path, promise: Promise
) -> None:
    rng = random.Random(8)
    total, told, different = tried(1000), 0, []
    async with open_context(settings_of(tmp_path)) as ctx, kept_in(tmp_path) as database:
        for number in range(total):
            status = rng.choice([Status.SENDING, Status.UNKNOWN, Status.SENT])
            ordered, shuffled = (mail(number, status=status, salt=name) for name in ("ordered", "shuffled"))
            asked = rng.random() < 0.3
            async with ctx.store.begin() as work:
                await work.deliveries.keep_all([ordered, shuffled])
                for one in (ordered, shuffled) if asked else ():
                    await work.follow_ups.keep(
                        FollowUp(
                            delivery_id=one.id, status=Status.UNKNOWN, decided_at=AT + timedelta(hours=3)
                        )
                    )
            events = history(ordered.id, rng)
            other = [
                {**each, "handrail_delivery": shuffled.id, "sg_event_id": f"{rng.getrandbits(60):x}"}
                for each in events
            ]
            posts = retold(other, rng)
            told += sum(map(len, posts))
            await tell(ctx, [[each] for each in events])
            await tell(ctx, posts)
            in_order, otherwise = state(database, ordered), state(database, shuffled)
            if in_order != otherwise:
                different.append((number, [each["event"] for each in events], in_order, otherwise))

    assert different == []
    promise(f"histories: {total} mails end the same in order and as {told} events in any order, repeated")


async def test_an_opt_out_has_its_earliest_reason_whichever_was_told_first(tmp_path: Path) -> None:
    rng = random.Random(1)
    async with open_context(settings_of(tmp_path)) as ctx, kept_in(tmp_path) as database:
        for number, turned in enumerate((False, True)):
            one = mail(number)
            async with ctx.store.begin() as work:
                await work.deliveries.keep_all([one])
            events = [
                event(one.id, "unsubscribe", SENT_AT + 60, rng),
                event(one.id, "spamreport", SENT_AT + 90, rng),
            ]
            await tell(ctx, [[each] for each in (reversed(events) if turned else events)])
            [(kind, _)] = state(database, one)["left"]
            assert kind == "unsubscribed"


async def test_a_mail_that_was_told_dropped_and_taken_on_counts_as_having_left(tmp_path: Path) -> None:
    rng = random.Random(1)
    async with open_context(settings_of(tmp_path)) as ctx, kept_in(tmp_path) as database:
        for number, names in enumerate((["dropped", "delivered"], ["delivered", "dropped"])):
            one = mail(number, status=Status.UNKNOWN)
            async with ctx.store.begin() as work:
                await work.deliveries.keep_all([one])
            await tell(ctx, [[event(one.id, name, SENT_AT + 60, rng)] for name in names])
            assert state(database, one)["mail"] == [("sent", "told_accepted", "")]

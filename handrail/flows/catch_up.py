"""After a restore: what was mailed and said since the backup is asked for before anything leaves."""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, RECALLED, Delivery, FollowUp, Status
from handrail.domain.restores import CaughtUp
from handrail.engine import keys
from handrail.errors import NotOffered, UpstreamError

if TYPE_CHECKING:
    from handrail.services.mail.log import Logged
    from handrail.store import Work

OVERLAP = timedelta(hours=1)
"""Asked for before the backup as well, for clocks differ."""

LATE = timedelta(minutes=15)
"""The log tells of a mail so late at the most: it is read when the last one must stand in it."""

WAITED = timedelta(days=14)
"""So long after its night a mail may have left, having waited for hours or for a yes."""

log = logging.getLogger(__name__)


@dataclass
class _People:
    """Everybody who has a profile, by what a mail in the log can be known by. In memory only."""

    keys: list[str] = field(default_factory=list)
    by_address: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


async def catch_up(ctx: ToolContext) -> CaughtUp | None:
    """Take in what the tables of a backup lack; None where nothing was restored, or all of it has caught up.

    The mail service's lists are read whole, and its log from the backup on. Of what the log cannot tell, the
    longest cool-down is waited for. Raises `UpstreamError` while that cannot be done: then nothing leaves.
    """
    from handrail.services.mail import suppressions  # noqa: PLC0415  (the mail client, only before mail leaves)

    now = ctx.clock.now()
    async with ctx.store.read() as work:
        pending = await work.restores.pending()
    if not pending:
        return None
    ready = max(each.restored_at for each in pending) + LATE
    if now < ready:
        raise UpstreamError(
            f"A backup was restored, and the mail service's log may be {LATE // timedelta(minutes=1)} "
            f"minutes late: nothing is sent before it is read at {ready:%H:%M} UTC."
        )
    since = min(each.backup_at for each in pending)
    listed = await suppressions.since(ctx.mail, None)
    mails, known_from = await _mails(ctx, since, now)
    people = await _people(ctx) if mails else _People()
    held_until = known_from + timedelta(days=ctx.settings.feature_cooldown_days)
    async with ctx.store.begin() as work:
        for one in listed:
            await work.feedback.suppress(keys.address_key(ctx.secret, one.address), one.kind, one.at)
        found = await _whose(ctx, work, mails, people, since)
        for mail, delivery in found:
            await _recall(work, delivery, mail.at)
        kept_from_all = await _keep_from_all(ctx, work, now)
        await work.feedback.lists_read(now)
        done = CaughtUp(
            suppressed=len(listed),
            recalled=len(found),
            untraced=len(mails) - len({id(mail) for mail, _ in found}),
            held_until=held_until if known_from > since and held_until > now else None,
            kept_from_all=kept_from_all,
        )
        await work.restores.caught_up(now, done.held_until)
    log.info(
        "caught up after a restore: %d mails recalled, %d without a reader", done.recalled, done.untraced
    )
    return done


async def _mails(ctx: ToolContext, since: datetime, now: datetime) -> "tuple[list[Logged], datetime]":
    """What left since the backup, and from when on that is all of it."""
    from handrail.services.mail import log as mail_log  # noqa: PLC0415  (as above)

    try:
        mails = await mail_log.mails_since(ctx.mail, since - OVERLAP, now + OVERLAP)
    except NotOffered as error:
        log.warning("%s Mails since the backup are not known: the longest cool-down is waited for.", error)
        return [], now
    return mails, max(since, now - mail_log.REACH)


async def _people(ctx: ToolContext) -> _People:
    found = _People()
    async for profile in ctx.mixpanel.profiles(["$email"]):
        user_key = ctx.people.key_of(profile.distinct_id)
        found.keys.append(user_key)
        address = profile.properties.get("$email")
        if isinstance(address, str):
            found.by_address[keys.address_key(ctx.secret, address)].append(user_key)
    return found


async def _whose(
    ctx: ToolContext, work: "Work", mails: "Sequence[Logged]", people: _People, since: datetime
) -> "list[tuple[Logged, Delivery]]":
    """The mails as rows. A delivery's id is made of night, person and feature: these are tried out.

    Where none fits, everybody at the address counts as mailed, with a feature that is not known.
    """
    ids = {mail.delivery_id for mail in mails if mail.delivery_id}
    known = await work.deliveries.among(sorted(ids))
    slugs = {each.slug for each in ctx.kb.features()} | await work.deliveries.features() - {""}
    ago = ctx.clock.now() - since + WAITED
    nights = [(since - WAITED).date() + timedelta(days=ahead) for ahead in range(ago.days + 2)]
    traced = await asyncio.to_thread(_traced, ids - known.keys(), nights, people.keys, slugs)
    accounts = await work.deliveries.accounts_of({whose for _, whose, _ in traced.values()})
    found = []
    for mail in mails:
        if mail.delivery_id in known:
            found.append((mail, known[mail.delivery_id]))
        elif mail.delivery_id in traced:
            night, whose, slug = traced[mail.delivery_id]
            row = _row(mail, mail.delivery_id, night, whose, slug, accounts.get(whose, ()))
            found.append((mail, row))
        else:
            for whose in people.by_address.get(keys.address_key(ctx.secret, mail.address), ()):
                night = mail.at.date() - timedelta(days=1)
                own = keys.delivery_id(night, whose, f"{RECALLED} {mail.at.isoformat()}")
                found.append((mail, _row(mail, own, night, whose, "", ())))
    return found


def _traced(
    ids: Collection[str], nights: Sequence[date], people: Sequence[str], features: Collection[str]
) -> dict[str, tuple[date, str, str]]:
    """(night, user key, feature) by delivery id. `keys.delivery_id` over all that may be, spelt for speed."""
    found: dict[str, tuple[date, str, str]] = {}
    for night in nights if ids else ():
        begun = hashlib.sha256(f"{night.isoformat()}/".encode())
        for user_key in people:
            for feature in features:
                one = begun.copy()
                one.update(f"{user_key}/{feature}".encode())
                if (name := one.hexdigest()[:32]) in ids:
                    found[name] = (night, user_key, feature)
    return found


def _row(
    mail: "Logged", delivery_id: str, night: date, user_key: str, feature: str, accounts: Sequence[str]
) -> Delivery:
    return Delivery(
        id=delivery_id,
        night=night,
        user_key=user_key,
        feature=feature,
        account_ids=tuple(accounts),
        actor="nightly",
        tutorial_id="",
        signature="",
        status=Status.PLANNED,
        reason="",
        detail="",
        decided_at=mail.at,
    )


async def _recall(work: "Work", delivery: Delivery, at: datetime) -> None:
    """The first mail of an id is the tutorial, one after that the question that follows it."""
    now = await work.deliveries.get(delivery.id)
    if now is None or now.status not in MAY_HAVE_ARRIVED:
        sent = {"status": Status.SENT, "reason": "", "detail": RECALLED, "decided_at": at, "due_at": None}
        await work.deliveries.recall((now or delivery).model_copy(update=sent))
    elif now.status is not Status.SENT:
        await work.deliveries.settle(delivery.id, Status.SENT, RECALLED)
    elif at > now.decided_at + OVERLAP:
        await work.follow_ups.keep(FollowUp(delivery_id=delivery.id, status=Status.SENT, decided_at=at))


async def _keep_from_all(ctx: ToolContext, work: "Work", now: datetime) -> int:
    """Where no place outside keeps opt-outs, anybody who had a mail may have opted out since the backup."""
    if ctx.mail.opt_outs_to or ctx.mixpanel.ingest is not None:
        return 0
    mailed = await work.deliveries.mailed()
    for user_key in sorted(mailed):
        await work.deliveries.opt_out(user_key, "unsubscribed", now)
    return len(mailed)

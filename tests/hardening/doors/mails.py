"""Mails on record with their links, as a night leaves them, written straight into the tables."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.flows.deliver import Tokens
from tests.mailed import delivery

NIGHT = date(2026, 11, 19)
AT = datetime(2026, 11, 20, 2, 5, tzinfo=UTC)
GUIDE = "https://docs.vendor.example/exports#step-2"


@dataclass(frozen=True)
class Mailed:
    """One mail that left, and the tokens of its links."""

    delivery: Delivery
    tokens: Tokens


def mail(number: int, *, status: Status = Status.SENT, salt: str = "") -> Delivery:
    name = hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
    return delivery(name[:32], name, night=NIGHT, at=AT, feature="exports", status=status)


async def mailed(ctx: ToolContext, count: int) -> list[Mailed]:
    """So many mails, each with a link of every kind."""
    found = [Mailed(mail(number), Tokens()) for number in range(count)]
    async with ctx.store.begin() as work:
        await work.deliveries.keep_all([each.delivery for each in found])
        for each in found:
            for token, purpose, target in (
                (each.tokens.click, "click", f"/tutorials/{each.tokens.page}"),
                (each.tokens.page, "page", ""),
                (each.tokens.guide, "guide", GUIDE),
                (each.tokens.unsubscribe, "unsubscribe", ""),
            ):
                await work.deliveries.add_link(token, each.delivery.id, purpose, target, AT)
    return found

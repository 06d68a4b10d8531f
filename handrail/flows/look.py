"""What Mixpanel says of people seconds before their mails would leave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.struggles import Struggle
from handrail.domain.tutorials import Tutorial
from handrail.errors import BrokenExport, CallerError, UpstreamError
from handrail.flows.suppressions import keep_up
from handrail.flows.sync import read_events
from handrail.settings import SendMode

if TYPE_CHECKING:
    from handrail.services.people import Contact

BLOCK = 500
"""People whose address and later success are asked for together, seconds before their mails leave."""

STALE = timedelta(seconds=60)
"""What was asked longer ago is asked again before the next mail leaves."""


@dataclass(frozen=True)
class Case:
    """One mail to decide on: a struggle, its document, and the tutorial if there is one."""

    struggle: Struggle
    feature: Feature | None
    tutorial: Tutorial | None
    night: date


@dataclass
class Now:
    """What Mixpanel says seconds before the send. It lives in memory and is thrown away with the block."""

    checked: bool
    at: datetime
    zone: str = "UTC"
    """The project's; of people whose own zone is not known."""
    missing: str = ""
    """Why nobody was checked, in our words."""
    sender_down: bool = False
    """The mail service refuses everything: nobody after that is mailed."""
    sender_busy_until: datetime | None = None
    """The mail service took nothing for the moment: who comes before that waits."""
    contacts: "dict[str, Contact]" = field(default_factory=dict)
    succeeded: set[tuple[str, str]] = field(default_factory=set)
    """(user key, feature) of everybody who succeeded after their last attempt."""


def needs_no_look(ctx: ToolContext) -> bool:
    """Whether the policy will say no before it asks about the person: then no address is fetched."""
    return ctx.settings.send_mode is SendMode.OFF


async def look_now(ctx: ToolContext, cases: Sequence[Case]) -> Now:
    """Ask Mixpanel again about these people: address, opt-out, and success since the last attempt.

    Before that, what the mail service knows of addresses; what cannot be asked leaves everybody unchecked.
    """
    at = ctx.clock.now()
    zone = await ctx.zone()
    try:
        await keep_up(ctx)
        contacts = await ctx.people.fetch({case.struggle.user_key for case in cases})
        return Now(checked=True, at=at, zone=zone, contacts=contacts, succeeded=await _succeeded(ctx, cases))
    except (UpstreamError, BrokenExport, CallerError) as error:
        return Now(checked=False, at=at, zone=zone, missing=str(error))


async def _succeeded(ctx: ToolContext, cases: Sequence[Case]) -> set[tuple[str, str]]:
    known = [case for case in cases if case.feature is not None]
    if not known:
        return set()
    zone = await ctx.zone()
    success = {case.feature.slug: case.feature.events.success for case in known if case.feature}
    first = min(case.struggle.last_attempt for case in known).astimezone(UTC).date() - timedelta(days=1)
    # Today's incomplete day counts here: a success of an hour ago must stop the mail. No pipeline has it yet.
    table = await read_events(
        ctx,
        zone,
        first,
        ctx.clock.now().date() + timedelta(days=1),
        events=sorted(set(success.values())),
        live=True,
    )
    try:
        latest: dict[tuple[str, str], int] = {}
        for user_key, events in table.by_user(sorted(set(success.values()))):
            for event in events:
                latest[user_key, event.name] = max(latest.get((user_key, event.name), 0), event.time)
    finally:
        table.close()
    return {
        (case.struggle.user_key, case.struggle.feature)
        for case in known
        if latest.get((case.struggle.user_key, success[case.struggle.feature]), 0)
        >= case.struggle.last_attempt.timestamp()
    }

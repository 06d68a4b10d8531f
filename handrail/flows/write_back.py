"""Telling Mixpanel of mails and completions: events, profile properties, and a note at the night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.writes import NewEvent, News, ProfileChange
from handrail.errors import HandrailError
from handrail.services.mixpanel.write import Ingest, insert_id
from handrail.store.write_backs import night_key

REACH = timedelta(days=30)
"""Mails and completions before that are not told any more, as of people without a profile."""

BLOCK = 500
"""Told together, and then written down as told: so many are told again after a death between the two."""


@dataclass
class Told:
    """How many events Mixpanel took, and what the night's report should say."""

    events: int = 0
    notes: list[str] = field(default_factory=list)


async def write_back(ctx: ToolContext) -> Told:
    """Tell what was not told yet. Safe to repeat: ids and times of the events are those of the mails.

    Without HANDRAIL_MIXPANEL_TOKEN nothing is written. Raises what Mixpanel's refusals raise.
    """
    told, ingest = Told(), ctx.mixpanel.ingest
    if ingest is None:
        return told
    async with ctx.store.begin() as work:
        # News is at most REACH old, and was told after it happened: twice that is long past.
        await work.write_backs.forget(ctx.clock.now() - 2 * REACH)
    async with ctx.store.read() as work:
        news = await work.write_backs.untold(ctx.clock.now() - REACH)
        accounts = {each.id: each for each in await work.accounts.all()} if news else {}
    await _annotate(ctx, news, told)
    people = {each.user_key for each in news}
    ctx.people.expect(people)
    ids = await ctx.people.ids(people) if people else {}
    known = [each for each in news if each.user_key in ids]
    for at in range(0, len(known), BLOCK):
        block = known[at : at + BLOCK]
        await _tell(ctx, ingest, block, ids, accounts, told)
        async with ctx.store.begin() as work:
            await work.write_backs.told([each.key for each in block], ctx.clock.now())
    return told


async def _tell(
    ctx: ToolContext,
    ingest: Ingest,
    block: Sequence[News],
    ids: Mapping[str, str],
    accounts: Mapping[str, Account],
    told: Told,
) -> None:
    events = [_event(ctx, each, ids[each.user_key], accounts) for each in block]
    done = await ingest.import_events(events)
    told.events += done.taken
    if done.refused:
        told.notes.append(
            f"Mixpanel refused {len(done.refused)} events about mails; they are not told again."
        )
    refused = {events[place].distinct_id for place in done.refused}
    await ingest.set_profiles([each for each in _profiles(block, ids) if each.distinct_id not in refused])


def _event(ctx: ToolContext, news: News, distinct_id: str, accounts: Mapping[str, Account]) -> NewEvent:
    """Ids and words of ours only: no text of a mail, nothing of its reader."""
    of = [accounts[each].mixpanel_id for each in news.account_ids if each in accounts]
    account = {ctx.mixpanel.account_property: of[0] if len(of) == 1 else of} if of else {}
    return NewEvent(
        event=f"handrail_tutorial_{news.what}",
        distinct_id=distinct_id,
        time=int(news.at.timestamp()),
        insert_id=insert_id(news.what, news.delivery_id),
        properties={
            "feature": news.feature,
            "tutorial_id": news.tutorial_id,
            "style": news.style,
            "night": news.night.isoformat(),
            **account,
        },
    )


def _profiles(block: Sequence[News], ids: Mapping[str, str]) -> list[ProfileChange]:
    """One change for each person; of several mails the last one is the last tutorial."""
    found = []
    for user_key in dict.fromkeys(each.user_key for each in block):
        mine = [each for each in block if each.user_key == user_key]
        sent = [each for each in mine if each.what == "sent"]
        completed = [each for each in mine if each.what == "completed"]
        union = {"handrail_tutorials": _features(sent), "handrail_completed": _features(completed)}
        found.append(
            ProfileChange(
                distinct_id=ids[user_key],
                values=_last(sent),
                union={name: features for name, features in union.items() if features},
            )
        )
    return found


def _last(sent: Sequence[News]) -> dict[str, str]:
    """The last mail; its time in UTC, as Mixpanel writes times of profiles."""
    if not sent:
        return {}
    at = sent[-1].at.strftime("%Y-%m-%dT%H:%M:%S")
    return {"handrail_last_tutorial": sent[-1].feature, "handrail_last_tutorial_at": at}


def _features(news: Sequence[News]) -> tuple[str, ...]:
    return tuple(sorted({each.feature for each in news}))


async def _annotate(ctx: ToolContext, news: Sequence[News], told: Told) -> None:
    """One note at the first mail of a night; where the project does not take any, that is all."""
    first = {each.night: each.at for each in reversed(news) if each.what == "sent"}
    for night, at in sorted(first.items()):
        async with ctx.store.read() as work:
            if await work.write_backs.noted(night):
                continue
        try:
            await ctx.mixpanel.annotations.add(
                at, await ctx.zone(), f"Handrail mailed tutorials: night of {night}"
            )
        except HandrailError as error:
            told.notes.append(f"The night of {night} has no note in Mixpanel: {error}")
            continue
        async with ctx.store.begin() as work:
            await work.write_backs.told([night_key(night)], ctx.clock.now())

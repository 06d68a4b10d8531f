"""One night, from Mixpanel's wire to mail in inboxes, told as a story."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from agent import writing
from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Reason, Status
from handrail.domain.periods import Period
from handrail.domain.runs import FeatureStruggles, Report
from handrail.domain.struggles import Struggle
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys
from handrail.engine import struggles as rules
from handrail.engine.accuracy import LEAST_ACCURACY
from handrail.engine.periods import last_complete_day
from handrail.errors import BrokenExport, CallerError, UpstreamError
from handrail.flows.detect import detect
from handrail.flows.gaps import docs_gaps
from handrail.flows.look import Case
from handrail.flows.mailing import mail_all
from handrail.flows.measure import count_nightly
from handrail.flows.outcomes import follow_outcomes
from handrail.flows.refresh import planned_questions, refresh
from handrail.flows.rehearse import rehearse
from handrail.flows.review import open_reviews
from handrail.flows.sync import sync
from handrail.flows.verify import verify
from handrail.lock import one_at_a_time
from handrail.settings import SendMode

SYNC_PATIENCE = 3600.0
"""Seconds that a night waits for a sync that somebody else started."""

ABANDONED = timedelta(minutes=10)
"""A mail that another process has been sending for so long is not being sent any more."""

MOST_GAPS = 10
"""Gaps of the documents in a report; `handrail docs gaps` lists all."""

log = logging.getLogger(__name__)


@dataclass
class Notebook:
    """What the night has done so far; becomes the report."""

    report: Report
    dry_run: bool = False
    """Whether it only finds out what it would do: nothing is sent, and no decision is kept."""
    decided: list[Delivery] | None = None
    """What a dry run would have decided."""
    notes: list[str] = field(default_factory=list)

    def write(self, **values: object) -> None:
        self.report = self.report.model_copy(update={**values, "notes": tuple(self.notes)})


async def run(
    ctx: ToolContext,
    *,
    night: date | None = None,
    backfill_from: date | None = None,
    dry_run: bool = False,
) -> Report:
    """Run the night of `night` (default: the last complete project day). Safe to run again.

    Raises `HandrailError` where nothing could be done; what could only partly be done is noted in the report.
    A dry run reads, measures and writes texts as ever, sends nothing and keeps no decision and no report.
    """
    ctx = ctx.acting_as("nightly")
    if ctx.settings.send_mode is not SendMode.OFF:
        ctx.mail.require()
    async with one_at_a_time(ctx.settings.data_dir, "night"):
        zone = await ctx.mixpanel.zone()
        as_of = night or last_complete_day(ctx.clock.now(), zone)
        report = Report(night=as_of, status="running", started_at=ctx.clock.now(), zone=zone, dry_run=dry_run)
        book = Notebook(report, dry_run=dry_run)
        book.write(mode=ctx.settings.send_mode.value)
        await _save(ctx, book)
        try:
            await _work(ctx, book, as_of, backfill_from)
        except BaseException:
            book.write(status="failed", finished_at=ctx.clock.now())
            with suppress(Exception):
                await _save(ctx, book)
            raise
        book.write(status="done", finished_at=ctx.clock.now())
        await _save(ctx, book)
        return book.report


async def _work(ctx: ToolContext, book: Notebook, as_of: date, backfill_from: date | None) -> None:
    if not book.dry_run:
        await _recover(ctx, book)
    await _plan(ctx, book)
    await _sync(ctx, book, as_of, backfill_from)
    await _follow(ctx, book)
    await _verify(ctx, book, as_of)
    await _measure(ctx, book, as_of)
    found = await _detect(ctx, book, as_of)
    tutorials = await _write(ctx, book, found)
    await _mail(ctx, book, as_of, found, tutorials)
    if not book.dry_run:
        await _review(ctx, book, as_of)
        await _refresh(ctx, book, as_of)
    await _count(ctx, book, as_of)


async def _recover(ctx: ToolContext, book: Notebook) -> None:
    """Mails that a killed night was sending may have arrived: unknown, and never sent again blindly."""
    async with ctx.store.begin() as work:
        interrupted = await work.deliveries.interrupted("nightly", begun_before=ctx.clock.now() - ABANDONED)
    if interrupted:
        book.notes.append(
            f"Mails that were being sent when a process stopped, and stay unknown: {interrupted}."
        )


async def _plan(ctx: ToolContext, book: Notebook) -> None:
    """What the night will ask of the shared hourly budget, told before it asks."""
    profiles = bool(ctx.settings.mixpanel_group_id) + len(ctx.settings.mixpanel_cohorts)
    planned = profiles + bool(ctx.kb.features()) + 1 + await planned_questions(ctx)
    left = await ctx.ledger.left("query") if ctx.ledger else planned
    if left < planned:
        book.notes.append(
            f"Of {planned} questions to Mixpanel only {left} fit into this hour: "
            "what is left is counted from the raw export, and mails may have to wait."
        )
    book.write(questions_planned=planned, questions_left=left)
    log.info("the night plans %d questions beside the mails; %d are left in this hour", planned, left)


async def _sync(ctx: ToolContext, book: Notebook, as_of: date, backfill_from: date | None) -> None:
    record = await sync(ctx, from_day=backfill_from, to_day=as_of, patience=SYNC_PATIENCE)
    async with ctx.store.read() as work:
        accounts = await work.accounts.all()
        active = await work.metrics.totals(Period.of_days(7, as_of, record.zone))
    book.write(
        accounts=len(accounts),
        active_accounts=len(active),
        events=record.events,
        events_with_account=record.events_with_account,
        users=record.users,
        users_with_account=record.users_with_account,
    )


async def _follow(ctx: ToolContext, book: Notebook) -> None:
    """Who completed a feature after their mail; what cannot be asked tonight is asked tomorrow."""
    try:
        book.write(outcomes_settled=await follow_outcomes(ctx))
    except (UpstreamError, BrokenExport, CallerError) as error:
        book.notes.append(f"Outcomes of earlier mails were not followed: {error}")


async def _verify(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Our counts against Mixpanel's own; a night without that answer goes on and says so."""
    try:
        agreement = await verify(ctx, as_of)
    except (UpstreamError, CallerError) as error:
        book.notes.append(f"Our counts were not compared with Mixpanel's: {error}")
        return
    book.write(agreement=agreement)
    if agreement and agreement.accuracy is not None and agreement.accuracy < LEAST_ACCURACY:
        book.notes.append(
            f"Our counts agree with Mixpanel's to {agreement.accuracy:.1%} only "
            f"({agreement.from_date} to {agreement.to_date}): check the sync before you trust the figures."
        )


async def _measure(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Funnels of all accounts, by standard period and by day, from one export."""
    try:
        book.notes += await count_nightly(ctx, await ctx.mixpanel.funnels(), as_of)
    except (UpstreamError, BrokenExport, CallerError) as error:
        book.notes.append(f"Funnels were not all measured: {error}")


async def _detect(ctx: ToolContext, book: Notebook, as_of: date) -> list[Struggle]:
    judged = await detect(ctx, ctx.kb.features(), as_of)
    found = rules.prioritised([one for verdicts, _ in judged.values() for one in verdicts])
    book.write(
        struggles=tuple(
            FeatureStruggles(
                feature=slug,
                struggling=len(verdicts),
                accounts=len({account for one in verdicts for account in one.account_ids}),
                route=route,
            )
            for slug, (verdicts, route) in judged.items()
        ),
        struggling_users=len({one.user_key for one in found}),
    )
    return found


async def _write(ctx: ToolContext, book: Notebook, found: Sequence[Struggle]) -> dict[str, Tutorial]:
    """One tutorial for each signature; people who share one share the text."""
    texts = await writing.write(ctx, [(one.signature, "plain") for one in found])
    tutorials = {key: tutorial for (key, _), tutorial in texts.items()}
    total, notes = await writing.spent(ctx)
    book.notes.extend(notes)
    book.write(
        tutorials=len(tutorials),
        tutorials_in_own_words=sum(each.source == "document" for each in tutorials.values()),
        model_calls=total.calls,
        input_tokens=total.usage.input_tokens,
        output_tokens=total.usage.output_tokens,
        cache_write_tokens=total.usage.cache_write_tokens,
        cache_read_tokens=total.usage.cache_read_tokens,
        model_usd=round(total.usd, 6),
        docs_gaps=tuple((await docs_gaps(ctx, book.report.night))[:MOST_GAPS]),
    )
    return tutorials


async def _mail(
    ctx: ToolContext, book: Notebook, as_of: date, found: Sequence[Struggle], tutorials: dict[str, Tutorial]
) -> None:
    """Most urgent first, in blocks that are looked up seconds before their mails leave."""
    async with ctx.store.read() as work:
        left = {each.id for each in await work.deliveries.of_night(as_of) if each.status in MAY_HAVE_ARRIVED}
    # Who was mailed by an earlier run of this night is not asked about again: each question counts.
    cases = [
        Case(
            struggle=one,
            feature=ctx.kb.feature(one.feature),
            tutorial=tutorials.get(one.signature.key),
            night=as_of,
        )
        for one in found
        if keys.delivery_id(as_of, one.user_key, one.feature) not in left
    ]
    if book.dry_run:
        book.decided = await rehearse(ctx, cases)
        return
    _, notes = await mail_all(ctx, cases)
    book.notes.extend(notes)


async def _review(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """In review nothing has left yet: one list, a line a text, waits for a person's yes."""
    if ctx.settings.send_mode is not SendMode.REVIEW:
        return
    waiting = await open_reviews(ctx, as_of)
    if waiting:
        people = sum(len(each.deliveries) for each in waiting)
        book.notes.append(
            f"{len(waiting)} tutorials for {people} people wait for a yes: run `handrail tutorials review`."
        )
    book.write(reviews=len(waiting))


async def _refresh(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Users by segment and saved reports: after the mails, which must not wait for their questions."""
    done = await refresh(ctx, as_of)
    book.notes.extend(done.notes)
    book.write(profiles=done.profiles, reports_refreshed=done.reports)


async def _count(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    if book.decided is None:
        async with ctx.store.read() as work:
            deliveries = await work.deliveries.of_night(as_of)
    else:
        deliveries = book.decided
    status = Counter(each.status for each in deliveries)
    withheld = Counter(each.reason for each in deliveries if each.status is Status.WITHHELD)
    book.write(
        sent=status[Status.SENDING] if book.dry_run else status[Status.SENT],
        failed=status[Status.FAILED],
        unknown=status[Status.UNKNOWN],
        planned=status[Status.PLANNED],
        withheld={reason.value: withheld[reason.value] for reason in Reason if withheld[reason.value]},
    )


async def _save(ctx: ToolContext, book: Notebook) -> None:
    if book.dry_run:
        return
    async with ctx.store.begin() as work:
        await work.nights.keep_report(book.report)

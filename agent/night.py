"""One night, from Mixpanel's wire to mail in inboxes, told as a story: its stages stand in their order."""

import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta

from agent import writing
from agent.notebook import Notebook, Stage
from handrail.context import ToolContext
from handrail.domain.deliveries import Reason, Status
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine import keys
from handrail.engine.accuracy import LEAST_ACCURACY
from handrail.engine.periods import last_complete_day
from handrail.errors import BrokenExport, CallerError, ConfigError, HandrailError, UpstreamError
from handrail.flows import brakes
from handrail.flows.alerts import raise_alerts
from handrail.flows.brief import morning
from handrail.flows.churn import keep_track
from handrail.flows.cohorts import UNCOUNTED
from handrail.flows.detect import detect
from handrail.flows.gaps import docs_gaps
from handrail.flows.health import keep_scores
from handrail.flows.learn import choose_styles
from handrail.flows.mailing import WAIT, Wave, mail_block, next_wave, text_of
from handrail.flows.measure import count_nightly
from handrail.flows.outcomes import follow_outcomes
from handrail.flows.preflight import check
from handrail.flows.refresh import planned_questions, refresh
from handrail.flows.rehearse import rehearse_night
from handrail.flows.review import open_reviews
from handrail.flows.sync import sync
from handrail.flows.verify import verify
from handrail.flows.write_back import write_back
from handrail.lock import one_at_a_time
from handrail.settings import SendMode

SYNC_PATIENCE = 3600.0
"""Seconds that a night waits for a sync that somebody else started."""

ABANDONED = timedelta(minutes=10)
"""A mail that another process has been sending for so long is not being sent any more."""

MOST_GAPS = 10
"""Gaps of the documents in a report; `handrail docs gaps` lists all."""

log = logging.getLogger(__name__)


async def run(
    ctx: ToolContext,
    *,
    night: date | None = None,
    backfill_from: date | None = None,
    dry_run: bool = False,
) -> Report:
    """Run the night of `night` (default: the last complete project day) here and now. Safe to run again.

    Raises `HandrailError` where nothing could be done; what could only partly be done is noted in the report.
    A dry run reads, measures and writes texts as ever, sends nothing and keeps no decision and no report.
    `agent.flow` runs the same stages so that they outlive this process.
    """
    ctx = ctx.acting_as("nightly")
    async with one_at_a_time(ctx.settings, "night"):
        as_of = night or await last_day(ctx)
        book = await open_book(ctx, as_of, backfill_from=backfill_from, dry_run=dry_run)
        try:
            for stage in BEFORE_MAILS:
                await carry_out(stage, ctx, book, as_of)
            await mail(ctx, book, as_of)
            for stage in AFTER_MAILS:
                await carry_out(stage, ctx, book, as_of)
        except BaseException:
            with suppress(Exception):
                await fail_book(ctx, book, as_of)
            raise
        for stage in LAST:
            await stage(ctx, book, as_of)
        return book.report


async def last_day(ctx: ToolContext) -> date:
    """The day whose night is due: the last complete project day.

    Raises `ConfigError` where mail cannot leave as it is set, before anything is asked.
    """
    if ctx.settings.send_mode is not SendMode.OFF:
        ctx.mail.require()
    return last_complete_day(ctx.clock.now(), await ctx.mixpanel.zone())


async def open_book(
    ctx: ToolContext, as_of: date, *, backfill_from: date | None = None, dry_run: bool = False
) -> Notebook:
    """Begin a night: what it needs is there, and its report says that it runs."""
    if ctx.settings.send_mode is not SendMode.OFF:
        ctx.mail.require()
    report = Report(
        night=as_of,
        status="running",
        started_at=ctx.clock.now(),
        zone=await ctx.mixpanel.zone(),
        dry_run=dry_run,
        mode=ctx.settings.send_mode.value,
    )
    book = Notebook(report=report, backfill_from=backfill_from, dry_run=dry_run)
    await _save(ctx, book)
    return book


async def _save(ctx: ToolContext, book: Notebook) -> None:
    if book.dry_run:
        return
    async with ctx.store.begin() as work:
        await work.nights.keep_report(book.report)


async def carry_out(stage: Stage, ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """One stage, with the time it took in the report."""
    began = ctx.clock.now()
    await stage(ctx, book, as_of)
    book.timed(stage.__name__.strip("_"), began, ctx.clock.now())


async def _recover(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    """Mails that a killed process was sending may have arrived: unknown, and never sent again blindly."""
    if book.dry_run:
        return
    async with ctx.store.begin() as work:
        interrupted = await work.deliveries.interrupted(begun_before=ctx.clock.now() - ABANDONED)
    if interrupted:
        book.notes.append(
            f"Mails that were being sent when a process stopped, and stay unknown: {interrupted}."
        )


async def _plan(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    """What the night will ask of the shared hourly budget, told before it asks."""
    profiles = bool(ctx.settings.mixpanel_group_id) + len(ctx.settings.mixpanel_cohorts)
    told = ctx.mixpanel.ingest is not None
    planned = profiles + bool(ctx.kb.features()) + 1 + told + await planned_questions(ctx)
    left = await ctx.ledger.left("query") if ctx.ledger else planned
    if left < planned:
        book.notes.append(
            f"Of {planned} questions to Mixpanel only {left} fit into this hour: "
            "what is left is counted from the raw export, and mails may have to wait."
        )
    book.write(questions_planned=planned, questions_left=left)
    log.info("the night plans %d questions beside the mails; %d are left in this hour", planned, left)


async def _sync(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    record = await sync(ctx, from_day=book.backfill_from, to_day=as_of, patience=SYNC_PATIENCE)
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


async def _follow(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
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
        funnels = await ctx.mixpanel.funnels()
        book.windows = {each.funnel_id: each.window_seconds for each in funnels if each.steps}
        book.notes += await count_nightly(ctx, funnels, as_of)
    except (UpstreamError, BrokenExport, CallerError) as error:
        book.notes.append(f"Funnels were not all measured: {error}")


async def _detect(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    judged = await detect(ctx, ctx.kb.features(), as_of)
    book.write(struggles=tuple(judged.values()))


async def _preflight(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Where the data cannot be trusted, that is reported, and nobody is said to struggle."""
    problems = await check(ctx, as_of, book.report.struggles)
    async with ctx.store.begin() as work:
        await work.guards.replace_problems(as_of, problems)
        found = await work.nights.strugglers(as_of)
    book.notes += [f"{each.feature or 'All features'}: {each.words} Nobody is mailed." for each in problems]
    book.write(data_problems=tuple(problems))
    book.write(
        struggles=tuple(each for each in book.report.struggles if not book.troubled(each.feature)),
        struggling_users=len({one.user_key for one in found if not book.troubled(one.feature)}),
    )


async def alert(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Raise alerts; of funnels only those that were measured tonight are looked at."""
    if not book.dry_run:
        book.write(alerts=await raise_alerts(ctx, as_of, book.windows))


async def _write(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """One tutorial for each signature and style chosen tonight; people who share them share the text."""
    async with ctx.store.read() as work:
        kept = await work.nights.strugglers(as_of)
    known = {each.slug for each in ctx.kb.features()}
    found = [one for one in kept if one.feature in known and not book.troubled(one.feature)]
    chosen = await choose_styles(ctx, as_of, found, keep=not book.dry_run)
    book.notes.extend(chosen.notes)
    if book.dry_run:
        book.styles = chosen.styles
    wanted = [(one, chosen.styles[keys.delivery_id(as_of, one.user_key, one.feature)]) for one in found]
    texts = await writing.write(ctx, [(one.signature, style) for one, style in wanted])
    book.texts = {text_of(key, style): text.id for (key, style), text in texts.items()}
    total, notes = await writing.spent(ctx)
    book.notes.extend(notes)
    book.write(
        tutorials=len(texts),
        tutorials_in_own_words=sum(each.source == "document" for each in texts.values()),
        model_calls=total.calls,
        input_tokens=total.usage.input_tokens,
        output_tokens=total.usage.output_tokens,
        cache_write_tokens=total.usage.cache_write_tokens,
        cache_read_tokens=total.usage.cache_read_tokens,
        model_usd=round(total.usd, 6),
        docs_gaps=tuple((await docs_gaps(ctx, book.report.night))[:MOST_GAPS]),
    )


async def mail(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Most urgent first, in blocks that are looked up seconds before their mails leave."""
    if book.dry_run:
        book.decided = await rehearse_night(ctx, as_of, book.texts, book.styles)
        return
    reached = 0
    while (wave := await plan_wave(ctx, book, as_of, reached)).blocks:
        for block in wave.blocks:
            done = await mail_block(ctx, block)
            note_block(book, done.sender_down, done.notes)
        reached = wave.reached


async def plan_wave(ctx: ToolContext, book: Notebook, as_of: date, reached: int) -> Wave:
    return await next_wave(ctx, as_of, book.texts, reached, sender_down=book.sender_down)


def note_block(book: Notebook, sender_down: bool, notes: Iterable[str]) -> None:
    """What a block leaves for the report, and for the blocks after it."""
    book.sender_down = book.sender_down or sender_down
    _note_once(book, notes)


def _note_once(book: Notebook, notes: Iterable[str]) -> None:
    """Of looks that failed, and of a cohort that cannot be had, the first note is enough.

    Each says another number of minutes.
    """
    for note in notes:
        alike = WAIT if note.startswith(WAIT) else note.partition(UNCOUNTED)[0]
        if not any(each.startswith(alike) for each in book.notes):
            book.notes.append(note)


async def _brakes(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    book.notes += await brakes.told(ctx, as_of)


async def _review(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """In review nothing has left yet: one list, a line a text, waits for a person's yes."""
    if book.dry_run or ctx.settings.send_mode is not SendMode.REVIEW:
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
    if book.dry_run:
        return
    done = await refresh(ctx, as_of)
    _note_once(book, done.notes)
    book.write(profiles=done.profiles, reports_refreshed=done.reports)


async def score(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Engagement of every account, and how the score did before; untrusted verdicts are none."""
    if book.dry_run:
        return
    trusted = [each.slug for each in ctx.kb.features() if not book.troubled(each.slug)]
    try:
        book.write(scored=await keep_scores(ctx, as_of, judged=trusted))
        await keep_track(ctx, as_of)
    except ConfigError as error:
        book.notes.append(f"No account was scored: {error}")


async def _write_back(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    """Mixpanel is told of mails and completions; what it does not take tonight is told tomorrow."""
    if book.dry_run:
        return
    try:
        told = await write_back(ctx)
    except HandrailError as error:
        book.notes.append(f"Mixpanel was not told of all mails: {error}")
        return
    book.notes.extend(told.notes)
    book.write(written_back=told.events)


async def _count(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    status: Counter[Status] = Counter()
    withheld: Counter[str] = Counter()
    for each, reason, decisions in await _decisions(ctx, book, as_of):
        status[each] += decisions
        withheld[reason] += decisions if each is Status.WITHHELD else 0
    book.write(
        questions_asked=await ctx.ledger.asked("query", book.report.started_at) if ctx.ledger else None,
        sent=status[Status.SENDING] if book.dry_run else status[Status.SENT],
        failed=status[Status.FAILED],
        unknown=status[Status.UNKNOWN],
        planned=status[Status.PLANNED],
        withheld={reason.value: withheld[reason.value] for reason in Reason if withheld[reason.value]},
    )


async def _decisions(ctx: ToolContext, book: Notebook, as_of: date) -> list[tuple[Status, str, int]]:
    if book.decided is not None:
        return [(each.status, each.reason, 1) for each in book.decided]
    async with ctx.store.read() as work:
        counts = await work.deliveries.counts(Period.of_days(1, as_of, book.report.zone))
    return [(status, reason, decisions) for _, status, reason, decisions in counts]


async def close_book(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    book.write(status="done", finished_at=ctx.clock.now())
    await _save(ctx, book)


async def tell_team(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    """The morning brief, when the night's report is written."""
    await morning(ctx, book.report)


async def fail_book(ctx: ToolContext, book: Notebook, _as_of: date) -> None:
    book.write(status="failed", finished_at=ctx.clock.now())
    await _save(ctx, book)


BEFORE_MAILS: tuple[Stage, ...] = (
    _recover,
    _plan,
    _sync,
    _follow,
    _verify,
    _measure,
    _detect,
    _preflight,
    alert,
    _write,
)
AFTER_MAILS: tuple[Stage, ...] = (_brakes, _review, _refresh, score, _write_back, _count)
LAST: tuple[Stage, ...] = (close_book, tell_team)

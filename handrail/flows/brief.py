"""The morning brief: written when a night is done, kept, and told to the team once."""

import logging
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.briefs import Brief, Finding
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine import brief as rules
from handrail.engine import brief_words
from handrail.engine.periods import midnight
from handrail.errors import HandrailError, NotThere, UpstreamError
from handrail.flows import alerts, digest
from handrail.flows.deliver import reason_words
from handrail.flows.help_figures import log_night

if TYPE_CHECKING:
    from handrail.store import Work

FOLLOWED_DAYS = 30
"""Nights whose mails tell whether tutorials help an account."""

log = logging.getLogger(__name__)


async def morning(ctx: ToolContext, report: Report) -> Brief | None:
    """After a night: forget old calls and requests, log its figures, write its brief, tell the team, beat.

    A channel that fails does not fail the night, which is done: it is logged. A night that is run again
    long after is not told, and a dry run has none of it.
    """
    if report.dry_run:
        return None
    async with ctx.store.begin() as work:
        await work.calls.forget(ctx.clock.now() - timedelta(days=ctx.settings.audit_days))
        await work.repeats.forget(ctx.clock.now())
    await log_night(ctx, report)
    brief = await write(ctx, report)
    newest = await kept(ctx)
    try:
        if newest.night == brief.night:
            await tell(ctx, brief)
    except HandrailError as error:
        log.error("the brief of %s was not told everywhere: %s", brief.night, error)
    try:
        await ctx.team.beat()
    except UpstreamError as error:
        log.error("the heartbeat was not heard: %s", error)
    return brief


async def write(ctx: ToolContext, report: Report) -> Brief:
    """Write and keep the brief of a night, in place of an earlier one of that night."""
    week = Period.of_days(7, report.night, report.zone)
    async with ctx.store.read() as work:
        accounts = {each.id: each for each in await work.accounts.all()}
        earlier = await work.briefs.between(rules.silent_since(report.night), report.night)
        completed = await work.briefs.completed(*_instants(week))
        findings, data_problem = await _findings(ctx, work, week)
    looks = rules.worth_a_look(findings, accounts, earlier)
    reasons = [(reason_words(reason), count) for reason, count in report.withheld.items()]
    brief = Brief(
        night=report.night,
        zone=report.zone,
        written_at=ctx.clock.now(),
        headline=brief_words.headline(report, looks),
        done=tuple(brief_words.done(report, completed, week)),
        accounts=looks,
        not_done=tuple(brief_words.not_done(report, reasons, data_problem)),
    )
    async with ctx.store.begin() as work:
        await work.briefs.keep(brief)
    return brief


async def tell(ctx: ToolContext, brief: Brief) -> None:
    """Mail and post the brief, its alerts, and the weekly digest, each at most once a night.

    Raises `HandrailError` where a channel failed. One that clearly got nothing is told by the next run of
    the night; where that is unclear, nobody tells it again.
    """
    failures = [*await _mail(ctx, brief), *await _post(ctx, brief), *await alerts.told(ctx, brief.night)]
    failures += await digest.told(ctx, brief.night)
    if failures:
        raise HandrailError(" ".join(failures))


async def kept(ctx: ToolContext, night: date | None = None) -> Brief:
    """The brief of a night, or the newest. Raises `NotThere` where there is none."""
    async with ctx.store.read() as work:
        brief = await work.briefs.get(night)
    if brief is None:
        raise NotThere(f"There is no brief of {night or 'any night yet'}: run `handrail agent run`.")
    return brief


async def _findings(ctx: ToolContext, work: "Work", week: Period) -> tuple[list[Finding], str]:
    """Everything that speaks for a look at an account, from all sources; and a problem of the data."""
    titles = {feature.slug: feature.title for feature in ctx.kb.features()}
    weeks = [week]
    for _ in range(rules.WEEKS_BEFORE):
        weeks.append(weeks[-1].before())
    totals = [await work.metrics.totals(each) for each in weeks]
    month = Period.of_days(FOLLOWED_DAYS, week.to_date, week.zone)
    compared = await work.metrics.reaches(weeks[-1])
    tonight = await work.alerts.told(week.to_date)
    falling = {each.account_id for each in await work.alerts.find(state="open") if each.direction == "down"}
    data_problem = rules.of_all(tonight) or (rules.fleet_drop(totals, week) if compared else "")
    drops = rules.drops(totals, week) if compared and not data_problem else []
    users = {key: each.unique_users for key, each in totals[-1].items()}
    return [
        *rules.alerted(tonight, users),
        *rules.struggling(await work.briefs.struggling(week.to_date), totals[0], titles, week),
        *(each for each in drops if each.account_id not in falling),
        *rules.needing_help(await work.briefs.unhelped(*_instants(week)), week),
        *rules.not_helped(await work.briefs.followed(month), titles, month),
    ], data_problem


def _instants(period: Period) -> tuple[datetime, datetime]:
    """The period's beginning, and the end of its last day."""
    return midnight(period.from_date, period.zone), midnight(period.to_date + timedelta(days=1), period.zone)


async def _mail(ctx: ToolContext, brief: Brief) -> list[str]:
    from handrail.services.mail.brief import brief_mail  # noqa: PLC0415  (brings the mail's templates along)

    to = ctx.settings.brief_to
    if not to:
        return []
    if ctx.settings.sendgrid_api_key is None or not ctx.settings.mail_from:
        return ["HANDRAIL_BRIEF_TO needs SENDGRID_API_KEY and HANDRAIL_MAIL_FROM, too."]
    if not await _claim(ctx, "brief by mail", brief.night):
        return []
    outcome = await ctx.mail.post(brief_mail(brief, ctx.settings.mail_from, to))
    if outcome.kind in {"refused", "not_sent"}:
        await _let_go(ctx, "brief by mail", brief.night)
    return [] if outcome.kind == "accepted" else [f"The mail service did not take it ({outcome.detail})."]


async def _post(ctx: ToolContext, brief: Brief) -> list[str]:
    if ctx.settings.brief_webhook is None or not await _claim(ctx, "brief by webhook", brief.night):
        return []
    try:
        await ctx.team.brief(brief_words.mrkdwn(brief))
    except UpstreamError as error:
        await _let_go(ctx, "brief by webhook", brief.night)
        return [str(error)]
    return []


async def _claim(ctx: ToolContext, what: str, night: date) -> bool:
    async with ctx.store.begin() as work:
        return await work.briefs.tell(what, night, ctx.clock.now())


async def _let_go(ctx: ToolContext, what: str, night: date) -> None:
    async with ctx.store.begin() as work:
        await work.briefs.untell(what, night)

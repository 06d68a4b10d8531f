"""Runs: what each night did and took, mails with an unknown outcome, a night under today's rules."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from handrail.charts.specification import Bar, Bars, Figure
from handrail.domain.deliveries import NO_TRACE
from handrail.domain.runs import Report
from handrail.engine.periods import given_day
from handrail.errors import CallerError, HandrailError
from handrail.flows.alarm import standing
from handrail.flows.deliver import reason_words
from handrail.flows.rehearse import Replay, replay
from handrail.flows.unknown import found_out, unknown
from tools.get_night_report import get_night_report
from web.api import FROM_HERE, Ctx
from web.bodies import Form
from web.frame import Framed, back, titles

router = APIRouter(include_in_schema=False, prefix="/runs")

NIGHTS = 60
"""On the list; an older night has its page still."""

STAGES = {
    "recover": "Mails of processes that died",
    "plan": "Budget of questions",
    "sync": "Events read and counted",
    "follow": "Outcomes of earlier mails",
    "verify": "Counts compared with Mixpanel's",
    "measure": "Funnels",
    "detect": "Struggles",
    "preflight": "Whether the data can be trusted",
    "alert": "Alerts",
    "write": "Tutorials",
    "mail": "Mails",
    "brakes": "Brakes",
    "review": "Review list",
    "refresh": "Segments and saved reports",
    "score": "Engagement scores",
    "write_back": "Mixpanel told of mails",
    "count": "Report",
}


class Took(NamedTuple):
    """One part of a night."""

    name: str
    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


class Replayed(NamedTuple):
    """A night under the rules of an instant, in counts; of whom they are is said nowhere."""

    at: datetime
    replay: Replay
    changes: list[tuple[str, str, int]]


@router.get("")
async def runs(ctx: Ctx, frame: Framed) -> HTMLResponse:
    async with ctx.store.read() as work:
        nights = await work.nights.newest(NIGHTS)
    return frame(
        "runs.html",
        title="Runs",
        nights=nights,
        alarms=await standing(ctx),
        unknown=await unknown(ctx),
        features=titles(ctx),
        no_trace=NO_TRACE,
        seconds=_seconds,
    )


@router.get("/{night}")
async def run(ctx: Ctx, frame: Framed, request: Request, night: str) -> HTMLResponse:
    try:
        found = await get_night_report(ctx, night=night)
    except CallerError as error:
        return frame.message("No such night", str(error), status=404)
    report = found.report
    async with ctx.store.read() as work:
        again = await work.deliveries.tried_again(report.night)
        gone = await work.deliveries.unknown(report.night)
    took = timeline(report)
    return frame(
        "run.html",
        title=f"Night of {report.night}",
        report=report,
        caveats=found.caveats,
        figures=_figures(report),
        costs=_costs(report, again),
        timeline=took,
        chart=_chart(report, took),
        stages=STAGES,
        unknown=gone,
        features=titles(ctx),
        no_trace=NO_TRACE,
        replayed=_kept(request).get(report.night),
        seconds=_seconds,
    )


@router.post("/{night}/replay", dependencies=FROM_HERE)
async def again(ctx: Ctx, frame: Framed, request: Request, night: str) -> Response:
    """Ask today's rules about a past night. It asks Mixpanel, so it is asked for, and the answer is kept."""
    try:
        found = await replay(ctx, given_day(night, "the night"))
    except HandrailError as error:
        return frame.message("The night was not replayed", str(error), status=409)
    changes = Counter((_told(each.then), _told(each.now)) for each in found.changes)
    counted = [(then, now, count) for (then, now), count in changes.most_common()]
    _kept(request)[found.night] = Replayed(ctx.clock.now(), found, counted)
    return back(f"/runs/{found.night}#replay")


@router.post("/unknown/{delivery_id}", dependencies=FROM_HERE)
async def settle(ctx: Ctx, frame: Framed, form: Form, delivery_id: str) -> Response:
    """Write down what a person saw in the mail service's log. Nothing is sent again, whatever they saw."""
    seen = form.get("seen")
    if seen not in ("arrived", "no_trace"):
        return frame.message("Nothing was settled", "Say whether the log shows the mail.", status=422)
    try:
        await found_out(ctx, delivery_id, arrived=seen == "arrived")
    except CallerError as error:
        return frame.message("Nothing was settled", str(error), status=409)
    return back("/runs")


def timeline(report: Report) -> list[Took]:
    """The parts in their order. The mails leave in blocks of their own, between writing and the brakes."""
    parts = [Took(each.name, each.began, each.ended) for each in report.stages]
    names = [each.name for each in parts]
    if "write" in names and "brakes" in names:
        at = names.index("brakes")
        parts.insert(at, Took("mail", parts[at - 1].ended, parts[at].began))
    return parts


def _chart(report: Report, took: Sequence[Took]) -> Bars | None:
    if not took or report.finished_at is None:
        return None
    return Bars(
        title="Seconds by part",
        about=f"night of {report.night} ({report.zone}), {len(took)} parts",
        measured="seconds",
        bars=tuple(Bar(name=STAGES.get(each.name, each.name), value=round(each.seconds, 1)) for each in took),
    )


def _figures(report: Report) -> list[Figure]:
    own = f"{report.tutorials_in_own_words} in the document's own words"
    return [
        Figure(name="people struggling", value=f"{report.struggling_users:,}"),
        Figure(name="tutorials", value=f"{report.tutorials:,}", note=own if report.tutorials else ""),
        Figure(name="would be mailed" if report.dry_run else "mailed", value=f"{report.sent:,}"),
        Figure(name="waiting", value=f"{report.planned:,}"),
        Figure(name="not mailed", value=f"{sum(report.withheld.values()):,}"),
        Figure(name="failed", value=f"{report.failed:,}"),
        Figure(name="unknown", value=f"{report.unknown:,}"),
    ]


def _costs(report: Report, again: int) -> list[Figure]:
    asked = report.questions_asked
    cached = report.cache_read_tokens + report.cache_write_tokens
    return [
        Figure(
            name="the model, that UTC day",
            value=f"${report.model_usd:,.4f}",
            note=f"{report.model_calls:,} calls",
        ),
        Figure(
            name="tokens in",
            value=f"{report.input_tokens + cached:,}",
            note=f"{cached:,} of them cached",
        ),
        Figure(name="tokens out", value=f"{report.output_tokens:,}"),
        Figure(
            name="questions to Mixpanel",
            value="no data" if asked is None else f"{asked:,}",
            note=f"{report.questions_planned} planned beside the mails; {report.questions_left} were left",
        ),
        Figure(name="mails tried again", value=f"{again:,}", note="attempts beyond the first, until now"),
    ]


def _told(words: str) -> str:
    status, _, reason = words.partition(": ")
    if not reason:
        return status
    return f"{'waits' if status == 'planned' else 'not mailed'}: {reason_words(reason)}"


def _kept(request: Request) -> dict[date, Replayed]:
    """What was replayed since this process began; a replay holds for its instant only."""
    if not hasattr(request.app.state, "replays"):
        request.app.state.replays = {}
    kept: dict[date, Replayed] = request.app.state.replays
    return kept


def _seconds(began: datetime, ended: datetime | None) -> str:
    """How long something took, in words."""
    if ended is None:
        return "not over"
    seconds = (ended - began).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"

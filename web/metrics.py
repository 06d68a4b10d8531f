"""Metrics for Prometheus, read from the database at each scrape. No label holds a name of a customer."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from handrail.domain.alarms import Alarm, AlarmCause
from handrail.domain.deliveries import Reason
from handrail.domain.help_figures import HelpFigures
from handrail.domain.runs import Report
from handrail.flows.alarm import standing
from handrail.flows.help_figures import last_night_and_month
from web.api import Ctx

router = APIRouter()

_COUNTS = {
    "users_identified": "Different people who were found to struggle.",
    "drafts": "Texts that were asked of the model.",
    "drafts_passed": "Texts of the model that passed every check and were used.",
    "followed": "People followed to the end of their window after a mail.",
    "completed": "People who completed the feature in their window after a mail.",
}
_SHARES = {
    "content_success": "Drafts that passed, of all drafts.",
    "delivery": "Mails delivered, of those sent.",
    "click": "Mails whose reader followed the link, of those delivered; scanners are left out.",
    "completion": "People who completed the feature, of those followed to the end of their window.",
    "helpful": "Yes, of all answers to whether the tutorial helped.",
}
_STATES = ("sent", "planned", "failed", "unknown", "delivered", "lost", "clicked")


@router.get("/metrics", include_in_schema=False)
async def metrics(ctx: Ctx) -> Response:
    """The nights, the alarms and the help, in Prometheus's text format."""
    registry = CollectorRegistry()
    async with ctx.store.read() as work:
        last, synced = await work.nights.report(), await work.metrics.last_sync()
    _nights(registry, last, synced.finished_at if synced else None)
    _alarms(registry, await standing(ctx))
    _help(registry, await last_night_and_month(ctx))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _nights(registry: CollectorRegistry, last: Report | None, synced_at: datetime | None) -> None:
    status = _gauge(registry, "night_status", "1 for how the last night stands.", "status")
    started = _gauge(registry, "night_started_timestamp_seconds", "When the last night began.")
    finished = _gauge(registry, "night_finished_timestamp_seconds", "When the last night finished.")
    tokens = _gauge(registry, "night_model_tokens", "Tokens of the last night.", "direction")
    calls = _gauge(registry, "night_model_calls", "Calls of the model in the last night.")
    sync = _gauge(registry, "sync_finished_timestamp_seconds", "When the last sync that succeeded ended.")
    if synced_at:
        sync.set(synced_at.timestamp())
    if last is None:
        return
    for each in ("running", "done", "failed"):
        status.labels(each).set(last.status == each)
    started.set(last.started_at.timestamp())
    if last.finished_at:
        finished.set(last.finished_at.timestamp())
    calls.set(last.model_calls)
    tokens.labels("in").set(last.input_tokens)
    tokens.labels("out").set(last.output_tokens)


def _alarms(registry: CollectorRegistry, alarms: list[Alarm]) -> None:
    gauge = _gauge(registry, "alarm", "1 while the alarm stands.", "cause")
    for cause in AlarmCause:
        gauge.labels(cause.value).set(any(alarm.cause is cause for alarm in alarms))


def _help(registry: CollectorRegistry, windows: Mapping[str, HelpFigures]) -> None:
    """A share of nothing has no sample."""
    counts = {name: _gauge(registry, name, words, "window") for name, words in _COUNTS.items()}
    shares = {name: _gauge(registry, f"{name}_ratio", words, "window") for name, words in _SHARES.items()}
    mails = _gauge(registry, "mails", "Mails by what became of them.", "window", "state")
    withheld = _gauge(registry, "withheld", "Decisions not to mail, by reason.", "window", "reason")
    answers = _gauge(registry, "answers", "Answers to whether the tutorial helped.", "window", "answer")
    for window, figures in windows.items():
        for name, gauge in counts.items():
            gauge.labels(window).set(getattr(figures, name))
        for name, share in figures.shares.items():
            if share is not None:
                shares[name].labels(window).set(share)
        for state in _STATES:
            mails.labels(window, state).set(getattr(figures, state))
        for reason in Reason:
            withheld.labels(window, reason.value).set(figures.withheld.get(reason.value, 0))
        answers.labels(window, "yes").set(figures.helpful)
        answers.labels(window, "no").set(figures.not_helpful)


def _gauge(registry: CollectorRegistry, name: str, words: str, *labels: str) -> Gauge:
    return Gauge(f"handrail_{name}", words, labels, registry=registry)

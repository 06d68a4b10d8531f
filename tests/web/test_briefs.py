"""The brief, the alarms, the figures and the metrics over the whole HTTP stack."""

import asyncio
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Reason, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine.keys import click_key
from handrail.flows.feedback import take
from handrail.flows.help_figures import measure
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import settings_for
from tests.handrail.services.test_sendgrid import answering
from tests.web.test_app import browser

AS_OF = date(2026, 11, 19)
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LATER = datetime(2026, 11, 21, 8, tzinfo=UTC)


async def lived(ctx: ToolContext) -> None:
    """A night, and what became of four of its mails: two arrived, of which one was followed by its reader and
    one by a scanner, one bounced after all, and of one nothing is known. One reader says yes, one no."""
    await night.run(ctx)
    async with ctx.store.read() as work:
        made = await work.deliveries.of_night(AS_OF)
    one, two, three, four = [each.id for each in made if each.status is Status.SENT][:4]

    def event(delivery_id: str, kind: FeedbackKind, key: str = "", **more: Any) -> MailEvent:
        return MailEvent(delivery_id=delivery_id, kind=kind, at=LATER, key=key or f"{delivery_id}{kind}",
                         event_id="", **more)  # fmt: skip

    told = [
        event(one, FeedbackKind.DELIVERED),
        event(one, FeedbackKind.CLICKED, click_key(one, by_machine=False)),
        event(two, FeedbackKind.PROCESSED),
        event(two, FeedbackKind.DELIVERED),
        event(two, FeedbackKind.CLICKED, click_key(two, by_machine=True), by_machine=True),
        event(three, FeedbackKind.DELIVERED),
        event(three, FeedbackKind.BOUNCED),
        event(four, FeedbackKind.PROCESSED),
    ]
    assert await take(ctx, told) == len(told)
    async with ctx.store.begin() as work:
        await work.feedback.answer(one, helpful=True, at=LATER)
        await work.feedback.answer(two, helpful=False, at=LATER)


async def test_the_figures_of_the_help_are_those_of_its_mails(ctx: ToolContext) -> None:
    await lived(ctx)

    found = await measure(ctx, Period.of_days(30, AS_OF, "UTC"))

    assert found.model_dump(exclude={"withheld"}) == {
        "from_date": date(2026, 10, 21),
        "to_date": AS_OF,
        "nights": 1,
        "users_identified": 41,
        "drafts": 21,
        "drafts_passed": 21,
        "sent": 26,
        "planned": 0,
        "failed": 0,
        "unknown": 0,
        "delivered": 2,
        "lost": 1,
        "clicked": 1,
        "followed": 0,
        "completed": 0,
        "helpful": 1,
        "not_helpful": 1,
    }
    assert sum(found.withheld.values()) == 16
    assert found.shares == {
        "content_success": 1.0,
        "delivery": pytest.approx(2 / 26),
        "click": 0.5,
        "completion": None,
        "helpful": 0.5,
    }


async def test_before_anything_is_told_of_a_mail_no_share_of_delivery_is_told(ctx: ToolContext) -> None:
    await night.run(ctx)

    found = await measure(ctx, Period.of_days(1, AS_OF, "UTC"))

    assert (found.sent, found.delivered, found.shares["delivery"]) == (26, 0, None)


async def test_drafts_that_were_refused_and_texts_nobody_asked_the_model_for_are_told_apart(
    ctx: ToolContext,
) -> None:
    await night.run(ctx)
    async with ctx.store.read() as work:
        report = await work.nights.report()
        assert report is not None
        [any_text, *_] = await work.nights.texts_of([report])
    changes: list[dict[str, object]] = [
        {"id": "refused", "source": "document", "refused_because": ("a step that is not there",)},
        {"id": "own words", "source": "document"},
    ]
    async with ctx.store.begin() as work:
        for change in changes:
            await work.nights.keep_tutorial(any_text.model_copy(update=change), report.started_at)
        yesterday = any_text.model_copy(update={"id": "of another night"})
        await work.nights.keep_tutorial(yesterday, report.started_at - timedelta(hours=1))

    found = await measure(ctx, Period.of_days(1, AS_OF, "UTC"))

    assert (found.drafts, found.drafts_passed) == (22, 21)


async def test_the_page_shows_the_brief_the_alarms_and_the_figures(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    await lived(ctx)
    late = settings_for(standins, settings.data_dir, now=datetime(2026, 11, 23, 9, tzinfo=UTC))

    async with browser(settings) as client:
        page, start = await client.get("/brief"), await client.get("/")
        missing = await client.get("/brief", params={"night": "2026-01-01"})
    async with browser(late) as client:
        alarmed = await client.get("/brief")

    assert "7 of 32 active users (22%) struggle with Connect a data source" in page.text
    assert "16 mails withheld" in page.text
    cells = re.search(r"Followed by their reader, of those delivered</th>(.*?)</tr>", page.text)
    assert cells
    assert re.findall(r">([^<]+)<", cells[1]) == ["1 of 2 (50%)"] * 2
    followed = re.search(r"of those followed for a week</th>(.*?)</tr>", page.text)
    assert followed
    assert re.findall(r">([^<]+)<", followed[1]) == ["no data"] * 2
    assert 'href="/brief"' in start.text
    assert "There is no brief of 2026-01-01" in missing.text
    assert "Alarm:" not in page.text
    assert "The night of 2026-11-23 02:00 UTC has not finished" in alarmed.text


async def test_a_name_from_mixpanel_is_text_on_the_page(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)
    async with ctx.store.begin() as work:
        told = await work.briefs.get()
        assert told is not None
        looks = (told.accounts[0].model_copy(update={"name": "<script>alert(1)</script>"}),)
        await work.briefs.keep(told.model_copy(update={"accounts": looks}))

    async with browser(settings) as client:
        page = await client.get("/brief")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert re.findall(r"<script.*", page.text) == ['<script src="/static/handrail.js" defer></script>']


async def test_rest_answers_the_brief_of_a_night_and_the_alarms(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)

    async with browser(settings) as client:
        latest = await client.get("/api/briefs/latest")
        named = await client.get("/api/briefs/2026-11-19")
        unknown = await client.get("/api/briefs/2001-01-01")
        no_day = await client.get("/api/briefs/yesterday")
        alarms = await client.get("/api/alarms")

    assert latest.json() == named.json()
    assert [look["name"] for look in latest.json()["accounts"]][2] == "Acme"
    assert (unknown.status_code, no_day.status_code) == (404, 422)
    assert alarms.json()["items"] == []


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Name and label values of every sample, the window first, and its value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items(), reverse=True))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_are_read_from_the_database_at_each_scrape(
    ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        before = samples((await client.get("/metrics")).text)
        await lived(ctx)
        answer = await client.get("/metrics")
    found = samples(answer.text)

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert not any(name == "handrail_mails" for name, *_ in before)
    assert before["handrail_alarm", "silence"] == 0
    expected = {
        ("handrail_night_status", "done"): 1,
        ("handrail_night_status", "failed"): 0,
        ("handrail_night_model_calls",): 21,
        ("handrail_users_identified", "30_days"): 41,
        ("handrail_mails", "last_night", "sent"): 26,
        ("handrail_mails", "last_night", "clicked"): 1,
        ("handrail_withheld", "last_night", "account_opted_out"): 3,
        ("handrail_withheld", "last_night", "paused"): 0,
        ("handrail_click_ratio", "last_night"): 0.5,
        ("handrail_answers", "30_days", "no"): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert ("handrail_completion_ratio", "last_night") not in found, "a share of nobody is no number"


async def test_labels_are_few_and_name_no_customer(ctx: ToolContext, settings: Settings) -> None:
    await lived(ctx)
    async with browser(settings) as client:
        found = samples((await client.get("/metrics")).text)
    async with ctx.store.read() as work:
        names = {each.name for each in await work.accounts.all()}

    labels = {value for _, *values in found for value in values}
    bounded = {"last_night", "30_days", "running", "done", "failed", "in", "out", "yes", "no"}
    bounded |= {"sent", "planned", "unknown", "delivered", "lost", "clicked"}
    bounded |= {"silence", "stuck", "no_mails", "many_mails"}
    assert labels <= bounded | {reason.value for reason in Reason}
    assert not labels & names
    assert len(found) < 150


async def test_every_metric_is_explained_and_no_other(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        text = (await client.get("/metrics")).text

    served = {family.name for family in text_string_to_metric_families(text)}
    assert len(served) > 15
    assert set(re.findall(r"^\| `(handrail_\w+)`", PAGE.read_text("utf-8"), flags=re.MULTILINE)) == served


async def test_the_web_app_raises_the_alarm_for_an_agent_that_cannot(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    started = datetime(2026, 11, 20, 2, tzinfo=UTC)
    report = Report(night=date(2026, 11, 18), status="running", started_at=started, zone="UTC")
    async with ctx.store.begin() as work:
        await work.nights.keep_report(report)
    with answering(200) as (address, seen):
        hook = SecretStr(address)
        serving = settings_for(standins, settings.data_dir, now=LATER, alarm_webhook=hook)
        async with browser(serving) as client, asyncio.timeout(30):
            while len(seen) < 2:
                await client.get("/healthz")
                await asyncio.sleep(
                    0
                )  # the app answers in this very loop, where the watch waits for its turn

    silence, stuck = (json.loads(one["body"])["text"] for one in seen)
    assert "The night of 2026-11-21 02:00 UTC has not finished; none ever did." in silence
    assert "has been running since 2026-11-20 02:00 UTC" in stuck

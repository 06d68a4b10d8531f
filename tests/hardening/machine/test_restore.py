"""A backup, a night after it, and the backup put back: nobody is mailed twice, and no opt-out is lost."""

import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from agent import night
from handrail.context import open_context, secret_of
from handrail.domain.deliveries import Delivery, Reason, Status
from handrail.domain.restores import CaughtUp
from handrail.domain.runs import Report
from handrail.errors import UpstreamError
from handrail.flows.catch_up import LATE, catch_up
from handrail.settings import Settings
from handrail.store import archive
from handrail.store.restoring import restore
from mcp_server.server import create_server
from standin.state import Standin
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.machine.conftest import PEOPLE
from web.app import create_app

GROUP = "4711"
DAY = timedelta(days=1)


class Story:
    """An installation, its clock, and what may be done to it."""

    def __init__(self, settings: Settings, standins: Standin, folder: Path) -> None:
        self.settings, self.standins = settings, standins
        self.file = folder / "handrail.zip"
        self.go_to(standins.world.start())

    def go_to(self, now: datetime) -> None:
        self.now = now
        self.settings = self.settings.model_copy(update={"now": now})
        self.standins.clock.set(now)

    async def night(self) -> Report:
        async with open_context(self.settings, actor="nightly") as ctx:
            return await night.run(ctx)

    def back_up(self) -> None:
        if databases.ON_POSTGRES:
            databases.dump(self.settings.data_dir, self.file)
            self.made_at = self.now
            return
        secret = secret_of(self.settings)
        archive.write(self.file, self.settings.data_dir, secret=secret, now=self.now)

    async def put_back(self, *, disk_lost: bool = True) -> None:
        """Into an empty data directory, or over the one that is there."""
        if databases.ON_POSTGRES:
            databases.load(self.file, self.settings.data_dir)
            async with open_context(self.settings) as ctx, ctx.store.begin() as work:
                await work.restores.begin(self.made_at, self.now)
            return
        if disk_lost:
            shutil.rmtree(self.settings.data_dir)
        await restore(
            self.file,
            self.settings.data_dir,
            secret=secret_of(self.settings),
            now=self.now,
            replace=True,
        )

    async def opt_out(self, mail: int) -> str:
        """Press the button of a mail's own page, and wait until the outside was told; answers who did."""
        app = create_app(self.settings, create_server)
        transport = httpx2.ASGITransport(app=app)
        way_out = re.findall(r"(/u/\S+)", self.standins.mails[mail]["text"])[0]
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client,
        ):
            answer = await client.post(way_out, data={"List-Unsubscribe": "One-Click"})
            await app.state.ctx.background.finish()
        assert answer.status_code == 200
        return str(self.standins.mails[mail]["to"])

    async def catch_up(self) -> tuple[CaughtUp, bool]:
        """What it took in, and whether everybody is held all the same."""
        async with open_context(self.settings) as ctx:
            done = await catch_up(ctx)
        assert done is not None
        return done, await self.holds()

    async def holds(self) -> bool:
        async with open_context(self.settings) as ctx, ctx.store.read() as work:
            return await work.restores.holding(ctx.clock.now()) is not None

    async def decided(self) -> list[Delivery]:
        async with open_context(self.settings) as ctx, ctx.store.read() as work:
            report = await work.nights.report()
            assert report is not None
            return await work.deliveries.of_night(report.night)

    async def reasons(self) -> dict[str, str]:
        """Why each person was not mailed, by address."""
        async with open_context(self.settings) as ctx:
            address = {ctx.people.key_of(key): one["$email"] for key, one in self.standins.profiles.items()}
        return {address[each.user_key]: each.reason for each in await self.decided()}

    def mailed(self) -> Counter[str]:
        return Counter(mail["to"] for mail in self.standins.mails)


@pytest.fixture
def story(settings: Settings, standins: Standin, tmp_path: Path) -> Story:
    return Story(
        settings.model_copy(update={"sendgrid_unsubscribe_group": GROUP, "mixpanel_token": None}),
        standins,
        tmp_path,
    )


async def begun(story: Story) -> None:
    """An installation that has read the project's accounts, and mailed nobody yet."""
    async with open_context(story.settings):
        pass
    story.back_up()


async def test_after_a_restore_nothing_leaves_before_the_pull_and_then_nobody_gets_a_second_mail(
    story: Story, promise: Promise
) -> None:
    await begun(story)
    first = await story.night()
    assert first.sent == PEOPLE
    gone = await story.opt_out(2)
    story.go_to(story.now + DAY)
    await story.put_back()

    refused = await story.night()
    held = await story.reasons()
    story.go_to(story.now + LATE)
    caught_up = await story.night()
    reasons = await story.reasons()

    assert set(held.values()) == {Reason.RESTORED.value}
    assert any("the mail service's log may be 15 minutes late" in note for note in refused.notes)
    assert reasons.pop(gone) == "unsubscribed"
    assert set(reasons.values()) == {"already_sent"}
    assert caught_up.sent == 0
    assert set(story.mailed().values()) == {1}
    promise(f"restore of an older backup: of {PEOPLE} mails 0 twice, 0 before the pull, 1 of 1 opt-outs held")


async def test_the_same_night_run_again_after_a_restore_mails_nobody_again(story: Story) -> None:
    await begun(story)
    await story.night()
    await story.put_back()
    story.go_to(story.now + LATE)

    await story.night()

    rows = await story.decided()
    assert {(each.status, each.detail) for each in rows} == {(Status.SENT, "recalled")}
    assert set(story.mailed().values()) == {1}


async def test_an_opt_out_holds_by_the_persons_profile_where_no_list_is_chosen(story: Story) -> None:
    token = story.standins.world.project["token"]
    story.settings = story.settings.model_copy(
        update={
            "sendgrid_unsubscribe_group": "",
            "mixpanel_token": type(story.settings.sendgrid_api_key)(token),  # type: ignore[misc]
            "mixpanel_ingest_url": f"{story.standins.base_url}/mixpanel",
        }
    )
    await begun(story)
    await story.night()
    gone = await story.opt_out(0)
    story.go_to(story.now + DAY)
    await story.put_back()
    story.go_to(story.now + LATE)

    await story.night()

    reasons = await story.reasons()
    assert reasons.pop(gone) == "unsubscribed"
    assert set(reasons.values()) == {"already_sent"}


async def test_where_nothing_outside_keeps_opt_outs_whoever_was_mailed_is_not_mailed_again(
    story: Story,
) -> None:
    story.settings = story.settings.model_copy(update={"sendgrid_unsubscribe_group": ""})
    await begun(story)
    await story.night()
    await story.opt_out(0)
    story.go_to(story.now + DAY)
    await story.put_back()
    story.go_to(story.now + LATE)

    done, _ = await story.catch_up()

    assert (done.kept_from_all, done.recalled) == (PEOPLE, PEOPLE)
    async with open_context(story.settings) as ctx, ctx.store.read() as work:
        assert await work.deliveries.opted_out() == PEOPLE


@pytest.mark.parametrize("status", [403, 404] if FULL else [403])
async def test_without_the_mail_services_log_the_longest_cool_down_is_waited_for(
    story: Story, status: int
) -> None:
    story.standins.faults.add(
        {"neighbour": "sendgrid", "route": "/v3/logs", "fault": "status", "status": status}
    )
    await begun(story)
    await story.night()
    await story.put_back()
    story.go_to(story.now + LATE)

    done, holds = await story.catch_up()

    assert done.held_until is not None
    assert timedelta() <= done.held_until - (story.now + 30 * DAY) < timedelta(hours=1)
    assert holds
    story.go_to(done.held_until)
    assert not await story.holds()


async def test_a_backup_older_than_the_log_reaches_holds_everybody_for_what_the_log_has_lost(
    story: Story,
) -> None:
    await begun(story)
    story.go_to(story.now + 10 * DAY)
    await story.put_back()
    story.go_to(story.now + LATE)

    done, _ = await story.catch_up()

    assert done.held_until is not None
    assert timedelta() <= done.held_until - (story.now - 3 * DAY + 30 * DAY) < timedelta(hours=1)


async def test_while_the_mail_service_cannot_be_asked_it_goes_on_to_hold(story: Story) -> None:
    await begun(story)
    await story.put_back()
    story.go_to(story.now + LATE)

    for route in ("/v3/logs", "/v3/suppression/bounces", "/v3/suppression/unsubscribes", "/v3/asm"):
        story.standins.faults.clear()
        story.standins.faults.add({"neighbour": "sendgrid", "route": route, "fault": "status", "status": 503})
        with pytest.raises(UpstreamError, match=r"SendGrid did not give .* \(status 503\)"):
            await story.catch_up()
        assert await story.holds()
    story.standins.faults.clear()
    _, holds = await story.catch_up()
    assert not holds


async def test_a_mail_to_an_address_that_changed_since_is_known_by_its_delivery(story: Story) -> None:
    await begun(story)
    await story.night()
    story.standins.profiles["person-3"]["$email"] = "new.address@company1.example"
    story.go_to(story.now + DAY)
    await story.put_back()
    story.go_to(story.now + LATE)

    await story.night()

    assert "new.address@company1.example" not in story.mailed()
    assert (await story.reasons())["new.address@company1.example"] == "already_sent"


async def test_a_mail_whose_details_the_log_forgot_is_known_by_its_address(story: Story) -> None:
    await begun(story)
    await story.night()
    for mail in story.standins.mails:
        mail["custom_args"] = {}
    story.go_to(story.now + DAY)
    await story.put_back()
    story.go_to(story.now + LATE)

    await story.night()

    assert set((await story.reasons()).values()) == {"already_sent"}
    assert set(story.mailed().values()) == {1}


async def test_a_restore_marked_by_hand_holds_as_well(story: Story) -> None:
    await begun(story)
    async with open_context(story.settings) as ctx, ctx.store.begin() as work:
        await work.restores.begin(story.now - DAY, story.now)

    await story.night()

    assert story.standins.mails == []
    async with open_context(story.settings) as ctx:
        with pytest.raises(UpstreamError, match="nothing is sent before it is read at 02:15 UTC"):
            await catch_up(ctx)


async def test_an_opt_out_that_could_not_be_told_is_told_later_and_only_once(story: Story) -> None:
    from agent.schedule import one_telling  # noqa: PLC0415

    await begun(story)
    await story.night()
    refuse = {"neighbour": "sendgrid", "route": "/v3/asm", "fault": "status", "status": 500, "times": 1}
    story.standins.faults.add(refuse)
    who = await story.opt_out(1)
    assert story.standins.suppressed == {}

    for _ in range(2):
        await one_telling(lambda: open_context(story.settings, actor="nightly"))

    assert [each["email"] for each in story.standins.suppressed[f"group {GROUP}"]] == [who]
    posts = [each for each in story.standins.requests if "/asm/" in each["path"] and each["method"] == "POST"]
    assert [each["status"] for each in posts] == [500, 201]


async def test_no_address_of_the_log_or_the_lists_reaches_the_disk(story: Story) -> None:
    await begun(story)
    await story.night()
    await story.opt_out(1)
    await story.put_back()
    story.go_to(story.now + LATE)
    await story.night()

    kept = b"".join(databases.on_disk(story.settings.data_dir).values())
    assert b"@company" not in kept
    assert b"person-" not in kept


@pytest.mark.sqlite("a restore on PostgreSQL reads nothing of the tables that it replaces")
async def test_what_was_said_and_mailed_in_the_replaced_tables_is_carried_over(story: Story) -> None:
    await begun(story)
    sent = (await story.night()).sent
    await story.opt_out(1)
    with closing(sqlite3.connect(story.settings.data_dir / archive.TABLES)) as tables:
        tables.execute("update opt_outs set erased_at = at")
        tables.commit()

    await story.put_back(disk_lost=False)

    with closing(sqlite3.connect(story.settings.data_dir / archive.TABLES)) as tables:
        assert tables.execute("select count(*), count(erased_at) from opt_outs").fetchone() == (1, 1)
        assert tables.execute("select count(*) from deliveries where status = 'sent'").fetchone() == (sent,)
    await story.opt_out(2)  # by the link of a mail that the backup did not know

"""SendGrid behind each fault: its lists before anybody is mailed, then the mails themselves."""

import asyncio

import pytest

from handrail.context import open_context
from handrail.domain.deliveries import Status
from handrail.errors import UpstreamError
from handrail.flows.suppressions import keep_up
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import moved
from tests.hardening.conftest import Promise
from tests.hardening.upstream.choice import chosen
from tests.hardening.upstream.conftest import PEOPLE, behind, measured, plain
from tests.hardening.upstream.faults import FAULTS, Fault, met
from tests.hardening.upstream.night import EVERYBODY, made, mail_the_others, recipients, try_night

MOST_MEGABYTES = 350
SHORT = {"mail_seconds": 1.0}
DETAILS = {"", "cut", "time_out", "unreachable", "rate_limited", "status_200", "status_307", "status_503"}


@pytest.mark.parametrize("name", chosen("sendgrid"))
async def test_sendgrid_behind_a_fault(
    name: str, settings: Settings, three: Standin, promise: Promise
) -> None:
    fault = FAULTS[name]
    async with asyncio.timeout(300):
        await nobody_is_mailed_before_the_lists_were_read(fault, settings, three)
        three.mails.clear()
        await each_mail_is_sent_unknown_or_planned_and_none_twice(fault, settings, three)

    promise(f"SendGrid, {name}: ended in time with our words, and nobody got two mails")


async def nobody_is_mailed_before_the_lists_were_read(
    fault: Fault, settings: Settings, three: Standin
) -> None:
    lists = moved(settings, settings.data_dir / "lists")
    async with met(fault, three.base_url, "/suppression") as proxy:
        spoilt = behind(lists, sendgrid_url=f"{proxy.base_url}/sendgrid", **(SHORT if fault.slow else {}))
        with measured(fault) as peak:
            told = await try_night(spoilt)

    assert peak.megabytes <= MOST_MEGABYTES
    assert recipients(three) == (EVERYBODY if fault.harmless else [])
    if not fault.harmless:
        assert told
        assert [each for each in told if not plain(each)] == []
        await mail_the_others(lists)
        assert recipients(three) == EVERYBODY


async def each_mail_is_sent_unknown_or_planned_and_none_twice(
    fault: Fault, settings: Settings, three: Standin
) -> None:
    mails = moved(settings, settings.data_dir / "mails")
    async with open_context(mails) as ctx:
        await keep_up(ctx)  # fresh for a quarter of an hour: only mails meet the fault
    async with met(fault, three.base_url) as proxy:
        spoilt = behind(mails, sendgrid_url=f"{proxy.base_url}/sendgrid", **(SHORT if fault.slow else {}))
        with measured(fault) as peak:
            told = await try_night(spoilt)
        rows = await made(mails)
        arrived = recipients(three)

    assert peak.megabytes <= MOST_MEGABYTES
    assert [each for each in told if not plain(each)] == []
    assert [row.status for row in rows] == [Status(fault.mail)] * PEOPLE
    assert {row.detail for row in rows} <= DETAILS
    assert arrived == (EVERYBODY if fault.reaches else [])
    await mail_the_others(mails)
    got_none = fault.mail == "unknown" and not fault.reaches
    assert recipients(three) == ([] if got_none else EVERYBODY)


async def test_lists_that_never_end_are_noticed_at_their_second_page(
    settings: Settings, three: Standin
) -> None:
    async with met(FAULTS["the same page for ever"], three.base_url) as proxy:
        spoilt = behind(settings, sendgrid_url=f"{proxy.base_url}/sendgrid")
        async with open_context(spoilt) as ctx:
            with pytest.raises(UpstreamError, match="gave a page of its suppression lists twice"):
                await keep_up(ctx)

    assert len(proxy.paths) == 2

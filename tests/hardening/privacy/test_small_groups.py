"""Every answer about every account, small ones above all: no group of few people, and none by subtraction."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.flows.refresh import refresh
from handrail.settings import Settings
from tests.hardening.conftest import Promise
from tests.oracle_reading import read
from tests.web.test_app import browser
from tools.get_user_segments import get_user_segments
from tools.query_events import query_events

LAST = date(2026, 11, 19)
PROPERTIES = ("$browser", "$os", "mp_country_code")
SPANS = {"last_7_days": 7, "last_30_days": 30}
FEW = range(1, 5)


def users_by_value(folder: Path, days: int) -> dict[tuple[str, str], dict[str, set[str]]]:
    """Users of each value by account and property, out of the raw events."""
    found: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event in read(folder).events:
        if LAST - timedelta(days=days) < event.day <= LAST and event.user:
            for account in event.accounts:
                for name in PROPERTIES:
                    found[account, name][str(event.properties.get(name, ""))].add(event.user)
    return found


async def everybody(ctx: ToolContext) -> list[Account]:
    async with ctx.store.read() as work:
        return list(await work.accounts.all())


async def test_no_breakdown_of_any_account_singles_few_people_out(
    ctx: ToolContext, acme_folder: Path, promise: Promise
) -> None:
    answers = groups = 0
    small: list[str] = []
    accounts = await everybody(ctx)
    for period, length in SPANS.items():
        truly = users_by_value(acme_folder, length)
        for account in accounts:
            for name in PROPERTIES:
                answer = await query_events(ctx, account=account.id, period=period, breakdown=name)  # type: ignore[arg-type]
                answers += 1
                had = truly[account.mixpanel_id, name]
                told = [row.value for row in answer.breakdown if row.value != "(other)"]
                groups += len(told)
                all_users = set().union(*had.values()) if had else set()
                rest = set().union(*(users for value, users in had.items() if value not in told))
                left = [*(len(had[value]) for value in told), *([len(rest)] if told else [])]
                left += [len(all_users - had[value]) for value in told]
                if any(each in FEW for each in left):
                    small.append(f"{account.mixpanel_id} {period} {name}: {left}")

    assert small == []
    assert groups > 40
    promise(f"breakdowns: 0 of {groups} groups in {answers} answers are, or let subtract, 1 to 4 people")


async def test_no_answer_about_users_holds_a_count_of_few_people_beside_the_whole(
    ctx: ToolContext, settings: Settings, promise: Promise
) -> None:
    """The groups of `get_user_segments` and of REST, each beside its account's own figures."""
    await refresh(ctx, LAST)
    answers = groups = 0
    async with browser(settings) as client:
        for account in await everybody(ctx):
            told = await client.get(f"/api/mixpanel/users/{account.id}")
            found = [told.json(), (await get_user_segments(ctx, account=account.id)).model_dump(mode="json")]
            for answer in found:
                answers += 1
                for whole, part in _parts(answer):
                    groups += 1
                    assert part not in FEW, (account.mixpanel_id, whole, part)
                    assert whole - part not in FEW, (account.mixpanel_id, whole, part)
    assert groups > 40
    promise(
        f"users by segment: 0 of {groups} figures in {answers} answers tell, or let subtract, 1 to 4 people"
    )


FIGURES = ("users", "active_30_days", "quiet_14_days")


def _parts(answer: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """(of the account, of a group) for every figure of every group in an answer, wherever it stands."""
    whole = answer.get("figures") or answer.get("users")
    whole = whole if isinstance(whole, dict) else answer
    for group in _groups(answer):
        for name in FIGURES:
            if group.get(name) is not None:
                yield int(whole[name]), int(group[name])


def _groups(value: Any) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _groups(each)
    if isinstance(value, dict) and "users" in value and value.keys() & {"value", "segment"}:
        yield value

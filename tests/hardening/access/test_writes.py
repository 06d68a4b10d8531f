"""What a reader of some accounts may change: their own accounts, and nothing of another's or of all."""

import re
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.reviews import Review, ReviewStatus
from handrail.engine import keys
from handrail.settings import Settings
from tests import databases
from tests.hardening.access.divided import ALL, ANNA, ANNA_READS, PERSON, divided, opened
from tests.hardening.doors.asking import doors_of
from web.access import ENDPOINT, open_to_all
from web.reach import refused

COUNTED = ("calls", "tool_calls", "repeats", "query_slots", "query_limits", "workers", "model_calls")
"""Tables of the process itself, which every request adds to."""


def tables(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that says something of an account or of sending."""
    with databases.tables(settings.data_dir) as book:
        return {
            name: sorted(map(tuple, book.execute(f'select * from "{name}"')), key=repr)
            for name in book.names()
            if name not in COUNTED
        }


def changed(before: dict[str, list[tuple[object, ...]]], settings: Settings) -> list[str]:
    now = tables(settings)
    return [name for name, rows in before.items() if now[name] != rows]


def commands(path: str, account: str) -> list[dict[str, Any]]:
    """What may be posted there: every field of a form in one, and each body that a command takes."""
    if path.startswith("/api/"):
        return [{"json": each} for each in ({"value": 1, "note": "zq"}, {"state": "resolved"}, {})]
    fields = {
        **dict.fromkeys(("value", "report", "number"), "1"),
        **dict.fromkeys(("note", "name"), "zq"),
        "account": account,
        "scope": "account",
        "state": "dismissed",
        "reason": "seen",
        "feature": "connect-data-source",
    }
    return [{"data": {**fields, "action": each}} for each in ("pause", "approve")]


async def test_no_command_changes_another_csms_account_or_the_installation(settings: Settings) -> None:
    world = await divided(settings)
    one = world.foreign[0]
    async with open_context(settings) as ctx:
        theirs = await reviews_of(ctx, [one.id])
        foreign = await reviews_of(ctx, [each.id for each in world.foreign])
    assert foreign, "a text waits for people of foreign accounts alone"
    before = tables(settings)
    statuses: dict[str, set[int]] = {}
    async with opened(settings) as doors:
        posts = [door for door in doors_of(doors.app) if door.method == "POST" and door.template != ENDPOINT]
        for door in posts:
            if open_to_all(door.template):
                continue
            # An alert of somebody else is none of one's own account's, either.
            for name in (*one.names, *(["acct_1001"] if "{alert_id}" in door.template else [])):
                given = {
                    **dict.fromkeys(("account", "customer_id"), name),
                    "alert_id": world.alert,
                    "review_id": (theirs or foreign)[0].id,
                    "night": str(world.night),
                    "delivery_id": foreign[0].deliveries[0],
                }
                path = re.sub(r"\{(\w+)\}", lambda match, given=given: given[match[1]], door.template)  # type: ignore[misc]
                for sent in commands(path, name):
                    answer = await doors.http[ANNA].post(path, **sent)
                    statuses.setdefault(door.template, set()).add(answer.status_code)
                    assert not world.told(answer.text, name), path
    assert changed(before, settings) == []
    assert all(min(found) >= 400 for found in statuses.values()), statuses
    assert all(403 in found for path, found in statuses.items() if refused(path)), statuses
    assert all(found & {404, 409} for path, found in statuses.items() if not refused(path)), statuses


async def test_tools_change_nothing_of_another_csms_account(settings: Settings) -> None:
    world = await divided(settings)
    one = world.foreign[0]
    async with open_context(settings) as ctx:
        theirs = await reviews_of(ctx, [each.id for each in world.foreign])
        proof = keys.review_proof(ctx.secret, theirs[0].id)
        async with ctx.store.read() as work:
            stuck = await work.nights.struggles(world.night)
    stranger = next(each for each in stuck if not set(each.account_ids) & set(world.own.values()))
    calls = [
        *(("control_sending", {"action": "pause", "account": name}) for name in one.names),
        ("control_sending", {"action": "pause"}),
        ("control_sending", {"action": "resume"}),
        ("control_sending", {"action": "pause", "feature": "connect-data-source"}),
        ("send_tutorial", {"user_key": stranger.user_key, "feature": stranger.feature}),
        ("decide_review", {"review": theirs[0].id, "decision": "approve", "proof": proof}),
        ("decide_review", {"review": theirs[0].id, "decision": "reject", "proof": proof}),
        ("sync_mixpanel", {}),
    ]
    before = tables(settings)
    async with opened(settings) as doors, doors.chat(ANNA) as client:
        for name, given in calls:
            answer = await client.call_tool(name, given)
            assert answer.is_error or (answer.structured_content or {}).get("candidates"), (name, given)
            assert not world.told(answer.model_dump_json(), *map(str, given.values()))
    assert changed(before, settings) == []


async def reviews_of(ctx: ToolContext, account_ids: list[str]) -> list[Review]:
    """Waiting reviews whose people are all of these accounts."""
    wanted, found = set(account_ids), []
    async with ctx.store.read() as work:
        for each in await work.reviews.waiting(ctx.clock.now()):
            people = (await work.deliveries.among(each.deliveries)).values()
            if all(set(one.account_ids) <= wanted for one in people):
                found.append(each)
    return found


async def test_a_csm_holds_feels_and_closes_at_their_own_accounts(settings: Settings) -> None:
    world = await divided(settings)
    own = world.own["acct_1001"]
    async with opened(settings) as doors:
        async with doors.chat(ANNA) as client:
            held = await client.call_tool("control_sending", {"action": "pause", "account": "Acme"})
        felt = await doors.http[ANNA].post("/api/accounts/acct_1001/sentiment", json={"value": 4})
        closed = await doors.http[ANNA].post("/api/alerts/mine", json={"state": "resolved"})
        page = await doors.http[ANNA].post("/accounts/acct_1003/sending", data={"action": "pause"})
        reads = await doors.http[ANNA_READS].post("/api/accounts/acct_1001/sentiment", json={"value": 4})
        ctx: ToolContext = doors.app.state.ctx
        async with ctx.store.read() as work:
            pauses = await work.deliveries.pauses()

    assert not held.is_error, held.model_dump_json()
    assert (felt.status_code, closed.status_code, page.status_code) == (200, 200, 303)
    assert closed.json()["state"] == "resolved"
    assert reads.status_code == 403
    assert set(pauses) == {f"account:{own}", f"account:{world.own['acct_1003']}"}


async def test_of_switches_readers_are_told_those_of_their_accounts(settings: Settings) -> None:
    world = await divided(settings)
    one = world.foreign[0]
    async with opened(settings) as doors:
        for path in (f"/accounts/{one.id}/sending", "/accounts/acct_1001/sending"):
            assert (await doors.http[ALL].post(path, data={"action": "pause"})).status_code == 303
        # The last change is of the other CSM's account.
        await doors.http[ALL].post(f"/accounts/{one.id}/sending", data={"action": "resume"})
        await doors.http[ALL].post(f"/accounts/{one.id}/sending", data={"action": "pause"})
        async with doors.chat(ANNA) as client:
            told = await client.call_tool("control_sending", {})

    assert (told.structured_content or {})["paused"] == ["Acme"]
    assert (told.structured_content or {})["last_change"].startswith("pause Acme,")
    assert not world.told(told.model_dump_json())


@pytest.mark.parametrize("mixed", [False, True])
async def test_a_text_is_decided_by_who_sees_all_of_its_readers(mixed: bool, settings: Settings) -> None:
    """With somebody of another CSM's account among them, it is refused with why, and is on no list."""
    world = await divided(settings)
    review = await own_review(settings, world.own["acct_1001"], world.foreign[0].id if mixed else "")
    before = tables(settings)
    async with opened(settings) as doors:
        listed = (await doors.http[ANNA].get("/tonight")).text
        page = await doors.http[ANNA].get(f"/tonight/{review}")
        mail = await doors.http[ANNA].get(f"/tonight/{review}/mail")
        edited = await doors.http[ANNA].get(f"/tonight/{review}/edit")
        done = await doors.http[ANNA].post(f"/tonight/{review}/approve")
        ctx = doors.app.state.ctx
        async with ctx.store.read() as work:
            after = await work.reviews.get(review)
    assert after
    assert edited.status_code == 403
    assert not world.told(listed + page.text + mail.text + done.text)
    if mixed:
        assert f"/tonight/{review}" not in listed
        assert (page.status_code, mail.status_code, done.status_code) == (403, 403, 403)
        assert "accounts that you do not see" in done.text
        assert changed(before, settings) == []
        assert after.status is ReviewStatus.WAITING
    else:
        assert f"/tonight/{review}" in listed
        assert (page.status_code, mail.status_code, done.status_code) == (200, 200, 303)
        assert f"/tonight/{review}/edit" not in page.text
        assert after.status is ReviewStatus.APPROVED


async def own_review(settings: Settings, own: str, foreign: str) -> str:
    """A waiting review, made one for people of an own account alone, or with one person of a foreign one."""
    async with open_context(settings) as ctx, ctx.store.read() as work:
        found = max(await work.reviews.waiting(ctx.clock.now()), key=lambda each: len(each.deliveries))
    assert len(found.deliveries) > 1
    rows = [(each, own) for each in found.deliveries]
    if foreign:
        rows[-1] = (found.deliveries[-1], foreign)
    with databases.tables(settings.data_dir) as book:
        book.executemany("delete from delivery_accounts where delivery_id = ?", [row[:1] for row in rows])
        book.executemany("insert into delivery_accounts (delivery_id, customer_id) values (?, ?)", rows)
    return found.id


async def test_somebody_of_two_accounts_can_be_sent_what_helps_them(settings: Settings) -> None:
    """The rules go by all of the person's accounts: another's hold counts, and is not told."""
    world = await divided(settings)
    async with opened(settings) as doors, doors.chat(ANNA) as client:
        stuck = await client.call_tool("find_struggling_users", {"account": "Acme"})
        feature = (stuck.structured_content or {})["cards"][0]["feature"]
        given = {"user_key": PERSON, "feature": feature}
        asked = await client.call_tool("send_tutorial", given)
        confirm = (asked.structured_content or {})["confirm"]
        sent = await client.call_tool("send_tutorial", {**given, "confirm": confirm})
        ctx: ToolContext = doors.app.state.ctx
        async with ctx.store.read() as work:
            kept = await work.deliveries.get((sent.structured_content or {})["delivery_id"])

    assert kept
    assert len(kept.account_ids) == 2
    assert not world.told(asked.model_dump_json() + sent.model_dump_json())

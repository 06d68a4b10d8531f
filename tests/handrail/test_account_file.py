"""What a company says of its own accounts: taken over whole, or not at all."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from handrail.context import ToolContext
from handrail.domain.accounts import Account, GroupProfile
from handrail.domain.alerts import Alert, AlertKind, AlertState
from handrail.domain.health import Sentiment
from handrail.domain.periods import Period
from handrail.errors import CallerError
from handrail.flows.health import keep_scores
from handrail.flows.sync import sync
from handrail.services import account_file
from tests.raised import alert
from tools.find_accounts import find_accounts
from tools.get_account_health import get_account_health
from tools.list_alerts import list_alerts
from tools.query_events import query_events

FILE = """id,name,aliases,domains,segment,arr,csm,renewal,churned_at
acct_1001,Acme Corporation,Acme;ACME Inc,acme.example;Acme.EU.example,enterprise,120000,Jo,2027-02-01,
,Marigold Health,Mari,,mid,,,,2026-11-01
acct_9999,Newcomer,,,,,,,
"""


def written(folder: Path, text: str = FILE) -> Path:
    path = folder / "accounts.csv"
    path.write_text(text, "utf-8")
    return path


async def take_over(ctx: ToolContext, path: Path) -> tuple[int, list[int]]:
    async with ctx.store.begin() as work:
        return await work.accounts.describe(
            account_file.read(path), project_id=ctx.mixpanel.project_id, now=ctx.clock.now()
        )


async def book(ctx: ToolContext) -> dict[str, Account]:
    async with ctx.store.read() as work:
        return {account.mixpanel_id: account for account in await work.accounts.all()}


async def test_accounts_are_described_by_id_or_by_name(ctx: ToolContext, tmp_path: Path) -> None:
    assert await take_over(ctx, written(tmp_path)) == (3, [])

    known = await book(ctx)
    acme, marigold = known["acct_1001"], known["acct_1004"]
    assert (acme.name, acme.aliases, acme.arr) == ("Acme Corporation", ("Acme", "ACME Inc"), 120000)
    assert acme.domains == ("acme.example", "acme.eu.example")
    assert str(acme.renewal) == "2027-02-01"
    assert (marigold.segment, str(marigold.churned_at)) == ("mid", "2026-11-01")
    assert known["acct_9999"].name == "Newcomer"


@pytest.mark.parametrize("asked", ["Acme", "acme inc", "ACME.eu.example", "Acme Corporation", "acct_1001"])
async def test_an_alias_or_a_domain_finds_the_account(asked: str, ctx: ToolContext, tmp_path: Path) -> None:
    await take_over(ctx, written(tmp_path))

    answer = await query_events(ctx, account=asked)

    assert answer.account is not None
    assert answer.account.mixpanel_id == "acct_1001"


async def test_a_given_name_survives_the_next_sync(ctx: ToolContext, tmp_path: Path) -> None:
    await take_over(ctx, written(tmp_path))

    await sync(ctx)

    assert (await book(ctx))["acct_1001"].name == "Acme Corporation"
    assert [row.name for row in (await find_accounts(ctx, query="Acme Corp")).accounts] == [
        "Acme Corporation"
    ]


async def test_a_name_that_nobody_has_is_told_with_its_line(ctx: ToolContext, tmp_path: Path) -> None:
    described, unknown = await take_over(ctx, written(tmp_path, "name,segment\nAcme,big\nNobody,small\n"))

    assert (described, unknown) == (1, [3])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,colour\nacct_1001,red\n", "line 1.*'colour'"),
        ("segment\nbig\n", "line 1.*id or name"),
        ("id,arr\nacct_1001,much\n", "line 2, arr"),
        ("id,arr\nacct_1001,-1\n", "line 2, arr"),
        ("id,renewal\nacct_1001,soon\n", "line 2, renewal"),
        ("id,name\n,\n", "line 2: id or name"),
        ("id,name\nacct_1001,Acme,more\n", "line 2: there are more values"),
        ("id,mixpanel_ids\nb,a;b\n", "line 2, mixpanel_ids: the first must be 'b'"),
        ("id,mixpanel_ids\na,a;b\nc,c;b\n", "line 3: 'b' is on line 2 already"),
        ("id,mixpanel_ids\na,a;b\nb,\n", "line 3: 'b' is on line 2 already"),
    ],
)
def test_a_fault_is_told_with_file_line_and_column(text: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)

    with pytest.raises(CallerError, match=words) as refused:
        account_file.read(path)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="no file"):
        account_file.read(tmp_path / "none.csv")
    binary = tmp_path / "x.csv"
    binary.write_bytes(b"id\n\xff\xfe\n")
    with pytest.raises(CallerError, match="UTF-8"):
        account_file.read(binary)


async def test_several_ids_of_one_company_make_one_account_that_each_of_them_finds(
    ctx: ToolContext, tmp_path: Path
) -> None:
    before = await book(ctx)
    totals = [(await query_events(ctx, account=each)).figures for each in ("acct_1001", "acct_1002")]

    await take_over(ctx, written(tmp_path, "mixpanel_ids,name\nacct_1001;acct_1002;old_7,Acme\n"))

    after = await book(ctx)
    assert before.keys() - after.keys() == {"acct_1002"}
    for asked in ("acct_1002", "old_7", before["acct_1002"].name):
        answer = await query_events(ctx, account=asked)
        assert answer.account is not None
        assert (answer.account.name, answer.account.mixpanel_id) == ("Acme", "acct_1001")
        assert answer.figures is not None
        assert answer.figures.total_events == sum(each.total_events for each in totals if each)


async def test_opting_out_or_pausing_one_id_holds_for_the_company(ctx: ToolContext, tmp_path: Path) -> None:
    book_before = await book(ctx)
    out = next(account for account in book_before.values() if account.opted_out)
    async with ctx.store.begin() as work:
        await work.deliveries.pause(f"account:{book_before['acct_1002'].id}", ctx.clock.now())

    await take_over(ctx, written(tmp_path, f"mixpanel_ids\nacct_1001;acct_1002;{out.mixpanel_id}\n"))
    acme = (await book(ctx))["acct_1001"]
    async with ctx.store.read() as work:
        pauses = await work.deliveries.pauses()
    assert acme.opted_out
    assert list(pauses) == [f"account:{acme.id}"]
    await sync(ctx)
    assert (await book(ctx))["acct_1001"].opted_out, "Mixpanel's profile of the first id does not lift it"


async def test_an_id_that_was_united_cannot_be_described_or_taken_again(
    ctx: ToolContext, tmp_path: Path
) -> None:
    await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n"))

    with pytest.raises(CallerError, match="'acct_1001'"):
        await take_over(ctx, written(tmp_path, "id,name\nacct_1002,Labs\n"))
    with pytest.raises(CallerError, match="one account with another id already"):
        await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1003;acct_1002\n"))
    assert await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n")) == (1, [])


async def test_a_later_line_by_the_name_of_an_id_that_was_united_above_is_told(
    ctx: ToolContext, tmp_path: Path
) -> None:
    labs = (await book(ctx))["acct_1002"].name
    lines = f"mixpanel_ids,name,segment\nacct_1001;acct_1002,,big\n,{labs},small\n,Acme,mid\n"

    assert await take_over(ctx, written(tmp_path, lines)) == (2, [3])

    assert (await book(ctx))["acct_1001"].segment == "mid"


async def test_the_name_that_an_account_had_still_finds_it(ctx: ToolContext, tmp_path: Path) -> None:
    await take_over(ctx, written(tmp_path, "id,name\nacct_1001,Apex Corporation\n"))
    await take_over(ctx, written(tmp_path, "id,name,aliases\nacct_1001,Summit,Peak\n"))

    for asked in ("Acme", "apex corporation", "Peak"):
        answer = await query_events(ctx, account=asked)
        assert answer.account is not None
        assert answer.account.name == "Summit"


def an_alert(
    alert_id: str, account: str, *, kind: AlertKind = AlertKind.DROP, state: AlertState = "open"
) -> Alert:
    reason = "On a retreat" if state == "dismissed" else ""
    return alert(alert_id, account, date(2026, 11, 18), kind=kind, state=state, reason=reason)


async def test_what_was_raised_for_one_id_and_said_to_it_is_the_companys(
    ctx: ToolContext, tmp_path: Path
) -> None:
    before = await book(ctx)
    acme, labs = before["acct_1001"].id, before["acct_1002"].id
    async with ctx.store.begin() as work:
        await work.alerts.keep(
            [
                an_alert("acme drops", acme),
                an_alert("labs drops", labs),
                an_alert("labs fails", labs, kind=AlertKind.ERRORS),
                an_alert("labs was known", labs, state="dismissed"),
            ]
        )

    await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n"))

    async with ctx.store.read() as work:
        kept = {alert.id: alert for alert in await work.alerts.find()}
        of_acme = await work.alerts.find(account_id=acme)
        dismissals = await work.alerts.dismissals()
    assert set(kept) == {"acme drops", "labs fails", "labs was known"}, "one drop is told once"
    assert {alert.account_id for alert in kept.values()} == {acme}
    assert len(of_acme) == 3
    assert dismissals == {(acme, AlertKind.DROP): 1}
    listed = await list_alerts(ctx, account="acct_1002")
    assert {card.account for card in listed.alerts} == {"Acme"}
    assert len(listed.alerts) == 2


async def test_what_was_felt_of_one_id_is_the_companys_and_scores_of_parts_are_made_anew(
    ctx: ToolContext, tmp_path: Path
) -> None:
    before = await book(ctx)
    acme, labs = before["acct_1001"].id, before["acct_1002"].id
    night = date(2026, 11, 19)
    await keep_scores(ctx, night)
    apart = await get_account_health(ctx, account="acct_1001")
    async with ctx.store.begin() as work:
        for number, account in enumerate((acme, labs)):
            felt = Sentiment(value=2 + number, note=f"note {number}", at=ctx.clock.now() + timedelta(number))
            await work.health.feel(account, felt)

    await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n"))

    span = Period(from_date=date(2026, 1, 1), to_date=night, zone="UTC")
    async with ctx.store.read() as work:
        felt_of = [(each.value, each.note) for each in await work.health.sentiments(acme)]
        gone = await work.health.of(acme), await work.health.days(acme, span), await work.health.of(labs)
    assert sorted(felt_of) == [(2, "note 0"), (3, "note 1")]
    assert gone == (None, [], None), "a score of a part is no score of the company"
    await keep_scores(ctx, night)
    united = await get_account_health(ctx, account="acct_1002")
    assert united.account is not None
    assert united.account.name == "Acme"
    assert united.score is not None
    assert apart.score is not None


@pytest.mark.parametrize(
    ("first", "second", "company"),
    [
        ("2026-09-01", "2026-10-01", "2026-10-01"),
        ("2026-10-01", "2026-09-01", "2026-10-01"),
        ("2026-09-01", "", None),
        ("", "2026-10-01", None),
        ("", "", None),
    ],
)
async def test_a_company_has_left_with_the_last_of_its_ids(
    first: str, second: str, company: str | None, ctx: ToolContext, tmp_path: Path
) -> None:
    days = [date.fromisoformat(each) if each else None for each in (first, second)]
    profiles = [
        GroupProfile(
            mixpanel_id=mixpanel_id,
            name=mixpanel_id,
            domain="",
            internal=False,
            opted_out=False,
            churned_at=day,
        )
        for mixpanel_id, day in zip(("acct_1001", "acct_1002"), days, strict=True)
    ]
    async with ctx.store.begin() as work:
        await work.accounts.keep(profiles, project_id=ctx.mixpanel.project_id, now=ctx.clock.now())

    await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n"))
    united = (await book(ctx))["acct_1001"].churned_at
    async with ctx.store.begin() as work:
        await work.accounts.keep(profiles, project_id=ctx.mixpanel.project_id, now=ctx.clock.now())
    after_a_sync = (await book(ctx))["acct_1001"].churned_at

    wanted = date.fromisoformat(company) if company else None
    assert (united, after_a_sync) == (wanted, wanted)


async def test_the_files_own_date_stands_for_the_company(ctx: ToolContext, tmp_path: Path) -> None:
    await take_over(ctx, written(tmp_path, "id,churned_at\nacct_1002,2026-10-01\n"))
    await take_over(ctx, written(tmp_path, "mixpanel_ids,churned_at\nacct_1001;acct_1002,2026-11-01\n"))

    assert (await book(ctx))["acct_1001"].churned_at == date(2026, 11, 1)

"""What a company says of its own accounts: taken over whole, or not at all."""

from pathlib import Path

import pytest

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.errors import CallerError
from handrail.flows.sync import sync
from handrail.services import account_file
from tools.find_accounts import find_accounts
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


async def test_the_name_that_an_account_had_still_finds_it(ctx: ToolContext, tmp_path: Path) -> None:
    await take_over(ctx, written(tmp_path, "id,name\nacct_1001,Apex Corporation\n"))
    await take_over(ctx, written(tmp_path, "id,name,aliases\nacct_1001,Summit,Peak\n"))

    for asked in ("Acme", "apex corporation", "Peak"):
        answer = await query_events(ctx, account=asked)
        assert answer.account is not None
        assert answer.account.name == "Summit"

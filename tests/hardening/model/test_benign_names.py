"""Names with nothing wrong with them: at most one in fifty is lost, in mails, in answers, or to the gate."""

import html
from itertools import product

from mcp import Client

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.domain.struggles import Signature
from handrail.engine import grounding
from handrail.flows.deliver import Tokens, mail_of
from handrail.flows.writing import what_is_wrong
from mcp_server.server import create_server
from standin.state import Standin
from tests.hardening.conftest import Promise
from tests.hardening.model.benign import COMPANIES, PEOPLE
from tools._server import already_open
from tools.draft_tutorial import draft_tutorial

MOST = 0.02


def share(lost: int, of: int) -> str:
    return f"{lost} of {of} ({lost / of:.1%})"


async def test_people_are_greeted_by_the_names_they_have(
    ctx: ToolContext, standins: Standin, promise: Promise
) -> None:
    ids = list(standins.profiles)[: len(PEOPLE)]
    for number, (distinct_id, name) in enumerate(zip(ids, PEOPLE, strict=True)):
        standins.profiles[distinct_id] = {"$name": name, "$email": f"person{number}@acme.example"}
    by_key = {ctx.people.key(distinct_id): name for distinct_id, name in zip(ids, PEOPLE, strict=True)}
    tutorial = (await draft_tutorial(ctx, feature="schedule-export")).tutorial
    feature = ctx.kb.feature("schedule-export")

    wanted: dict[str, str] = {}
    for key, contact in (await ctx.people.fetch(by_key)).items():
        mail = mail_of(ctx, tutorial, feature, contact.first_name, Tokens())
        assert (await ctx.mail.send(mail, contact, key[:12])).kind == "accepted"
        wanted[contact.email] = PEOPLE[by_key[key]]

    assert len(standins.mails) == len(wanted) == len(PEOPLE) >= 110
    lost = [wanted[mail["to"]] for mail in standins.mails if not greeted(mail, wanted[mail["to"]])]
    assert len(lost) <= MOST * len(PEOPLE), lost
    promise(f"benign names: {share(len(lost), len(PEOPLE))} of people not greeted by their name (most: 2 %)")


def greeted(mail: dict[str, str], name: str) -> bool:
    words = f"Hi {name},"
    in_both = words in mail["text"] and words in html.unescape(mail["html"])
    return in_both and mail["to_name"] == name


async def test_companies_are_found_and_told_by_the_names_they_have(
    ctx: ToolContext, promise: Promise
) -> None:
    async with ctx.store.begin() as work:
        known = sorted(await work.accounts.all(), key=lambda each: each.mixpanel_id)
        profiles = [
            GroupProfile(mixpanel_id=f"b_{number}", name=name, domain=f"b{number}.example")
            for number, name in enumerate(COMPANIES)
        ]
        await work.accounts.keep(profiles, project_id=2914077, now=ctx.clock.now())
    lost = []
    async with Client(create_server(already_open(ctx))) as client:
        for number, name in enumerate(COMPANIES):
            answer = await client.call_tool("query_events", {"account": name})
            told = answer.structured_content or {}
            account = told.get("account") or {}
            if (account.get("mixpanel_id"), account.get("name")) != (f"b_{number}", name):
                lost.append(name)

    assert len(known) == 25
    assert len(COMPANIES) >= 110
    assert len(lost) <= MOST * len(COMPANIES), lost
    promise(
        f"benign names: {share(len(lost), len(COMPANIES))} of companies not told by their name (most: 2 %)"
    )


async def test_a_book_full_of_such_names_keeps_no_text_from_going_out(
    ctx: ToolContext, promise: Promise
) -> None:
    """Companies are called as buttons are called; a text in the document's words stays."""
    async with ctx.store.begin() as work:
        profiles = [
            GroupProfile(mixpanel_id=f"b_{number}", name=name, domain=f"b{number}.example")
            for number, name in enumerate(COMPANIES)
        ]
        await work.accounts.keep(profiles, project_id=2914077, now=ctx.clock.now())
    blocked, asked = [], 0
    for feature in ctx.kb.features():
        for step, hint in product(feature.steps, feature.errors):
            asked += 1
            signature = Signature(feature=feature.slug, stuck_step=step.id, reason=hint.reason, band="never")
            draft = grounding.from_document(signature, feature)
            wrong = await what_is_wrong(ctx, draft, feature, step.id)
            blocked += [(signature.key, wrong)] if wrong else []

    assert len(blocked) <= MOST * asked, blocked
    promise(f"benign names: {share(len(blocked), asked)} of texts blocked by companies' names (most: 2 %)")

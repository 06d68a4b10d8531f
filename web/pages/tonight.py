"""Tonight: the texts that wait for a yes, each beside what it rests on, and as its readers will see it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.features import Feature
from handrail.domain.reviews import Objection, Review, ReviewStatus
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import DraftStep, Tutorial, told
from handrail.engine import grounding
from handrail.errors import CallerError
from handrail.flows import review as reviews
from handrail.flows.deliver import Tokens, mail_of
from handrail.flows.review import KEPT, Pending, Words
from tools.control_sending import control_sending
from web.api import FROM_HERE, Ctx
from web.bodies import Form, form
from web.frame import DASHBOARD, Frame, Framed, back, people, titles

if TYPE_CHECKING:
    from handrail.services.mail.compose import Mail

router = APIRouter(include_in_schema=False, prefix="/tonight")

Look = Literal["light", "dark", "phone", "images-off", "text"]
LOOKS: dict[Look, str] = {
    "light": "Light",
    "dark": "Dark",
    "phone": "Phone",
    "images-off": "Images off",
    "text": "Text",
}
FIRST_NAME = "[first name]"
"""Stands for the name that each reader's own mail greets."""

_MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox"
)
"""A mail brings its own style. It runs nothing, loads nothing, and leads nowhere."""

_DARK = "@media (prefers-color-scheme: dark)"

OBJECTIONS = {
    Objection.WORDS: "the words are not right",
    Objection.FACTS: "the steps are not right any more",
    Objection.AUDIENCE: "not for these people",
    Objection.TIMING: "not now",
    Objection.NONE: "no reason given",
}
MOST_OF_A_TEXT = 60_000
"""Bytes of a form with a whole text, where each letter may take nine bytes."""

FEWEST = 5
"""Fewer people than that are not told apart."""


class Cited(NamedTuple):
    """One step as it is told, and the passage it rests on in three parts: the middle one is the quote."""

    title: str
    text: str
    stuck: bool
    passage: str
    parts: tuple[str, str, str]


class Reached(NamedTuple):
    """An account in tonight's audience. `people` is None where they are fewer than `FEWEST`."""

    account: Account
    texts: int
    people: int | None
    held: bool


@router.get("")
async def tonight(ctx: Ctx, frame: Framed, decided: str = "", changed: str = "") -> HTMLResponse:
    """What waits, whom it is for, and what was decided of late."""
    waiting = await reviews.pending(ctx)
    lately = await reviews.lately(ctx)
    async with ctx.store.read() as work:
        last = await work.nights.report()
    return frame(
        "tonight.html",
        title="Tonight",
        waiting=waiting,
        reach=sum(each.people for each in waiting),
        titles=titles(ctx),
        stuck={each.review.id: _stuck(ctx, each.tutorial) for each in waiting},
        accounts=await _reached(ctx, waiting),
        lately=lately,
        hours=KEPT // timedelta(hours=1),
        last=last,
        said=_said(decided, lately) or await _held(ctx, changed),
        objections=OBJECTIONS,
    )


@router.post("/accounts", dependencies=FROM_HERE)
async def hold(ctx: Ctx, frame: Framed, given: Form) -> Response:
    """Hold an account, or let it go: nobody there is mailed while it is held."""
    async with ctx.store.read() as work:
        known = await work.accounts.by_ids([given.get("account", "")])
    if not known or given.get("action") not in ("pause", "resume"):
        return frame.message("Nothing was held", "There is no such account.", status=404)
    action: Literal["pause", "resume"] = "resume" if given["action"] == "resume" else "pause"
    await control_sending(ctx, action=action, account=known[0].id)
    return back(f"/tonight?changed={known[0].id}")


@router.get("/{review_id}")
async def one(ctx: Ctx, frame: Framed, review_id: str, look: Look = "light") -> HTMLResponse:
    """One text in full."""
    try:
        found = await reviews.look(ctx, review_id)
    except CallerError as unknown:
        return frame.message("No such review", str(unknown), status=404)
    mail = _mail(ctx, found.tutorial)
    return frame(
        "review.html",
        title=found.tutorial.subject,
        policy=f"{DASHBOARD}; frame-src 'self'",
        found=found,
        open=_is_open(ctx, found.review),
        feature=titles(ctx).get(found.review.feature, found.review.feature),
        steps=_cited(ctx, found.tutorial),
        look=look,
        looks=LOOKS,
        mail=mail,
        objections=OBJECTIONS,
    )


@router.get("/{review_id}/mail")
async def preview(
    ctx: Ctx, review_id: str, images: bool = True, scheme: Literal["", "light", "dark"] = ""
) -> Response:
    """The mail that would leave, with placeholders for what is one person's own.

    With a `scheme` its own rules for dark readers hold always or never, whatever the browser prefers.
    """
    try:
        found = await reviews.look(ctx, review_id)
    except CallerError as unknown:
        return Response(str(unknown), status_code=404, media_type="text/plain")
    from handrail.services.mail.compose import PICTURE_ID  # noqa: PLC0415  (only when a mail is shown)

    mail = _mail(ctx, found.tutorial)
    html = "There is no document for this text any more." if mail is None else mail.html
    if mail and mail.picture:
        # Our own words: no text of the mail can hold a content id that is in quotes.
        source = f'src="data:image/png;base64,{mail.picture.base64}"' if images else ""
        html = html.replace(f'src="cid:{PICTURE_ID}"', source)
    if scheme:
        html = html.replace(_DARK, "@media all" if scheme == "dark" else "@media not all")
    policy = _MAIL.format(images="data:" if images else "'none'")
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


@router.get("/{review_id}/edit")
async def edit_form(ctx: Ctx, frame: Framed, review_id: str) -> HTMLResponse:
    try:
        found = await reviews.look(ctx, review_id)
    except CallerError as unknown:
        return frame.message("No such review", str(unknown), status=404)
    text = found.tutorial
    written = Words(subject=text.subject, intro=text.intro, steps=tuple(step.text for step in text.steps))
    return _edit_page(ctx, frame, found, written)


@router.post("/{review_id}/edit", dependencies=FROM_HERE)
async def edit(ctx: Ctx, frame: Framed, request: Request, review_id: str) -> Response:
    """Change the words. What the gate refuses comes back as it was typed, with what is wrong with it."""
    given = await form(request, MOST_OF_A_TEXT)
    try:
        found = await reviews.look(ctx, review_id)
        count = range(len(found.tutorial.steps))
        written = Words(
            subject=given.get("subject", ""),
            intro=given.get("intro", ""),
            steps=tuple(given.get(f"step{number}", "") for number in count),
        )
        done = await reviews.edit(ctx, review_id, written)
    except CallerError as refused:
        return frame.message("Nothing was changed", str(refused), status=409)
    if done.review is None:
        return _edit_page(ctx, frame, found, written, done.wrong)
    return back(f"/tonight/{done.review.id}")


@router.post("/{review_id}/approve", dependencies=FROM_HERE)
async def approve(ctx: Ctx, frame: Framed, review_id: str) -> Response:
    """Yes to exactly this text for exactly these people, once."""
    try:
        await reviews.approve(ctx, review_id)
    except CallerError as refused:
        return frame.message("Nothing was approved", str(refused), status=409)
    return back(f"/tonight?decided={review_id}")


@router.post("/{review_id}/reject", dependencies=FROM_HERE)
async def reject(ctx: Ctx, frame: Framed, given: Form, review_id: str) -> Response:
    asked = given.get("objection", "")
    objection = Objection(asked) if asked in set(Objection) else Objection.NONE
    try:
        await reviews.reject(ctx, review_id, objection)
    except CallerError as refused:
        return frame.message("Nothing was rejected", str(refused), status=409)
    return back(f"/tonight?decided={review_id}")


def _edit_page(
    ctx: ToolContext, frame: Frame, found: Pending, written: Words, wrong: Sequence[str] = ()
) -> HTMLResponse:
    if not _is_open(ctx, found.review):
        return frame.message("Nothing to edit", "This text was decided on, or it expired.", status=409)
    return frame(
        "edit.html",
        title="Edit the text",
        status=422 if wrong else 200,
        found=found,
        steps=_cited(ctx, found.tutorial),
        written=written,
        wrong=wrong,
        most=grounding,
    )


def _is_open(ctx: ToolContext, review: Review) -> bool:
    return review.status is ReviewStatus.WAITING and review.expires_at > ctx.clock.now()


def _stuck(ctx: ToolContext, tutorial: Tutorial) -> str:
    """Where its readers are stuck, and why, in a few words."""
    feature = ctx.kb.find(tutorial.feature)
    step = feature.step(tutorial.stuck_step) if feature else None
    reason = Signature.of(tutorial.signature).reason.replace("_", " ")
    return f"{step.title if step else tutorial.stuck_step}{f' ({reason})' if reason else ''}"


def _mail(ctx: ToolContext, tutorial: Tutorial) -> "Mail | None":
    feature = ctx.kb.find(tutorial.feature)
    if feature is None:
        return None
    nowhere = Tokens(click="preview", page="preview", guide="preview", unsubscribe="preview")
    return mail_of(ctx, tutorial, feature, FIRST_NAME, nowhere)


def _cited(ctx: ToolContext, tutorial: Tutorial) -> list[Cited]:
    feature = ctx.kb.find(tutorial.feature)
    shown = zip(told(tutorial, feature), tutorial.steps, strict=True)
    return [
        Cited(each.title or step.step, each.text, each.stuck, *_passage(step, feature))
        for each, step in shown
    ]


def _passage(step: DraftStep, feature: Feature | None) -> tuple[str, tuple[str, str, str]]:
    """Id and text of the passage; where the document has lost it, the quote alone."""
    found = grounding.cited(step, feature) if feature else None
    if found is None:
        return "", ("", step.quote, "")
    before, quote, after = found.text.partition(step.quote)
    return found.id, (before, quote, after) if quote else ("", found.text, "")


async def _reached(ctx: ToolContext, waiting: Sequence[Pending]) -> list[Reached]:
    """Whom tonight's texts are for, by account."""
    texts: defaultdict[str, int] = defaultdict(int)
    readers: defaultdict[str, set[str]] = defaultdict(set)
    async with ctx.store.read() as work:
        for each in waiting:
            for account in each.account_ids:
                texts[account] += 1
            for delivery in (await work.deliveries.among(each.review.deliveries)).values():
                for account in delivery.account_ids:
                    readers[account].add(delivery.user_key)
        held = set(await work.deliveries.pauses())
        accounts = await work.accounts.by_ids(sorted(texts))
    found = [
        Reached(
            account=one,
            texts=texts[one.id],
            people=len(readers[one.id]) if len(readers[one.id]) >= FEWEST else None,
            held=f"account:{one.id}" in held,
        )
        for one in accounts
    ]
    return sorted(found, key=lambda each: (-(each.people or 0), each.account.name.casefold()))


def _said(review_id: str, lately: Sequence[Review]) -> str:
    """What became of the text that was just decided, as it stands now."""
    review = next((each for each in lately if each.id == review_id), None)
    if review is None:
        return ""
    readers = people(len(review.deliveries))
    if review.status is ReviewStatus.APPROVED:
        return f"Approved for {readers}: the mails leave within ten minutes, in each person's working hours."
    return f"Rejected: none of {readers} gets it."


async def _held(ctx: ToolContext, account_id: str) -> str:
    if not account_id:
        return ""
    async with ctx.store.read() as work:
        known = await work.accounts.by_ids([account_id])
        held = f"account:{account_id}" in await work.deliveries.pauses()
    if not known:
        return ""
    name = known[0].name
    return f"{name} is held: nobody there is mailed." if held else f"{name} is not held any more."

"""A whole installation that a state machine drives step by step: store, flows, clock, and a mail service."""

import asyncio
import json
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args
from unittest import mock

from handrail.context import ToolContext, open_context
from handrail.domain.struggles import Signature, Struggle
from handrail.domain.tutorials import DraftStep, Tutorial
from handrail.engine import keys
from handrail.flows import mailing
from handrail.flows.feedback import take
from handrail.flows.mailing import Block
from handrail.services.mail import webhook
from handrail.settings import Settings
from handrail.store import archive
from handrail.store.restoring import restore
from standin.sendgrid import events
from standin.state import Standin
from standin.world import World
from tests import databases
from tests.agent.killed_at import POINTS
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world
from tests.web.test_app import browser
from tools.control_sending import control_sending

T = TypeVar("T")
Mail = dict[str, Any]
Person = Literal["ana", "bo", "cy", "di"]
FeatureName = Literal["export-rows", "import-rows", "share-board", "add-filter", "set-goal"]
PEOPLE: tuple[Person, ...] = get_args(Person)
FEATURES: tuple[FeatureName, ...] = get_args(FeatureName)
COOLDOWN = timedelta(days=14)

OPTS_OUT: dict[str, dict[str, Any]] = {
    "bounce": {},
    "spamreport": {},
    "unsubscribe": {},
    "group_unsubscribe": {"asm_group_id": 7},
    "dropped": {"reason": "Bounced Address"},
}
HARMLESS: dict[str, dict[str, Any]] = {
    "processed": {},
    "delivered": {},
    "open": {},
    "deferred": {},
    "group_resubscribe": {"asm_group_id": 7},
}

DEATHS = {
    name: POINTS[name]
    for name in (
        "before the claim",
        "inside the claim",
        "after the claim",
        "before the request",
        "after the answer",
        "inside the settling",
    )
}
"""Where a process dies: the function, and whether after it instead of before."""

_DOCUMENT = """---
slug: {slug}
title: Title of {slug}
url: https://help.example/{slug}
summary: How to.
events:
  attempt: {slug} tried
  success: {slug} done
steps:
  - id: start
    event: {slug} tried
    title: Start it
    url: https://help.example/{slug}#start
    text: Open the table and choose Start.
---
# How to
"""


class Died(BaseException):
    """The process is gone: nothing of ours catches it."""


def distinct_id(person: Person) -> str:
    return f"raw-canary-{person}-7f3a91"


def address(person: Person) -> str:
    return f"{person}.canary@people.example"


def build(folder: Path) -> World:
    """Four people and three features; who struggles with what is said later."""
    profiles = {distinct_id(each): {"$email": address(each), "$first_name": "Kim"} for each in PEOPLE}
    world = write_world(
        folder,
        [event("Opened", distinct_id(each), "2026-06-01T10:00:00") for each in PEOPLE],
        profiles=profiles,
        funnels=[],
        group_keys={},
    )
    (folder / "kb").mkdir()
    for slug in FEATURES:
        (folder / "kb" / f"{slug}.md").write_text(_DOCUMENT.format(slug=slug), "utf-8")
    return world


@dataclass
class House:
    """`now` is its wall clock; `posted` is all that the mail service took, with the person and the moment."""

    state: Standin
    data: Path
    now: datetime
    posted: list[tuple[datetime, Person, str]] = field(default_factory=list)
    out: set[Person] = field(default_factory=set)
    """Who may never be mailed again."""
    done: set[tuple[Person, FeatureName]] = field(default_factory=set)
    """Who succeeded after the attempts that are known."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept, in words."""
    paused: bool = False

    def __post_init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._open()

    def settings(self) -> Settings:
        return settings_for(
            self.state, self.data, now=self.now, holdout=0.0, account_cap=1.0, mixpanel_breakdowns=()
        )

    def _open(self) -> None:
        self.state.clock.set(self.now)
        self.ctx: ToolContext = self._run(self._stack.enter_async_context(open_context(self.settings())))

    def _run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def close(self) -> None:
        self._run(self._stack.aclose())
        self._runner.close()

    def restart(self, now: datetime | None = None) -> None:
        """A new process on the same data, perhaps at another time."""
        self._run(self._stack.aclose())
        self.now = now or self.now
        self._open()

    @property
    def copy(self) -> Path:
        return self.data.with_suffix(".zip")

    def back_up(self) -> None:
        self.copied_at = self.now
        if databases.ON_POSTGRES:
            databases.dump(self.data, self.copy)
            return
        archive.write(self.copy, self.data, secret=self.ctx.secret, now=self.now)

    def restore(self) -> None:
        """Put the last copy back, on SQLite in place of tables that can still be read."""
        secret = self.ctx.secret
        self._run(self._stack.aclose())
        if databases.ON_POSTGRES:
            databases.load(self.copy, self.data)
            self._open()
            self._run(self._restored())
            return
        self._run(restore(self.copy, self.data, secret=secret, now=self.now, replace=True))
        self._open()

    async def _restored(self) -> None:
        async with self.ctx.store.begin() as work:
            await work.restores.begin(min(self.copied_at, self.now), self.now)

    def key(self, person: Person) -> str:
        return keys.user_key(self.ctx.secret, distinct_id(person))

    def queue(self, people: Sequence[Person], feature: FeatureName) -> Block:
        """These people struggle with this feature tonight: what a night would mail."""
        night = self.now.date() - timedelta(days=1)
        tutorial = self._tutorial(feature)
        attempted = self.now - timedelta(hours=1)
        self.done -= {
            (each, feature) for each in people if not self._succeeded_after(each, feature, attempted)
        }

        async def kept() -> None:
            async with self.ctx.store.begin() as work:
                await work.nights.keep_tutorial(tutorial, self.now)
                await work.nights.replace_struggles(
                    night, feature, [self._struggle(each, feature, attempted) for each in people]
                )

        self._run(kept())
        ids = [keys.delivery_id(night, self.key(each), feature) for each in people]
        return Block(night=night, texts=dict.fromkeys(ids, tutorial.id))

    def _tutorial(self, feature: FeatureName) -> Tutorial:
        signature = Signature(feature=feature, stuck_step="start", reason="", band="never").key
        document = self.ctx.kb.feature(feature)
        return Tutorial(
            id=keys.tutorial_id(signature, "plain", document.version),
            signature=signature,
            feature=feature,
            stuck_step="start",
            style="plain",
            subject=f"About {feature}",
            intro="This helps.",
            steps=(DraftStep(step="start", text=document.steps[0].text, quote=document.steps[0].text),),
            source="document",
        )

    def _struggle(self, person: Person, feature: FeatureName, attempted: datetime) -> Struggle:
        return Struggle(
            feature=feature,
            user_key=self.key(person),
            account_ids=(),
            attempts=5,
            successes=0,
            completion=0.0,
            errors=0,
            main_reason="",
            rules=("attempts",),
            stuck_step="start",
            rage_clicks=None,
            dead_clicks=None,
            last_attempt=attempted,
            priority=1.0,
            signature=Signature(feature=feature, stuck_step="start", reason="", band="never"),
        )

    def send(self, block: Block, *, death: str = "", at_once: int = 1) -> None:
        """What a worker does with its block; it may die, and others may do the same at the same time."""

        async def all_of_them() -> None:
            await asyncio.gather(*(mailing.mail_block(self.ctx, block) for _ in range(at_once)))

        self._mailing(all_of_them(), death)

    def release(self, *, death: str = "") -> None:
        """What the scheduler does through the day."""
        self._mailing(mailing.release(self.ctx), death)

    def _mailing(self, work: Awaitable[object], death: str) -> None:
        with dying(death):
            try:
                self._run(work)
            except Died:
                self.restart()
        self.judge()

    def judge(self) -> None:
        """Hold every mail that came since the last look against the promises."""
        for mail in self.state.mails[len(self.posted) :]:
            person = next(each for each in PEOPLE if address(each) == mail["to"])
            subject = mail["subject"]
            feature = next(each for each in FEATURES if each in subject)
            mine = [(at, about) for at, who, about in self.posted if who == person]
            if any(about == subject for _, about in mine):
                self.broken.append(f"{person} got “{subject}” twice")
            if any(abs(self.now - at) < COOLDOWN for at, _ in mine):
                self.broken.append(f"{person} was mailed twice within the cool-down")
            if person in self.out:
                self.broken.append(f"{person} was mailed after opting out")
            if (person, feature) in self.done:
                self.broken.append(f"{person} was mailed about {feature} after succeeding")
            if self.paused:
                self.broken.append(f"{person} was mailed during a pause")
            self.posted.append((self.now, person, subject))

    def mails_to(self, person: Person) -> list[Mail]:
        return [each for each in self.state.mails if each["to"] == address(person)]

    def told(self, mail: Mail, kind: str, copies: int = 1, **more: Any) -> None:
        """The mail service tells of a mail, in its own shape."""
        one = events.event_of(mail, kind, int(self.now.timestamp()), **more)
        found, unknown = webhook.read(json.dumps([one] * copies).encode())
        assert unknown == (copies if kind == "group_resubscribe" else 0)
        self._run(take(self.ctx, found))

    def unsubscribe(self, mail: Mail) -> None:
        """The person presses the link of the mail."""
        link = mail["headers"]["List-Unsubscribe"].strip("<>")

        async def pressed() -> int:
            async with browser(self.settings()) as client:
                return (await client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code

        assert self._run(pressed()) == 200

    def listed(self, person: Person, name: str) -> None:
        """The mail service learns of an address by itself."""
        at = int(self.now.timestamp())
        one = {"email": address(person).upper(), "created": at, "reason": "550 no", "status": "5.1.1"}
        self.state.suppressed.setdefault(name, []).append(one)

    def succeed(self, person: Person, feature: FeatureName) -> None:
        at = self.now.isoformat()
        self.state.written.append(event(f"{feature} done", distinct_id(person), at))
        self.done.add((person, feature))

    def _succeeded_after(self, person: Person, feature: FeatureName, moment: datetime) -> bool:
        return any(
            raw["event"] == f"{feature} done"
            and raw["properties"]["distinct_id"] == distinct_id(person)
            and raw["properties"]["time"] >= moment.timestamp()
            for raw in self.state.written
        )

    def pause(self) -> None:
        self._run(control_sending(self.ctx, action="pause"))
        self.paused = True

    def resume(self) -> None:
        """Lift the pause, and release the brakes."""
        self._run(control_sending(self.ctx, action="resume"))
        self.paused = False

    def reasons(self) -> list[str]:
        """Why mails were withheld."""
        with databases.tables(self.data) as tables:
            return [reason for (reason,) in tables.execute("select reason from deliveries") if reason]

    def personal(self) -> list[str]:
        """Raw addresses and ids in any file of the data directory."""
        canaries = [each for person in PEOPLE for each in (distinct_id(person), address(person))]
        found = []
        for name, content in databases.on_disk(self.data).items():
            raw = content.lower()
            found += [f"{name}: {each}" for each in canaries if each.encode() in raw]
        return found


@contextmanager
def dying(death: str) -> Iterator[None]:
    """The first call of this place kills the process, as far as a process can be killed from inside."""
    if not death:
        yield
        return
    owner, name, after = DEATHS[death]
    original = getattr(owner, name)

    async def asynchronous(*given: Any, **named: Any) -> Any:
        if after:
            await original(*given, **named)
        raise Died

    with mock.patch.object(owner, name, asynchronous):
        yield

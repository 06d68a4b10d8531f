"""What every tool gets to work with, and the only place that picks real neighbours or stand-ins."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.clock import Clock
from handrail.domain.connections import Credentials, Source
from handrail.domain.deliveries import Actor
from handrail.engine import keys
from handrail.engine.access import read_sees
from handrail.engine.personal import is_personal
from handrail.errors import ConfigError, HandrailError
from handrail.lock import in_use
from handrail.settings import Settings

if TYPE_CHECKING:  # a chat client waits for the tool list: the neighbours are imported when they are opened
    from handrail.domain.access import Sees
    from handrail.ledger import Ledger
    from handrail.services.kb import KnowledgeBase
    from handrail.services.mail.sendgrid import SendGrid
    from handrail.services.mixpanel.client import Mixpanel
    from handrail.services.model.writer import Writer
    from handrail.services.people import People
    from handrail.services.team import Team
    from handrail.store import Store

log = logging.getLogger(__name__)

Progress = Callable[[float, float, str], Awaitable[None]]
"""Takes what is done, of how much, and a sentence."""

DEFAULT_KB = Path(__file__).parents[1] / "kb"


@dataclass
class Project:
    """The connected project, or why there is none. It changes in place when one is connected meanwhile."""

    settings: Settings
    source: Source = "environment"
    mixpanel: "Mixpanel | None" = None
    ledger: "Ledger | None" = None
    people: "People | None" = None
    sealed: str = field(default="", repr=False)
    """What it was opened with, where it was connected and kept."""
    missing: str = (
        "No Mixpanel project is connected: set HANDRAIL_MIXPANEL_PROJECT_ID, "
        "HANDRAIL_MIXPANEL_USERNAME and HANDRAIL_MIXPANEL_SECRET."
    )

    def become(self, other: "Project") -> None:
        """Everybody who works on this context works on the other project from now on."""
        for each in fields(self):
            setattr(self, each.name, getattr(other, each.name))


class Background:
    """Work that goes on after the answer, until its context closes."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, work: Coroutine[object, object, object]) -> asyncio.Task[object]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        """What ended it too soon stands where it keeps its state: here it is a line, never a traceback."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, HandrailError):
            log.warning("work in the background ended too soon: %s", error)
        elif error is not None:
            log.error("work in the background broke: %s", type(error).__name__)

    async def finish(self) -> None:
        """Wait for all of it; its errors are told where it keeps its state."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.finish()


@dataclass(frozen=True)
class ToolContext:
    """Project, clock, store and neighbours. `secret` is 32 bytes: it keys users; others derive from it."""

    project: Project
    open_project: Callable[[Settings, Source], Project]
    clock: Clock
    store: "Store"
    kb: "KnowledgeBase"
    mail: "SendGrid"
    team: "Team"
    make_writer: "Callable[[], Writer]"
    secret: bytes = field(repr=False)
    actor: Actor
    background: Background
    given: Settings
    """What was set, whichever project is connected: what one left out is never taken from another."""
    fence: Callable[[], None] = lambda: None
    """Asked just before a mail leaves: does not return in a process that was given up for dead."""
    progress: Progress | None = None
    """Where whoever waits for the answer wants to be told how far it has come."""

    @property
    def settings(self) -> Settings:
        return self.project.settings

    @property
    def connected(self) -> "Mixpanel | None":
        return self.project.mixpanel

    @property
    def sees(self) -> "Sees | None":
        """The accounts that its reader may know of; None: all."""
        return self.store.sees

    @property
    def whole(self) -> "ToolContext":
        """The same for who sees all: for what was checked before, or is the same for everybody."""
        return self if self.sees is None else replace(self, store=self.store.whole)

    @property
    def ledger(self) -> "Ledger | None":
        return self.project.ledger

    @property
    def mixpanel(self) -> "Mixpanel":
        """Raises `ConfigError` with what is missing where no project is connected."""
        if self.project.mixpanel is None:
            raise ConfigError(self.project.missing)
        return self.project.mixpanel

    @property
    def writer(self) -> "Writer":
        """The writing stage, made at first use: the model's SDK takes long to import."""
        return self.make_writer()

    @property
    def people(self) -> "People":
        """The people of the connected project; their addresses live in memory only."""
        if self.project.people is None:
            raise ConfigError(self.project.missing)
        return self.project.people

    async def zone(self) -> str:
        """The project's time zone: from the last sync, else from Mixpanel."""
        async with self.store.read() as work:
            last = await work.metrics.last_sync()
        return last.zone if last else await self.mixpanel.zone()

    @asynccontextmanager
    async def looking(self) -> AsyncIterator["ToolContext"]:
        """The same for tools that only read, one after the other, and tell of one moment together."""
        async with self.store.look() as store:
            yield replace(self, store=store)

    def seeing(self, sees: "Sees | None") -> "ToolContext":
        """The same for a reader of these accounts."""
        return self if sees is None else replace(self, store=self.store.seeing(sees))

    def acting_as(self, actor: Actor) -> "ToolContext":
        return replace(self, actor=actor)

    def telling(self, progress: Progress) -> "ToolContext":
        return replace(self, progress=progress)

    def fenced(self, fence: Callable[[], None]) -> "ToolContext":
        return replace(self, fence=fence)


OpenContext = Callable[[], AbstractAsyncContextManager[ToolContext]]


@asynccontextmanager
async def open_context(settings: Settings, *, actor: Actor = "chat") -> AsyncIterator[ToolContext]:
    """Open everything a tool needs, and close it again.

    Works without a connected project: tools that need one say which variable is missing.
    """
    from handrail.ledger import Ledger  # noqa: PLC0415
    from handrail.services import kb  # noqa: PLC0415
    from handrail.services.bounded import BoundedClient  # noqa: PLC0415
    from handrail.services.mail.sendgrid import SendGrid  # noqa: PLC0415
    from handrail.services.mixpanel.client import Mixpanel  # noqa: PLC0415
    from handrail.services.people import People  # noqa: PLC0415
    from handrail.services.team import Team  # noqa: PLC0415
    from handrail.store import open_store  # noqa: PLC0415
    from handrail.store.archive import refuse_half_restored  # noqa: PLC0415

    _refuse_personal(settings.segment_properties)
    async with AsyncExitStack() as stack:
        if not settings.on_postgres:
            stack.enter_context(in_use(settings.data_dir))
        refuse_half_restored(settings.data_dir)
        secret = secret_of(settings)
        http = await stack.enter_async_context(BoundedClient())
        store = await open_store(settings.database)
        stack.push_async_callback(store.close)
        await _recognise(store, secret)
        clock = Clock(settings.now)

        @cache
        def make_writer() -> "Writer":
            from handrail.purse import Purse  # noqa: PLC0415
            from handrail.services.model.writer import Writer  # noqa: PLC0415

            purse = Purse(store, clock, model=settings.model, budget=settings.model_budget_usd)
            return Writer(settings, http, purse)

        def open_project(given: Settings, source: Source) -> Project:
            ledger = Ledger(store, clock, project=_shared(given), actor=actor)
            mixpanel = Mixpanel(http, given, ledger, actor=actor)
            return Project(given, source, mixpanel, ledger, People(mixpanel, secret))

        background = Background()
        stack.push_async_callback(background.stop)
        whole = ToolContext(
            project=await _connected(settings, store, secret, open_project),
            open_project=open_project,
            clock=clock,
            store=store,
            kb=kb.read(settings.kb_dir or DEFAULT_KB),
            mail=SendGrid(settings, http),
            team=Team(settings, http),
            make_writer=make_writer,
            secret=secret,
            actor=actor,
            background=background,
            given=settings,
        )
        yield whole.seeing(read_sees(settings.sees, "HANDRAIL_SEES") if settings.sees else None)


def _refuse_personal(properties: tuple[str, ...]) -> None:
    """Users are not broken down by what names them."""
    for name in properties:
        if is_personal(name):
            raise ConfigError(
                f"HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES names {name}, which holds personal data: take it out."
            )


async def _recognise(store: "Store", secret: bytes) -> None:
    """Refuse a secret that is not the database's: nobody who was mailed or unsubscribed would be known by it.

    A database without a stamp takes that of the secret it is opened with, if that opens what it sealed.
    """
    stamp = keys.secret_stamp(secret)
    async with store.read() as work:
        kept = await work.stamps.get()
    if kept is None:
        async with store.begin() as work:
            kept = await work.stamps.get()  # another process may have been quicker
            if kept is None:
                if sealed := await work.connections.sealed():
                    from handrail.services.seal import unseal  # noqa: PLC0415

                    unseal(secret, sealed)
                await work.stamps.keep(stamp)
                return
    if not hmac.compare_digest(kept, stamp):
        raise ConfigError(
            "The database was begun with another HANDRAIL_SECRET_KEY (or file secret.key); with this one it "
            "would know nobody again, not even who unsubscribed. Put the old key back; docs/operations.md "
            "says how to begin anew with another."
        )


async def _connected(
    settings: Settings, store: "Store", secret: bytes, open_project: Callable[[Settings, Source], Project]
) -> Project:
    """The project of the environment; where that names none, the one that was connected and kept."""
    if settings.mixpanel_project_id is not None:
        return open_project(settings, "environment")
    async with store.read() as work:
        kept = await work.connections.sealed()
    if kept is None or _half_named(settings):
        return Project(settings)
    return _unsealed(settings, kept, secret, open_project)


async def follow_connection(ctx: ToolContext) -> None:
    """Work on the project that was connected last, in whichever process; the environment's goes before."""
    if ctx.project.source == "environment" and (ctx.connected or _half_named(ctx.settings)):
        return
    async with ctx.whole.store.read() as work:
        kept = await work.connections.sealed()
    if kept is not None and kept != ctx.project.sealed:
        ctx.project.become(_unsealed(ctx.given, kept, ctx.secret, ctx.open_project))


def _half_named(settings: Settings) -> bool:
    """Whether the environment names a service account without a project."""
    return bool(settings.mixpanel_username or settings.mixpanel_secret)


def _unsealed(
    settings: Settings, kept: str, secret: bytes, open_project: Callable[[Settings, Source], Project]
) -> Project:
    from handrail.services.seal import unseal  # noqa: PLC0415

    credentials = Credentials.model_validate_json(unseal(secret, kept))
    return replace(open_project(settings_of(settings, credentials), "stored"), sealed=kept)


def settings_of(settings: Settings, credentials: Credentials) -> Settings:
    """The same settings for the project of these credentials; what they leave out stays as it is set."""
    return settings.model_copy(
        update={
            "mixpanel_project_id": credentials.project_id,
            "mixpanel_username": credentials.username,
            "mixpanel_secret": credentials.secret,
            "mixpanel_region": credentials.region or settings.mixpanel_region,
            "mixpanel_account_property": credentials.account_property or settings.mixpanel_account_property,
            "mixpanel_group_id": credentials.group_id or settings.mixpanel_group_id,
        }
    )


def _shared(settings: Settings) -> str:
    """What shares one budget: a project on one host."""
    return f"{settings.query_url}/{settings.mixpanel_project_id}"


def key_file(settings: Settings) -> Path:
    """Where the secret key is when HANDRAIL_SECRET_KEY is not set."""
    return settings.data_dir / "secret.key"


def secret_of(settings: Settings) -> bytes:
    """The key of user keys: from the setting, else from a file, on SQLite made on first use (mode 0600)."""
    if settings.secret_key is not None:
        value = settings.secret_key.get_secret_value()
        if len(value) < 16:
            raise ConfigError("HANDRAIL_SECRET_KEY is too short: use at least 16 random characters.")
        return hashlib.sha256(value.encode()).digest()
    path = key_file(settings)
    if settings.on_postgres and not path.exists():
        raise ConfigError(
            f"HANDRAIL_SECRET_KEY is not set, and there is no {path}: processes that share a PostgreSQL "
            "database need the same key."
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Written whole under another name first: of two processes that start, none reads half a key.
        with tempfile.NamedTemporaryFile("w", dir=settings.data_dir) as file:
            file.write(secrets.token_hex(32))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return hashlib.sha256(path.read_bytes().strip()).digest()

"""What every tool gets to work with, and the only place that picks real neighbours or stand-ins."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.clock import Clock
from handrail.domain.deliveries import Actor
from handrail.errors import ConfigError
from handrail.settings import Settings

if TYPE_CHECKING:  # a chat client waits for the tool list: the neighbours are imported when they are opened
    from handrail.ledger import Ledger
    from handrail.services.kb import KnowledgeBase
    from handrail.services.mail.sendgrid import SendGrid
    from handrail.services.mixpanel.client import Mixpanel
    from handrail.services.model.writer import Writer
    from handrail.services.people import People
    from handrail.store import Store

DEFAULT_KB = Path(__file__).parents[1] / "kb"


@dataclass(frozen=True)
class ToolContext:
    """Settings, clock, store and neighbours. `secret` is 32 bytes and keys users and nothing else."""

    settings: Settings
    clock: Clock
    store: "Store"
    kb: "KnowledgeBase"
    mail: "SendGrid"
    make_writer: "Callable[[], Writer]"
    secret: bytes
    actor: Actor
    connected: "Mixpanel | None"
    ledger: "Ledger | None"
    remembered: "People | None"

    @property
    def mixpanel(self) -> "Mixpanel":
        """Raises `ConfigError` with the missing variable where no project is connected."""
        if self.connected is None:
            raise ConfigError(
                "No Mixpanel project is connected: set HANDRAIL_MIXPANEL_PROJECT_ID, "
                "HANDRAIL_MIXPANEL_USERNAME and HANDRAIL_MIXPANEL_SECRET."
            )
        return self.connected

    @property
    def writer(self) -> "Writer":
        """The writing stage, made at first use: the model's SDK takes long to import."""
        return self.make_writer()

    @property
    def people(self) -> "People":
        """The people of the connected project; their addresses live in memory only."""
        if self.remembered is None:
            raise ConfigError("No Mixpanel project is connected: set HANDRAIL_MIXPANEL_PROJECT_ID.")
        return self.remembered

    async def zone(self) -> str:
        """The project's time zone: from the last sync, else from Mixpanel."""
        async with self.store.read() as work:
            last = await work.metrics.last_sync()
        return last.zone if last else await self.mixpanel.zone()

    def acting_as(self, actor: Actor) -> "ToolContext":
        return replace(self, actor=actor)


@asynccontextmanager
async def open_context(settings: Settings, *, actor: Actor = "chat") -> AsyncIterator[ToolContext]:
    """Open everything a tool needs, and close it again.

    Works without a connected project: tools that need one say which variable is missing.
    """
    import httpx2  # noqa: PLC0415

    from handrail.ledger import Ledger  # noqa: PLC0415
    from handrail.services import kb  # noqa: PLC0415
    from handrail.services.mail.sendgrid import SendGrid  # noqa: PLC0415
    from handrail.services.mixpanel.client import Mixpanel  # noqa: PLC0415
    from handrail.services.people import People  # noqa: PLC0415
    from handrail.store import open_store  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        secret = _secret(settings)
        http = await stack.enter_async_context(httpx2.AsyncClient(follow_redirects=False))
        store = await open_store(settings.database)
        stack.push_async_callback(store.close)
        clock = Clock(settings.now)

        @cache
        def make_writer() -> "Writer":
            from handrail.services.model.writer import Writer  # noqa: PLC0415

            return Writer(settings, http)

        connected = None
        ledger = None
        if settings.mixpanel_project_id is not None:
            ledger = Ledger(store, clock, project=_project(settings), actor=actor)
            connected = Mixpanel(http, settings, ledger, actor=actor)
        yield ToolContext(
            settings=settings,
            clock=clock,
            store=store,
            kb=kb.read(settings.kb_dir or DEFAULT_KB),
            mail=SendGrid(settings),
            make_writer=make_writer,
            secret=secret,
            actor=actor,
            connected=connected,
            ledger=ledger,
            remembered=People(connected, secret) if connected else None,
        )


def _project(settings: Settings) -> str:
    """What shares one budget: a project on one host."""
    return f"{settings.query_url}/{settings.mixpanel_project_id}"


def _secret(settings: Settings) -> bytes:
    """The key of user keys: from the setting, else from a file made on first use (mode 0600)."""
    if settings.secret_key is not None:
        value = settings.secret_key.get_secret_value()
        if len(value) < 16:
            raise ConfigError("HANDRAIL_SECRET_KEY is too short: use at least 16 random characters.")
        return hashlib.sha256(value.encode()).digest()
    path = settings.data_dir / "secret.key"
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return hashlib.sha256(path.read_bytes().strip()).digest()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return hashlib.sha256(path.read_bytes().strip()).digest()

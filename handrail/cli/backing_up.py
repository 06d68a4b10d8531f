"""Keeping the database: migrations, backups, and what has to happen after one was restored."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import printing
from handrail.cli.each import Told, tell_each
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.clock import Clock
from handrail.context import ToolContext, key_file, secret_of
from handrail.domain.access import NOT_YOURS
from handrail.domain.restores import CaughtUp
from handrail.engine.keys import secret_stamp
from handrail.errors import CallerError, ConfigError, NotYours
from handrail.flows.catch_up import catch_up
from handrail.lock import alone, in_use, one_backup
from handrail.settings import Settings
from handrail.store import archive, flow_engine, upgrade
from handrail.store.copying import copy_tables, shown
from handrail.store.restoring import restore as put_back
from handrail.workspaces import one

database = typer.Typer(help="The database.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The backup's file.")]

_NEXT = (
    "Nothing is sent before what was mailed since is known: `handrail db catch-up`, or the next night, asks."
)


def backup(file: File, *, json_: Json = False) -> None:
    """Copy the database into one file, while everything goes on. The secret key is not in it."""
    settings = _on_sqlite(
        "The tables are in PostgreSQL: back them up with pg_dump, restore them with pg_restore, and then run "
        "`handrail db restored --made-at TIME`."
    )
    with in_use(settings.data_dir), one_backup(settings.data_dir):
        archive.refuse_half_restored(settings.data_dir)
        secret, now = _key(settings), Clock(settings.now).now()
        manifest = archive.write(file, settings.data_dir, secret=secret, now=now)
    kept = ", ".join(f"{name} ({each.size:,} bytes)" for name, each in manifest.files.items())
    printing.show(
        {"file": str(file), **manifest.model_dump(mode="json")},
        f"{file} holds {kept}, as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.\n"
        "It is of use only with the secret key it was made with: keep that key in another place.",
        as_json=json_,
    )


def restore(
    file: File,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the installation that is there aside.")
    ] = False,
    json_: Json = False,
) -> None:
    """Put a backup back. Nothing is sent before what was mailed since has come back from the mail service."""
    settings = _on_sqlite(
        "The tables are in PostgreSQL: restore them with pg_restore, and then run "
        "`handrail db restored --made-at TIME` with the time of the dump."
    )
    with alone(settings.data_dir):
        now = Clock(settings.now).now()
        manifest, aside = asyncio.run(
            put_back(file, settings.data_dir, secret=_key(settings), now=now, replace=replace)
        )
    lines = [f"The backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC is restored."]
    if aside is not None:
        lines.append(f"What was there lies in {aside}; delete it when you do not need it any more.")
    printing.show(
        {"made_at": manifest.made_at.isoformat(), "replaced": str(aside) if aside else None},
        "\n".join([*lines, _NEXT]),
        as_json=json_,
    )


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables up to date."""

    def tell(settings: Settings) -> Told:
        if settings.on_postgres:
            upgrade(settings.database)
        else:
            with in_use(settings.data_dir):
                archive.refuse_half_restored(settings.data_dir)
                upgrade(settings.database)
        return {}, "The database is up to date.", True

    tell_each(tell, as_json=False)


@database.command("copy")
def db_copy(
    *,
    to: Annotated[str, typer.Option(help="An empty database: postgresql+asyncpg://USER@HOST/NAME.")],
    json_: Json = False,
) -> None:
    """Copy all tables from SQLite into an empty PostgreSQL database, and count them there."""
    settings = _whole()
    if settings.on_postgres:
        raise CallerError(
            "HANDRAIL_DATABASE_URL names PostgreSQL: this command copies from SQLite. Between two PostgreSQL "
            "databases use pg_dump and pg_restore."
        )
    with alone(settings.data_dir):
        archive.refuse_half_restored(settings.data_dir)
        _refuse_open_night(settings)
        counted = copy_tables(settings.database, to, stamp=secret_stamp(_key(settings)))
    printing.copied(counted, shown(to), _key_words(settings), as_json=json_)


@database.command("restored")
def db_restored(
    made_at: Annotated[str, typer.Option(help="When the backup or dump was begun, ISO 8601 with its zone.")],
) -> None:
    """Say that the tables were restored by other means (pg_restore, a snapshot): nothing is sent until they
    have caught up."""
    try:
        at = datetime.fromisoformat(made_at)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CallerError("--made-at has to be a time with its zone, such as 2026-11-22T02:00:00Z.")

    async def work(ctx: ToolContext) -> None:
        now = ctx.clock.now()
        if at > now:
            raise CallerError(f"--made-at is later than now, {now:%Y-%m-%dT%H:%M:%SZ}.")
        async with ctx.store.begin() as store:
            await store.restores.begin(at.astimezone(UTC), now)

    with_context(work)
    print(_NEXT)  # noqa: T201


@database.command("catch-up")
def db_catch_up(*, json_: Json = False) -> None:
    """After a restore: read from the mail service what was sent and said since, so that mail may leave."""

    async def work(ctx: ToolContext) -> CaughtUp | None:
        ctx.mail.require()
        return await catch_up(ctx)

    done = with_context(work)
    if done is None:
        printing.show({"restored": False}, "Nothing waits to catch up.", as_json=json_)
        return
    lines = [
        f"{done.recalled} mails since the backup are known again; {done.untraced} went to people without a "
        f"profile. {done.suppressed} addresses are on the mail service's lists."
    ]
    if done.kept_from_all:
        lines.append(
            f"{done.kept_from_all} people who were mailed before may have opted out since, and are not "
            "mailed any more: no place outside kept opt-outs (HANDRAIL_SENDGRID_UNSUBSCRIBE_GROUP)."
        )
    if done.held_until:
        lines.append(
            "Some mails since the backup are not known: nothing is sent before "
            f"{done.held_until:%Y-%m-%d %H:%M} UTC, when the longest cool-down after them has passed."
        )
    printing.show({"restored": True, **done.model_dump(mode="json")}, "\n".join(lines), as_json=json_)


def _whole() -> Settings:
    """The settings, for what is of all accounts. Raises `NotYours` for who sees some."""
    settings = one()
    if settings.sees:
        raise NotYours(NOT_YOURS)
    return settings


def _on_sqlite(otherwise: str) -> Settings:
    """The settings; raises `CallerError` where the tables are not in the data directory."""
    settings = _whole()
    if settings.on_postgres:
        raise CallerError(otherwise)
    if settings.database_url:
        raise CallerError(
            "HANDRAIL_DATABASE_URL names a database outside the data directory: back its file up with "
            "`sqlite3 FILE '.backup COPY'`, and once it is back run `handrail db restored --made-at TIME`."
        )
    return settings


def _key(settings: Settings) -> bytes:
    """The secret key as it is; a new one would know nobody again."""
    if settings.secret_key is None and not key_file(settings).exists():
        raise ConfigError(
            f"There is no secret key: set HANDRAIL_SECRET_KEY or put {key_file(settings)} back first. "
            "Without it nobody in the tables is known again."
        )
    return secret_of(settings)


def _refuse_open_night(settings: Settings) -> None:
    """The night's own books stay behind: what they would go on with has to be over."""
    if begun := flow_engine.unfinished(settings):
        night = begun[0].split(":")[1]
        raise CallerError(
            f"The night of {night} has begun and not ended: run `handrail agent run --date {night}` first."
        )


def _key_words(settings: Settings) -> str:
    if settings.secret_key is not None:
        return "Keep HANDRAIL_SECRET_KEY as it is."
    return (
        f"The secret key stays in {key_file(settings)}: keep HANDRAIL_DATA_DIR as it is, and copy that file "
        "into the data directory of every other machine that is to work on the database."
    )

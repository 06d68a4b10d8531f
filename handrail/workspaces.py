"""Several projects in one installation: a workspace is one Mixpanel project with all that belongs to it."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AliasChoices, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from handrail.engine.access import read_tokens
from handrail.errors import ConfigError
from handrail.settings import Settings, first_fault

OWN = frozenset(
    {
        # who is asked, and as whom
        "mixpanel_project_id",
        "mixpanel_username",
        "mixpanel_secret",
        "mixpanel_token",
        "mixpanel_region",
        "mixpanel_query_url",
        "mixpanel_export_url",
        "mixpanel_ingest_url",
        "events_source",
        # what only this project has
        "mixpanel_account_property",
        "mixpanel_group_id",
        "mixpanel_profile_property",
        "mixpanel_domain_accounts",
        "mixpanel_breakdowns",
        "mixpanel_project_created",
        "mixpanel_cohorts",
        "mixpanel_churn_property",
        "segment_properties",
        "reports",
        "kb_dir",
        "score_file",
        # where it is kept
        "database_url",
        "flow_url",
        "secret_key",
        # who is let in
        "api_tokens",
        "sees",
        # who mails, and who is told of accounts
        "send_mode",
        "sendgrid_api_key",
        "sendgrid_webhook_key",
        "sendgrid_unsubscribe_group",
        "mail_from",
        "mail_reply_to",
        "mail_postal_address",
        "brief_to",
        "brief_webhook",
        "alert_webhook",
        "digest_to",
        "heartbeat_url",
    }
)
"""A workspace has these from its file or not at all: where the installation says one, it is refused."""

SHARED = frozenset(
    {
        "now",
        "worker",
        "retry_seconds",
        "mixpanel_seconds",
        "export_seconds",
        "mail_seconds",
        "model_seconds",
        "anthropic_api_key",
        "anthropic_base_url",
        "model",
        "model_budget_usd",
        "model_batch_minutes",
        "sendgrid_url",
        "internal_domains",
        "memory_limit",
        "threads",
        "temp_dir",
        "spark_master",
        "backfill_days",
        "cooldown_days",
        "feature_cooldown_days",
        "holdout",
        "account_cap",
        "send_hours",
        "run_cap",
        "require_account_domain",
        "alarm_webhook",
        "alarm_hours",
        "follow_up",
        "track_opens",
        "holidays",
        "allowed_hosts",
        "allowed_origins",
        "read_only",
        "audit_days",
        "api_rate",
    }
)
"""The installation's, where the workspace's file does not say otherwise."""

BELOW = frozenset({"data_dir", "public_url"})
"""Where the file does not say otherwise, a place of its own below the installation's."""

INSTALLATION = frozenset({"demo", "log_format", "otlp_url", "workspaces", "workspace"})
"""Of the whole process: no workspace's file may say them."""

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
FIELDS = {
    choice: name
    for name, field in Settings.model_fields.items()
    if isinstance(field.validation_alias, AliasChoices)
    for choice in field.validation_alias.choices
    if isinstance(choice, str)
}
"""Of each variable the setting's name."""

AT_WORK: ContextVar[str] = ContextVar("workspace", default="")
"""The workspace for which this task works; empty where there is only one."""


class _Given(Settings):
    """Settings out of what is given and nothing else: the environment is the installation's."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class _Line(NamedTuple):
    value: str
    number: int


def every() -> list[Settings]:
    """The settings of each workspace, by name, or of the one that HANDRAIL_WORKSPACE names.

    Where the installation has no workspaces, its own.

    All files are read in any case: no two workspaces may have one belonging. Raises `ConfigError`.
    """
    installation = Settings.load()
    if installation.demo:
        return [installation]
    if installation.workspaces is None:
        if installation.workspace:
            raise ConfigError(
                f"There is no workspace {installation.workspace!r}: HANDRAIL_WORKSPACES names no folder."
            )
        return [installation]
    paths = _files(installation.workspaces)
    inherited = _inherited(installation.workspaces)
    found = {name: _read(path, name, installation, inherited) for name, path in paths.items()}
    _refuse_shared_belongings(list(found.values()))
    if not installation.workspace:
        return list(found.values())
    if installation.workspace not in found:
        raise ConfigError(f"There is no workspace {installation.workspace!r}. There are: {', '.join(found)}.")
    return [found[installation.workspace]]


def one() -> Settings:
    """The settings of the workspace that is meant. Raises `ConfigError` where it could be several."""
    found = every()
    if len(found) > 1:
        names = ", ".join(each.workspace for each in found)
        raise ConfigError(
            f"Several workspaces are set up here: {names}. Say which one: handrail --workspace NAME …, or "
            "HANDRAIL_WORKSPACE."
        )
    return found[0]


@contextmanager
def at_work(name: str) -> Iterator[None]:
    """What is begun inside, tasks too, works for this workspace: its log lines say so."""
    before = AT_WORK.set(name)
    try:
        yield
    finally:
        AT_WORK.reset(before)


def open_to_others(settings: Settings) -> Path | None:
    """The workspace's file, where others than its owner may read it."""
    if settings.workspaces is None or not settings.workspace:
        return None
    path = settings.workspaces / f"{settings.workspace}.env"
    return path if stat.S_IMODE(path.stat().st_mode) & 0o077 else None


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigError(f"HANDRAIL_WORKSPACES names {folder}, which is no folder.")
    paths = {path.stem: path for path in sorted(folder.glob("*.env"), key=lambda path: path.stem)}
    for name, path in paths.items():
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{path}: a workspace's name has lower-case letters, digits and hyphens, 40 at most, such as "
                "acme-eu.env."
            )
    if not paths:
        raise ConfigError(f"HANDRAIL_WORKSPACES names {folder}, which holds no file NAME.env.")
    return paths


def _inherited(folder: Path) -> dict[str, str]:
    """What the installation says of shared settings, in its environment or, after that, in its file .env."""
    told: dict[str, str | None] = {}
    if file := Settings.model_config.get("env_file"):
        told |= dotenv_values(str(file), encoding="utf-8")
    told |= {name: value for name, value in os.environ.items() if value}
    kinds = {name.upper(): (FIELDS.get(name.upper()), value) for name, value in told.items()}
    lost = sorted(name for name, (field, value) in kinds.items() if value and field in OWN)
    if lost:
        raise ConfigError(
            f"{', '.join(lost)} cannot be said for all workspaces at once: move it into a workspace's file "
            f"in {folder}."
        )
    return {name: value for name, (field, value) in kinds.items() if value and field in SHARED}


def _read(path: Path, name: str, installation: Settings, inherited: Mapping[str, str]) -> Settings:
    lines = _lines(path)
    values: dict[str, object] = {
        "HANDRAIL_DATA_DIR": installation.data_dir / "workspaces" / name,
        "HANDRAIL_PUBLIC_URL": f"{installation.public_url.rstrip('/')}/w/{name}",
        **inherited,
        **{variable: line.value for variable, line in lines.items() if line.value},
        **{each: getattr(installation, each) for each in INSTALLATION},
        "workspace": name,
    }
    try:
        settings = _Given(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        variable, why = first_fault(error)
        where = f"{path}, line {lines[variable].number}" if variable in lines else "The installation"
        raise ConfigError(f"{where}: {variable} cannot be used: {why}. See docs/configuration.md.") from None
    if settings.mixpanel_project_id is None:
        raise ConfigError(
            f"{path}: HANDRAIL_MIXPANEL_PROJECT_ID is missing, and a workspace is one Mixpanel project."
        )
    return settings


def _lines(path: Path) -> dict[str, _Line]:
    """A workspace's file by variable. Values stand as they are written: nothing is put in for ${NAME}."""
    found: dict[str, _Line] = {}
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8: save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    for each in bindings:
        text = each.original.string
        number = each.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        if each.error or (each.key is not None and each.value is None):
            raise ConfigError(f"{path}, line {number}: write NAME=value.")
        if each.key is None or each.value is None:
            continue
        if why := _unfit(each.key, found):
            raise ConfigError(f"{path}, line {number}: {each.key} {why}.")
        found[each.key] = _Line(each.value, number)
    return found


def _unfit(variable: str, found: Mapping[str, _Line]) -> str:
    """Why a variable cannot stand in a workspace's file; empty if it can."""
    if variable not in FIELDS:
        return "is no setting: docs/configuration.md lists them"
    if FIELDS[variable] in INSTALLATION:
        return "belongs to the whole installation: set it in the environment"
    if variable in found:
        return f"stands on line {found[variable].number} already"
    return ""


def _refuse_shared_belongings(workspaces: list[Settings]) -> None:
    """Raises `ConfigError` where two workspaces would count one budget apart, or open each other's doors."""
    for what, why, belongings in _BELONGINGS:
        owners: dict[str, str] = {}
        for each in workspaces:
            for thing in set(belongings(each)):
                if (other := owners.setdefault(thing, each.workspace)) != each.workspace:
                    raise ConfigError(
                        f"The workspaces {other} and {each.workspace} have the same {what}: {why}."
                    )


def _tokens(settings: Settings) -> list[str]:
    if settings.api_tokens is None:
        return []
    return [each.token.get_secret_value() for each in read_tokens(settings.api_tokens.get_secret_value())]


_BELONGINGS: list[tuple[str, str, Callable[[Settings], list[str]]]] = [
    (
        "Mixpanel project",
        "its questions are counted in one ledger, so it can have one workspace only",
        lambda each: [f"{each.query_url.lower()}/{each.mixpanel_project_id}"],
    ),
    ("data directory", "each needs its own", lambda each: [str(each.data_dir.resolve())]),
    ("database (HANDRAIL_DATABASE_URL)", "each needs its own", lambda each: [each.database]),
    (
        "HANDRAIL_SECRET_KEY",
        "one person would have the same key in both",
        lambda each: [each.secret_key.get_secret_value()] if each.secret_key else [],
    ),
    ("token in HANDRAIL_API_TOKENS", "it would open both", _tokens),
]

"""All settings, read once from the environment or `.env`, frozen, and passed in."""

import uuid
from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from handrail.errors import ConfigError
from handrail.setting_values import (
    Address,
    Day,
    EventsFrom,
    EventsSource,
    Home,
    Host,
    Instant,
    Origin,
    Url,
    hours,
    plain,
)


class SendMode(StrEnum):
    OFF = "off"
    REVIEW = "review"
    AUTO = "auto"


REGION_HOSTS = {
    "us": ("https://mixpanel.com", "https://data.mixpanel.com"),
    "eu": ("https://eu.mixpanel.com", "https://data-eu.mixpanel.com"),
    "in": ("https://in.mixpanel.com", "https://data-in.mixpanel.com"),
}

INGEST_HOSTS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}


TEN_YEARS = 3650
DAY_SECONDS = 86_400
MOST = 2**53 - 1
"""The largest whole number that every reader of JSON takes for the same."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _named(name: str) -> AliasChoices:
    return AliasChoices(name)


def first_fault(error: ValidationError) -> tuple[str, str]:
    """The variable that is wrong, and why."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "a setting"
    return name, first["msg"].removeprefix("Value error, ")


class Settings(BaseSettings):
    """Every variable Handrail reads. `docs/configuration.md` explains each."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        allow_inf_nan=False,
        frozen=True,
        populate_by_name=True,
    )

    process: ClassVar[str] = f"handrail-{uuid.uuid4().hex[:12]}"
    """No variable: names this process's connections to PostgreSQL, so that they can be told from others'."""

    region_hosts: ClassVar[Mapping[str, tuple[str, str]]] = REGION_HOSTS
    """No variable: a region's hosts are Mixpanel's. Tests play regions with hosts of their own."""

    demo: str = Field("", validation_alias=_named("HANDRAIL_DEMO"))
    data_dir: Home = Field(Path(".handrail"), validation_alias=_named("HANDRAIL_DATA_DIR"))
    database_url: str = Field("", validation_alias=_named("HANDRAIL_DATABASE_URL"))
    flow_url: str = Field("", validation_alias=_named("HANDRAIL_FLOW_URL"))
    worker: str = Field("", pattern=r"^[\w.-]*$", validation_alias=_named("HANDRAIL_WORKER"))
    secret_key: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_SECRET_KEY"))
    kb_dir: Home | None = Field(None, validation_alias=_named("HANDRAIL_KB_DIR"))
    now: Instant | None = Field(None, validation_alias=_named("HANDRAIL_NOW"))

    mixpanel_project_id: int | None = Field(
        None, ge=1, le=MOST, validation_alias=_named("HANDRAIL_MIXPANEL_PROJECT_ID")
    )
    mixpanel_username: str = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_USERNAME"))
    mixpanel_secret: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_MIXPANEL_SECRET"))
    mixpanel_region: Literal["us", "eu", "in"] = Field(
        "us", validation_alias=_named("HANDRAIL_MIXPANEL_REGION")
    )
    mixpanel_account_property: str = Field(
        "company_id", validation_alias=_named("HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY"), min_length=1
    )
    mixpanel_group_id: str = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_GROUP_ID"))
    mixpanel_profile_property: str = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_PROFILE_PROPERTY"))
    mixpanel_domain_accounts: bool = Field(
        default=False, validation_alias=_named("HANDRAIL_MIXPANEL_DOMAIN_ACCOUNTS")
    )
    mixpanel_breakdowns: Annotated[tuple[str, ...], NoDecode] = Field(
        ("$browser", "$os", "mp_country_code"),
        max_length=10,
        validation_alias=_named("HANDRAIL_MIXPANEL_BREAKDOWNS"),
    )
    mixpanel_project_created: Day | None = Field(
        None, validation_alias=_named("HANDRAIL_MIXPANEL_PROJECT_CREATED")
    )
    mixpanel_cohorts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_MIXPANEL_COHORTS")
    )
    mixpanel_query_url: Url = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_QUERY_URL"))
    mixpanel_export_url: Url = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_EXPORT_URL"))
    mixpanel_token: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_MIXPANEL_TOKEN"))
    mixpanel_ingest_url: Url = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_INGEST_URL"))

    segment_properties: Annotated[tuple[str, ...], NoDecode] = Field(
        ("plan", "role"), validation_alias=_named("HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES")
    )
    reports: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_MIXPANEL_REPORTS")
    )

    retry_seconds: float = Field(2.0, ge=0, le=3600, validation_alias=_named("HANDRAIL_RETRY_SECONDS"))
    mixpanel_seconds: float | None = Field(
        None, gt=0, le=DAY_SECONDS, validation_alias=_named("HANDRAIL_MIXPANEL_SECONDS")
    )
    export_seconds: float = Field(
        7200, gt=0, le=DAY_SECONDS, validation_alias=_named("HANDRAIL_EXPORT_SECONDS")
    )
    mail_seconds: float = Field(30, gt=0, le=DAY_SECONDS, validation_alias=_named("HANDRAIL_MAIL_SECONDS"))
    model_seconds: float = Field(60, gt=0, le=DAY_SECONDS, validation_alias=_named("HANDRAIL_MODEL_SECONDS"))

    anthropic_api_key: SecretStr | None = Field(None, validation_alias=_named("ANTHROPIC_API_KEY"))
    anthropic_base_url: Url = Field(
        "https://api.anthropic.com", validation_alias=_named("ANTHROPIC_BASE_URL")
    )
    model: str = Field("claude-haiku-5-5", validation_alias=_named("HANDRAIL_MODEL"))
    model_budget_usd: float = Field(1.0, ge=0, validation_alias=_named("HANDRAIL_MODEL_BUDGET_USD"))
    model_batch_minutes: float = Field(
        60, ge=0, le=1440, validation_alias=_named("HANDRAIL_MODEL_BATCH_MINUTES")
    )

    sendgrid_api_key: SecretStr | None = Field(None, validation_alias=_named("SENDGRID_API_KEY"))
    sendgrid_url: Url = Field("https://api.sendgrid.com", validation_alias=_named("HANDRAIL_SENDGRID_URL"))
    sendgrid_webhook_key: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_SENDGRID_WEBHOOK_KEY")
    )
    sendgrid_unsubscribe_group: str = Field(
        "",
        pattern=r"^([1-9][0-9]{0,9}|global)?$",
        validation_alias=_named("HANDRAIL_SENDGRID_UNSUBSCRIBE_GROUP"),
    )
    mail_from: Address = Field("", validation_alias=_named("HANDRAIL_MAIL_FROM"))
    mail_reply_to: Address = Field("", validation_alias=_named("HANDRAIL_MAIL_REPLY_TO"))
    mail_postal_address: str = Field("", validation_alias=_named("HANDRAIL_MAIL_POSTAL_ADDRESS"))
    public_url: Url = Field("http://127.0.0.1:8321", validation_alias=_named("HANDRAIL_PUBLIC_URL"))

    send_mode: SendMode = Field(SendMode.OFF, validation_alias=_named("HANDRAIL_SEND_MODE"))
    internal_domains: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_INTERNAL_DOMAINS")
    )
    memory_limit: str = Field(
        "1GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$", validation_alias=_named("HANDRAIL_MEMORY_LIMIT")
    )
    threads: int = Field(0, ge=0, le=1024, validation_alias=_named("HANDRAIL_THREADS"))
    temp_dir: Home | None = Field(None, validation_alias=_named("HANDRAIL_TEMP_DIR"))
    backfill_days: int = Field(90, ge=1, le=TEN_YEARS, validation_alias=_named("HANDRAIL_BACKFILL_DAYS"))
    cooldown_days: int = Field(14, ge=1, le=TEN_YEARS, validation_alias=_named("HANDRAIL_COOLDOWN_DAYS"))
    feature_cooldown_days: int = Field(
        30, ge=1, le=TEN_YEARS, validation_alias=_named("HANDRAIL_FEATURE_COOLDOWN_DAYS")
    )
    holdout: float = Field(0.10, ge=0, le=0.5, validation_alias=_named("HANDRAIL_HOLDOUT"))
    account_cap: float = Field(0.10, gt=0, le=1, validation_alias=_named("HANDRAIL_ACCOUNT_CAP"))
    send_hours: Annotated[tuple[time, time] | None, NoDecode] = Field(
        (time(9), time(17)), validation_alias=_named("HANDRAIL_SEND_HOURS")
    )
    """On weekdays, in the person's own zone; None: at any time."""
    run_cap: int = Field(500, ge=0, le=MOST, validation_alias=_named("HANDRAIL_RUN_CAP"))
    require_account_domain: bool = Field(
        default=False, validation_alias=_named("HANDRAIL_REQUIRE_ACCOUNT_DOMAIN")
    )

    brief_to: Annotated[tuple[Address, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_BRIEF_TO")
    )
    brief_webhook: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_BRIEF_WEBHOOK"))
    alarm_webhook: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_ALARM_WEBHOOK"))
    heartbeat_url: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_HEARTBEAT_URL"))
    alarm_hours: float = Field(4, gt=0, le=24, validation_alias=_named("HANDRAIL_ALARM_HOURS"))
    log_format: Literal["text", "json"] = Field("text", validation_alias=_named("HANDRAIL_LOG_FORMAT"))
    follow_up: bool = Field(default=False, validation_alias=_named("HANDRAIL_FOLLOW_UP"))
    track_opens: bool = Field(default=False, validation_alias=_named("HANDRAIL_TRACK_OPENS"))
    mixpanel_churn_property: str = Field("", validation_alias=_named("HANDRAIL_MIXPANEL_CHURN_PROPERTY"))
    score_file: Home | None = Field(None, validation_alias=_named("HANDRAIL_SCORE_FILE"))
    alert_webhook: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_ALERT_WEBHOOK"))
    digest_to: Annotated[tuple[Address, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_DIGEST_TO")
    )
    holidays: Annotated[tuple[Day, ...], NoDecode] = Field((), validation_alias=_named("HANDRAIL_HOLIDAYS"))

    events_source: Annotated[EventsFrom, NoDecode] = Field(
        EventsSource(), validation_alias=_named("HANDRAIL_EVENTS_SOURCE")
    )
    spark_master: str = Field("", validation_alias=_named("HANDRAIL_SPARK_MASTER"))

    api_tokens: SecretStr | None = Field(None, validation_alias=_named("HANDRAIL_API_TOKENS"))
    sees: str = Field("", max_length=1000, validation_alias=_named("HANDRAIL_SEES"))
    allowed_hosts: Annotated[tuple[Host, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_ALLOWED_HOSTS")
    )
    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        (), validation_alias=_named("HANDRAIL_ALLOWED_ORIGINS")
    )
    read_only: bool = Field(default=False, validation_alias=_named("HANDRAIL_READ_ONLY"))
    audit_days: int = Field(90, ge=1, le=TEN_YEARS, validation_alias=_named("HANDRAIL_AUDIT_DAYS"))
    api_rate: int = Field(600, ge=0, le=MOST, validation_alias=_named("HANDRAIL_API_RATE"))
    otlp_url: str = Field("", pattern=r"^(https?://\S+)?$", validation_alias=_named("HANDRAIL_OTLP_URL"))

    workspaces: Home | None = Field(None, validation_alias=_named("HANDRAIL_WORKSPACES"))
    workspace: str = Field("", validation_alias=_named("HANDRAIL_WORKSPACE"))

    @field_validator(
        "secret_key", "mixpanel_secret", "mixpanel_token", "anthropic_api_key", "sendgrid_api_key"
    )
    @classmethod
    def _trimmed(cls, value: SecretStr | None) -> SecretStr | None:
        """Keys are pasted: a newline at the end would break every request. An empty one is none."""
        text = value.get_secret_value().strip() if value else ""
        return SecretStr(text) if text else None

    @field_validator("brief_webhook", "alarm_webhook", "alert_webhook", "heartbeat_url")
    @classmethod
    def _safe(cls, value: SecretStr | None) -> SecretStr | None:
        """The address is a key: it goes over https, or stays on this machine."""
        text = value.get_secret_value().strip() if value else ""
        if not text:
            return None
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        local = parts.scheme == "http" and host in LOOPBACK
        if not host or not text.isprintable() or not (parts.scheme == "https" or local):
            raise ValueError("write an address that begins with https://")
        return SecretStr(text)

    @field_validator("sendgrid_webhook_key", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator(
        "internal_domains",
        "segment_properties",
        "reports",
        "mixpanel_breakdowns",
        "mixpanel_cohorts",
        "brief_to",
        "digest_to",
        "holidays",
        "allowed_hosts",
        "allowed_origins",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        return value

    _are_hours = field_validator("send_hours", mode="before")(hours)

    @field_validator("internal_domains")
    @classmethod
    def _lowered(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.lower() for domain in value)

    _is_plain = field_validator("*", mode="before")(plain)
    """Stands last: of validators before, the last one is asked first."""

    @classmethod
    def load(cls, **overrides: object) -> "Settings":
        """Read the environment. Raises `ConfigError` with one line that names the variable."""
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            name, why = first_fault(error)
            raise ConfigError(f"{name} cannot be used: {why}. See docs/configuration.md.") from None
        except UnicodeDecodeError:
            raise ConfigError("The file .env is not UTF-8: save it as UTF-8.") from None

    @property
    def database(self) -> str:
        """The database's address: SQLite in the data directory unless set."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'handrail.db').resolve()}"

    @property
    def on_postgres(self) -> bool:
        return self.database.startswith("postgresql")

    @property
    def plain_database(self) -> str:
        """The PostgreSQL database's address without the name of a driver."""
        return "postgresql://" + self.database.partition("://")[2]

    @property
    def flow(self) -> str:
        """Where the durable flow keeps its books: on PostgreSQL beside the tables, in a schema of its own."""
        url = self.flow_url or self.database
        return "postgresql://" + url.partition("://")[2]

    @property
    def flow_file(self) -> Path:
        """Where the durable flow keeps its books on SQLite."""
        return self.data_dir / "flow.db"

    @property
    def wall_clock_times(self) -> bool:
        """Projects made before 2023 export project days, and times that are wall clocks read as UTC."""
        return self.mixpanel_project_created is not None and self.mixpanel_project_created.year < 2023

    @property
    def query_url(self) -> str:
        return (self.mixpanel_query_url or self.region_hosts[self.mixpanel_region][0]).rstrip("/")

    @property
    def export_url(self) -> str:
        return (self.mixpanel_export_url or self.region_hosts[self.mixpanel_region][1]).rstrip("/")

    @property
    def ingest_url(self) -> str:
        return (self.mixpanel_ingest_url or INGEST_HOSTS[self.mixpanel_region]).rstrip("/")

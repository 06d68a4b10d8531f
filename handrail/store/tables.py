"""The tables. Users stand in them under their key only; no address, name or raw id ever does."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Index, UniqueConstraint
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in, aware out: databases without zones keep UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def moment() -> Any:
    return Field(sa_type=UtcDateTime)


def perhaps() -> Any:
    return Field(default=None, sa_type=UtcDateTime)


class Customer(SQLModel, table=True):
    __tablename__ = "customers"

    id: str = Field(primary_key=True)
    mixpanel_group_id: str = Field(unique=True)
    name: str = Field(index=True)
    domain: str = ""
    internal: bool = False
    opted_out: bool = False
    given_name: str = Field(default="", description="From the company's own file; goes before Mixpanel's.")
    aliases: str = Field(default="[]", description="JSON list of names.")
    former_names: str = Field(default="[]", description="JSON list of names it once had.")
    domains: str = Field(default="[]", description="JSON list of mail domains.")
    segment: str = ""
    arr: float | None = None
    csm: str = ""
    renewal: date | None = None
    churned_at: date | None = Field(default=None, description="From the company's own file.")
    mixpanel_churned_at: date | None = None
    created_at: datetime = moment()
    updated_at: datetime = moment()


class AccountId(SQLModel, table=True):
    """A further Mixpanel id of an account: what was counted under it is the account's."""

    __tablename__ = "account_ids"

    mixpanel_id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customers.id", index=True)


class MixpanelMetric(SQLModel, table=True):
    __tablename__ = "mixpanel_metrics"
    __table_args__ = (UniqueConstraint("customer_id", "metric_date"),)

    id: int | None = Field(default=None, primary_key=True)
    customer_id: str = Field(foreign_key="customers.id")
    mixpanel_group_id: str
    metric_date: date = Field(index=True)
    total_events: int
    unique_users: int
    sessions: int
    avg_events_per_user: float


class AccountTotals(SQLModel, table=True):
    """What the days from `from_date` to `to_date` (both included) come to: counted once, at a sync's end."""

    __tablename__ = "account_totals"

    to_date: date = Field(primary_key=True)
    from_date: date = Field(primary_key=True)
    customer_id: str = Field(primary_key=True)
    total_events: int = Field(sa_type=BigInteger)
    unique_users: int
    sessions: int
    active_days: int


class MixpanelFunnel(SQLModel, table=True):
    """One funnel of one account over `from_date` to `metric_date` (both included, project days).

    Both are the same in the row of a day. Rows without an entrant are not kept.
    """

    __tablename__ = "mixpanel_funnels"
    __table_args__ = (
        UniqueConstraint("customer_id", "funnel_id", "metric_date", "from_date", "cohort"),
        Index("ix_mixpanel_funnels_period", "metric_date", "from_date", "funnel_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    customer_id: str = Field(foreign_key="customers.id")
    funnel_id: int = Field(sa_type=BigInteger)
    funnel_name: str
    metric_date: date
    from_date: date
    cohort: str = Field(default="", description="The cohort whose members are counted; empty: everybody.")
    conversion_rate: float | None
    entered_users: int
    completed_users: int
    drop_off_step: str
    step_events: str = Field(description="JSON list of event names.")
    step_users: str = Field(description="JSON list of users who reached each step.")
    step_seconds: str = Field(default="[]", description="JSON list of median seconds since the step before.")
    route: str
    measured_at: datetime = moment()


class FunnelMeasurement(SQLModel, table=True):
    """That a funnel was measured over a period, for all accounts: also when nobody entered it."""

    __tablename__ = "funnel_measurements"

    funnel_id: int = Field(primary_key=True, sa_type=BigInteger)
    metric_date: date = Field(primary_key=True)
    from_date: date = Field(primary_key=True)
    cohort: str = Field(default="", primary_key=True)
    definition: str
    route: str
    measured_at: datetime = moment()
    window_seconds: int = Field(default=0, description="Who entered may finish so long; 0: not known.")


class ClosedRoute(SQLModel, table=True):
    """A way of asking that a project does not offer, so that it is not tried every night."""

    __tablename__ = "closed_routes"

    project: str = Field(primary_key=True)
    question: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    why: str
    learned_at: datetime = moment()


class UserDay(SQLModel, table=True):
    """Who was active where: exact users of any range, without a raw id. Kept 100 days."""

    __tablename__ = "user_days"

    customer_id: str = Field(primary_key=True)
    metric_date: date = Field(primary_key=True, index=True)
    user_key: str = Field(primary_key=True)
    events: int | None = Field(default=None, description="None: read before they were counted.")


class EventDay(SQLModel, table=True):
    __tablename__ = "event_days"

    customer_id: str = Field(primary_key=True)
    metric_date: date = Field(primary_key=True, index=True)
    event: str = Field(primary_key=True)
    total: int
    users: int = 0
    marks: bytes | None = Field(default=None, description="Of its users, to count a period. Kept 30 days.")


class ValueDay(SQLModel, table=True):
    """An account's events and users of a day by one value of a property; see `ValueKind`."""

    __tablename__ = "value_days"

    customer_id: str = Field(primary_key=True)
    metric_date: date = Field(primary_key=True, index=True)
    property: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    total: int
    users: int
    marks: bytes | None = Field(default=None, description="Of its users, to count a period. Kept 30 days.")


class FeatureDayRow(SQLModel, table=True):
    """How a feature went for an account on one day; see `FeatureDay`."""

    __tablename__ = "feature_days"

    customer_id: str = Field(primary_key=True)
    metric_date: date = Field(primary_key=True, index=True)
    feature: str = Field(primary_key=True)
    attempts: int
    successes: int
    errors: int
    users_attempting: int
    users_succeeding: int
    rage_clicks: int
    dead_clicks: int


class EventHour(SQLModel, table=True):
    __tablename__ = "event_hours"

    customer_id: str = Field(primary_key=True)
    metric_date: date = Field(primary_key=True, index=True)
    hour: int = Field(primary_key=True)
    total: int


class Sync(SQLModel, table=True):
    __tablename__ = "syncs"

    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = moment()
    finished_at: datetime | None = perhaps()
    zone: str
    from_date: date
    to_date: date
    events: int = Field(default=0, sa_type=BigInteger)
    events_with_account: int = Field(default=0, sa_type=BigInteger)
    users: int = Field(default=0, sa_type=BigInteger, description="Of each day, added up.")
    users_with_account: int = Field(default=0, sa_type=BigInteger)
    status: str = "running"
    days_total: int = 0
    days_done: int = 0
    message: str = ""


class AccountUsersRow(SQLModel, table=True):
    """The users of an account in numbers, folded; replaced as a whole. Nothing of a profile stands here."""

    __tablename__ = "account_users"

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    document: str = Field(description="The AccountUsers as JSON.")


class ReportCopy(SQLModel, table=True):
    """What a saved report showed, from one fetch until it showed something else."""

    __tablename__ = "report_copies"

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(index=True, sa_type=BigInteger)
    name: str
    kind: str
    dashboards: str = Field(description="JSON list of the dashboards' ids.")
    computed_at: str = Field(description="As Mixpanel writes it.")
    first_fetched_at: datetime = moment()
    fetched_at: datetime = moment()
    content: str = Field(description="The SavedReport as JSON, without its computed_at.")


class SyncedDay(SQLModel, table=True):
    """A day whose figures are whole. `shape` names the settings that they depend on, the project first."""

    __tablename__ = "synced_days"

    metric_date: date = Field(primary_key=True)
    sync_id: int
    read_at: datetime = moment()
    shape: str


class StoredConnection(SQLModel, table=True):
    """The service account that was given over REST, sealed with a key that lies elsewhere. One row."""

    __tablename__ = "connections"

    id: int = Field(default=1, primary_key=True)
    sealed: str
    saved_at: datetime = moment()


class SecretStamp(SQLModel, table=True):
    """By what the database knows the secret that its people are keyed with. One row, never replaced."""

    __tablename__ = "secret_stamps"

    id: int = Field(default=1, primary_key=True)
    stamp: str


class StruggleRow(SQLModel, table=True):
    """The verdicts of one night; replaced when the night runs again."""

    __tablename__ = "struggles"
    __table_args__ = (Index("ix_struggles_kind", "night", "signature", "feature", "attempts"),)

    night: date = Field(primary_key=True)
    user_key: str = Field(primary_key=True)
    feature: str = Field(primary_key=True)
    document: str = Field(description="The Struggle as JSON.")
    signature: str = ""
    attempts: int = 0
    priority: float = 0
    delivery_id: str = Field("", index=True, description="Of the mail that would help.")


class StruggleAccount(SQLModel, table=True):
    """Whose people struggle: an account's verdicts are found without reading those of all."""

    __tablename__ = "struggle_accounts"

    night: date = Field(primary_key=True)
    account_id: str = Field(primary_key=True)
    user_key: str = Field(primary_key=True)
    feature: str = Field(primary_key=True)


class TutorialRow(SQLModel, table=True):
    __tablename__ = "tutorials"

    id: str = Field(primary_key=True)
    signature: str = Field(index=True)
    feature: str
    document: str = Field(description="The Tutorial as JSON.")
    created_at: datetime = moment()


class QuerySlot(SQLModel, table=True):
    """One request to Mixpanel that counts, or may count, against the project's hourly budget."""

    __tablename__ = "query_slots"

    id: int | None = Field(default=None, primary_key=True)
    project: str = Field(index=True)
    system: str
    actor: str
    taken_at: datetime = moment()
    ended: bool = False


class QueryLimit(SQLModel, table=True):
    """What Mixpanel itself said of a project's budget."""

    __tablename__ = "query_limits"

    project: str = Field(primary_key=True)
    system: str = Field(primary_key=True)
    hourly: int | None = None
    learned_at: datetime | None = perhaps()
    refused_until: datetime | None = perhaps()


class Run(SQLModel, table=True):
    __tablename__ = "runs"

    night: date = Field(primary_key=True)
    started_at: datetime = moment()
    finished_at: datetime | None = perhaps()
    status: str
    report: str = ""


class WorkerRow(SQLModel, table=True):
    """A process that works on the nights, and when it last said so."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True)
    process: str
    beat_at: datetime = moment()


class BriefRow(SQLModel, table=True):
    """The morning brief of a night; replaced when the night runs again."""

    __tablename__ = "briefs"

    night: date = Field(primary_key=True)
    document: str = Field(description="The Brief as JSON.")


class Notice(SQLModel, table=True):
    """That the team was told something of a day, so that nobody tells it again."""

    __tablename__ = "notices"

    what: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    at: datetime = moment()

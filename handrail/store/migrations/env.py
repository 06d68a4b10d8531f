"""Alembic's entrance: migrations run on a plain connection of the same database."""

from alembic import context
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

import handrail.store.access_tables
import handrail.store.alerts
import handrail.store.churn_tables
import handrail.store.guard_tables
import handrail.store.health_tables
import handrail.store.mail_tables
import handrail.store.tables
import handrail.store.writing_tables  # noqa: F401  (they fill the metadata)
from handrail.lock import MIGRATION, OURS

url = make_url(context.config.attributes["url"])
postgres = url.get_backend_name() == "postgresql"
engine = create_engine(url.set(drivername="postgresql+psycopg" if postgres else "sqlite"))


def _whole(connection: Connection) -> None:
    """All or nothing, and one process at a time: by itself the driver commits after each statement."""
    if connection.connection.dbapi_connection is not None:
        connection.connection.dbapi_connection.isolation_level = None
    connection.exec_driver_sql("pragma busy_timeout = 30000")
    connection.exec_driver_sql("begin immediate")


if not postgres:
    event.listen(engine, "begin", _whole)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if postgres:  # of several processes that start, one migrates and the others find it done
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({OURS}, {MIGRATION})")
        context.run_migrations()
engine.dispose()

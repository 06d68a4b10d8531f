"""Alembic's entrance: migrations run on a plain connection of the same database."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

import handrail.store.mail_tables
import handrail.store.tables
import handrail.store.writing_tables  # noqa: F401  (they fill the metadata)

url = make_url(context.config.attributes["url"])
engine = create_engine(url.set(drivername=url.get_backend_name()))
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, compare_type=True
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()

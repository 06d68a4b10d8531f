"""Ids and sums that four bytes do not hold"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

_COLUMNS = (
    ("mixpanel_funnels", "funnel_id"),
    ("funnel_measurements", "funnel_id"),
    ("report_copies", "report_id"),
    ("account_totals", "total_events"),
    ("syncs", "events"),
    ("syncs", "events_with_account"),
    ("syncs", "users"),
    ("syncs", "users_with_account"),
)


def upgrade() -> None:
    _become(sa.BigInteger())


def downgrade() -> None:
    _become(sa.Integer())


def _become(kind: sa.Integer) -> None:
    """On SQLite every integer has eight bytes already."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column in _COLUMNS:
        op.alter_column(table, column, type_=kind)

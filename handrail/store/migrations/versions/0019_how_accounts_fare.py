"""How accounts fare: scores by day, and what CSMs feel"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "health_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("band", sa.String(), nullable=False),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=False),
        sa.Column("components", sa.String(), nullable=False),
        sa.Column("people", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("customer_id", "metric_date"),
    )
    op.create_index("ix_health_days_metric_date", "health_days", ["metric_date"])
    op.create_table(
        "account_health",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("customer_id"),
    )
    op.create_table(
        "sentiments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sentiments_customer_id", "sentiments", ["customer_id"])
    with op.batch_alter_table("user_days", schema=None) as batch_op:
        batch_op.add_column(sa.Column("events", sa.Integer(), nullable=True))
    with op.batch_alter_table("funnel_measurements", schema=None) as batch_op:
        batch_op.add_column(sa.Column("window_seconds", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("funnel_measurements", schema=None) as batch_op:
        batch_op.drop_column("window_seconds")
    with op.batch_alter_table("user_days", schema=None) as batch_op:
        batch_op.drop_column("events")
    op.drop_table("sentiments")
    op.drop_table("account_health")
    op.drop_table("health_days")

"""Funnels by day and cohort, what was measured when, and routes that a project does not offer

Kept funnel figures are dropped: the next night counts them again, with days and times.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_table("mixpanel_funnels")
    _funnels(
        ["customer_id", "funnel_id", "metric_date", "from_date", "cohort"],
        sa.Column("cohort", sa.String(), nullable=False, server_default=""),
        sa.Column("step_seconds", sa.String(), nullable=False, server_default="[]"),
    )
    op.create_index(
        "ix_mixpanel_funnels_period", "mixpanel_funnels", ["metric_date", "from_date", "funnel_id"]
    )
    op.create_table(
        "funnel_measurements",
        sa.Column("funnel_id", sa.Integer(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("cohort", sa.String(), nullable=False),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("funnel_id", "metric_date", "from_date", "cohort"),
    )
    op.create_table(
        "closed_routes",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("learned_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "question", "route"),
    )


def downgrade() -> None:
    op.drop_table("closed_routes")
    op.drop_table("funnel_measurements")
    op.drop_index("ix_mixpanel_funnels_period", "mixpanel_funnels")
    op.drop_table("mixpanel_funnels")
    _funnels(["customer_id", "funnel_id", "metric_date", "from_date"])


def _funnels(unique: list[str], *added: sa.Column[str]) -> None:
    op.create_table(
        "mixpanel_funnels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("funnel_id", sa.Integer(), nullable=False),
        sa.Column("funnel_name", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("conversion_rate", sa.Float(), nullable=True),
        sa.Column("entered_users", sa.Integer(), nullable=False),
        sa.Column("completed_users", sa.Integer(), nullable=False),
        sa.Column("drop_off_step", sa.String(), nullable=False),
        sa.Column("step_events", sa.String(), nullable=False),
        sa.Column("step_users", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
        *added,
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*unique),
    )

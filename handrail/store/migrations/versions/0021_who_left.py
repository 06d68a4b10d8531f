"""Who left: churn dates of Mixpanel, past days replayed, and the score's track record"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "past_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("band", sa.String(), nullable=False),
        sa.Column("measures", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("customer_id", "metric_date"),
    )
    op.create_index("ix_past_days_metric_date", "past_days", ["metric_date"])
    op.create_table(
        "replays",
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("metric_date"),
    )
    op.create_table(
        "track_records",
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("as_of"),
    )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mixpanel_churned_at", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("mixpanel_churned_at")
    op.drop_table("track_records")
    op.drop_table("replays")
    op.drop_table("past_days")

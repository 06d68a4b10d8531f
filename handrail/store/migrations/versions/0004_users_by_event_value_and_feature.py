"""Users by event, values of properties, features by day, and further ids of accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "account_ids",
        sa.Column("mixpanel_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("mixpanel_id"),
    )
    with op.batch_alter_table("account_ids", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_ids_customer_id"), ["customer_id"], unique=False)
    op.create_table(
        "value_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("property", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", "metric_date", "property", "kind", "value"),
    )
    with op.batch_alter_table("value_days", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_value_days_metric_date"), ["metric_date"], unique=False)
    op.create_table(
        "feature_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (
                "attempts", "successes", "errors", "users_attempting", "users_succeeding",
                "rage_clicks", "dead_clicks",
            )
        ),
        sa.PrimaryKeyConstraint("customer_id", "metric_date", "feature"),
    )  # fmt: skip
    with op.batch_alter_table("feature_days", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feature_days_metric_date"), ["metric_date"], unique=False)
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_names", sa.String(), nullable=False, server_default="[]"))
    with op.batch_alter_table("event_days", schema=None) as batch_op:
        batch_op.add_column(sa.Column("users", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("marks", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("syncs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("users", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("users_with_account", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("syncs", schema=None) as batch_op:
        batch_op.drop_column("users_with_account")
        batch_op.drop_column("users")
    with op.batch_alter_table("event_days", schema=None) as batch_op:
        batch_op.drop_column("marks")
        batch_op.drop_column("users")
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("former_names")
    op.drop_table("feature_days")
    op.drop_table("value_days")
    op.drop_table("account_ids")

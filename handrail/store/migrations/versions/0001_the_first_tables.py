"""The first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("mixpanel_group_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mixpanel_group_id"),
    )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customers_name"), ["name"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("user_key", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("tutorial_id", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("sending_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night", "user_key", "feature"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_night"), ["night"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_user_key"), ["user_key"], unique=False)

    op.create_table(
        "event_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "metric_date", "event"),
    )
    with op.batch_alter_table("event_days", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_days_metric_date"), ["metric_date"], unique=False)

    op.create_table(
        "event_hours",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "metric_date", "hour"),
    )
    with op.batch_alter_table("event_hours", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_hours_metric_date"), ["metric_date"], unique=False)

    op.create_table(
        "links",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_links_delivery_id"), ["delivery_id"], unique=False)

    op.create_table(
        "opt_outs",
        sa.Column("user_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_key"),
    )
    op.create_table(
        "pauses",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "runs",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("night"),
    )
    op.create_table(
        "struggles",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("user_key", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("night", "user_key", "feature"),
    )
    op.create_table(
        "syncs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("events_with_account", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tutorials",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("tutorials", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tutorials_signature"), ["signature"], unique=False)

    op.create_table(
        "user_days",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("user_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "metric_date", "user_key"),
    )
    with op.batch_alter_table("user_days", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_days_metric_date"), ["metric_date"], unique=False)

    op.create_table(
        "delivery_accounts",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
        ),
        sa.PrimaryKeyConstraint("delivery_id", "customer_id"),
    )
    with op.batch_alter_table("delivery_accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_accounts_customer_id"), ["customer_id"], unique=False)

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
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id", "funnel_id", "metric_date", "from_date"),
    )
    op.create_table(
        "mixpanel_metrics",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("mixpanel_group_id", sa.String(), nullable=False),
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("total_events", sa.Integer(), nullable=False),
        sa.Column("unique_users", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("avg_events_per_user", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id", "metric_date"),
    )
    with op.batch_alter_table("mixpanel_metrics", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mixpanel_metrics_metric_date"), ["metric_date"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("mixpanel_metrics", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mixpanel_metrics_metric_date"))

    op.drop_table("mixpanel_metrics")
    op.drop_table("mixpanel_funnels")
    with op.batch_alter_table("delivery_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_accounts_customer_id"))

    op.drop_table("delivery_accounts")
    with op.batch_alter_table("user_days", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_days_metric_date"))

    op.drop_table("user_days")
    with op.batch_alter_table("tutorials", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tutorials_signature"))

    op.drop_table("tutorials")
    op.drop_table("syncs")
    op.drop_table("struggles")
    op.drop_table("runs")
    op.drop_table("pauses")
    op.drop_table("opt_outs")
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_links_delivery_id"))

    op.drop_table("links")
    with op.batch_alter_table("event_hours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_hours_metric_date"))

    op.drop_table("event_hours")
    with op.batch_alter_table("event_days", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_days_metric_date"))

    op.drop_table("event_days")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_user_key"))
        batch_op.drop_index(batch_op.f("ix_deliveries_status"))
        batch_op.drop_index(batch_op.f("ix_deliveries_night"))

    op.drop_table("deliveries")
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customers_name"))

    op.drop_table("customers")

"""Syncs that can be followed and resumed, and a connection that is kept sealed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "synced_days",
        sa.Column("metric_date", sa.Date(), nullable=False),
        sa.Column("sync_id", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.Column("shape", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("metric_date"),
    )
    op.create_table(
        "connections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("syncs", schema=None) as batch_op:
        batch_op.alter_column("finished_at", existing_type=sa.DateTime(), nullable=True)
        batch_op.add_column(sa.Column("status", sa.String(), nullable=False, server_default="done"))
        batch_op.add_column(sa.Column("days_total", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("days_done", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("message", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("syncs", schema=None) as batch_op:
        batch_op.drop_column("message")
        batch_op.drop_column("days_done")
        batch_op.drop_column("days_total")
        batch_op.drop_column("status")
        batch_op.alter_column("finished_at", existing_type=sa.DateTime(), nullable=False)
    op.drop_table("connections")
    op.drop_table("synced_days")

"""What was restored, and which opt-outs the outside was told"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("backup_at", sa.DateTime(), nullable=False),
        sa.Column("restored_at", sa.DateTime(), nullable=False),
        sa.Column("caught_up_at", sa.DateTime()),
        sa.Column("held_until", sa.DateTime()),
    )
    with op.batch_alter_table("opt_outs") as table:
        table.add_column(sa.Column("told_at", sa.DateTime()))


def downgrade() -> None:
    with op.batch_alter_table("opt_outs") as table:
        table.drop_column("told_at")
    op.drop_table("restores")

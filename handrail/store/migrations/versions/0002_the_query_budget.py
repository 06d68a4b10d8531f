"""The query budget"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "query_limits",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("hourly", sa.Integer(), nullable=True),
        sa.Column("learned_at", sa.DateTime(), nullable=True),
        sa.Column("refused_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("project", "system"),
    )
    op.create_table(
        "query_slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("query_slots", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_query_slots_project"), ["project"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("query_slots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_query_slots_project"))

    op.drop_table("query_slots")
    op.drop_table("query_limits")

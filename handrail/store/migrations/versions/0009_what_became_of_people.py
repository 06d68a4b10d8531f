"""What became of people who were mailed, and of those held out"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "outcomes",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("tutorial_id", sa.String(), nullable=False),
        sa.Column("window_ends", sa.DateTime(), nullable=False),
        sa.Column("succeeded_before", sa.Boolean(), nullable=False),
        sa.Column("completed_at", sa.DateTime(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outcomes_settled"), ["settled"], unique=False)


def downgrade() -> None:
    op.drop_table("outcomes")

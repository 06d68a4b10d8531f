"""What stops mail: bad data, brakes, and who changed a switch"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "data_problems",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("night", "feature", "kind"),
    )
    op.create_table(
        "brakes",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("released_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "switch_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # Asked before every mail.
    op.create_index("ix_deliveries_sending_at", "deliveries", ["sending_at"])
    op.create_index("ix_feedback_kind", "feedback", ["kind"])


def downgrade() -> None:
    op.drop_index("ix_feedback_kind", table_name="feedback")
    op.drop_index("ix_deliveries_sending_at", table_name="deliveries")
    op.drop_table("switch_changes")
    op.drop_table("brakes")
    op.drop_table("data_problems")

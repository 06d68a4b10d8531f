"""What readers tell on the page behind a mail"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id"),
    )


def downgrade() -> None:
    op.drop_table("answers")

"""Morning briefs, and what the team was told"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "briefs",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("night"),
    )
    op.create_table(
        "notices",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("what", "day"),
    )


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_table("briefs")

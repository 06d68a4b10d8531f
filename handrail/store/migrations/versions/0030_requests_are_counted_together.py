"""Requests are counted together"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "api_rates",
        sa.Column("caller", sa.String(), primary_key=True),
        sa.Column("minute", sa.DateTime(), primary_key=True),
        sa.Column("taken", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("api_rates")

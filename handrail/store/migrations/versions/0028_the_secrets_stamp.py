"""By what the database knows its secret again"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_table(
        "secret_stamps",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("stamp", sa.String(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("secret_stamps")

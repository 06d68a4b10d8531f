"""Why a text was rejected"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    with op.batch_alter_table("reviews") as table:
        table.add_column(sa.Column("objection", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("reviews") as table:
        table.drop_column("objection")

"""Mails of a night, counted before every mail that leaves"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_deliveries_night_status", "deliveries", ["night", "status"])
    op.drop_index("ix_deliveries_night", table_name="deliveries")


def downgrade() -> None:
    op.create_index("ix_deliveries_night", "deliveries", ["night"])
    op.drop_index("ix_deliveries_night_status", table_name="deliveries")

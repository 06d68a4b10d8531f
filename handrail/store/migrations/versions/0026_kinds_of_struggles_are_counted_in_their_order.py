"""Kinds of struggles are counted in their order"""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_index("ix_struggles_kind", "struggles", ["night", "signature", "feature", "attempts"])


def downgrade() -> None:
    op.drop_index("ix_struggles_kind", "struggles")

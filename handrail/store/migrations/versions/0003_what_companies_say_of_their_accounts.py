"""What companies say of their accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("given_name", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("aliases", sa.String(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("domains", sa.String(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("segment", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("arr", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("csm", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("renewal", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("churned_at", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("churned_at")
        batch_op.drop_column("renewal")
        batch_op.drop_column("csm")
        batch_op.drop_column("arr")
        batch_op.drop_column("segment")
        batch_op.drop_column("domains")
        batch_op.drop_column("aliases")
        batch_op.drop_column("given_name")

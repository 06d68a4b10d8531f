"""Struggles in the order of their urgency, and by the mail that would help"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

AT_ONCE = 1000


def upgrade() -> None:
    with op.batch_alter_table("struggles") as table:
        table.add_column(sa.Column("priority", sa.Float(), nullable=False, server_default="0"))
        table.add_column(sa.Column("delivery_id", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_struggles_delivery_id", "struggles", ["delivery_id"])
    _fill()


def _fill() -> None:
    """Both stand in what was kept before: the priority in the document, the mail's id in the key."""
    bind = op.get_bind()
    struggles = sa.table(
        "struggles",
        *(sa.column(name) for name in ("user_key", "feature", "document", "priority", "delivery_id")),
        sa.column("night", sa.Date()),
    )
    key = (struggles.c.night, struggles.c.user_key, struggles.c.feature)
    fill = (
        struggles.update()
        .where(key[0] == sa.bindparam("n"), key[1] == sa.bindparam("u"), key[2] == sa.bindparam("f"))
        .values(priority=sa.bindparam("p"), delivery_id=sa.bindparam("d"))
    )
    while rows := bind.execute(
        sa.select(*key, struggles.c.document).where(struggles.c.delivery_id == "").limit(AT_ONCE)
    ).all():
        bind.execute(fill, [_values(*row) for row in rows])


def _values(night: object, user: str, feature: str, document: str) -> dict[str, object]:
    delivery = hashlib.sha256(f"{night}/{user}/{feature}".encode()).hexdigest()[:32]
    return {"n": night, "u": user, "f": feature, "p": json.loads(document)["priority"], "d": delivery}


def downgrade() -> None:
    op.drop_index("ix_struggles_delivery_id", table_name="struggles")
    with op.batch_alter_table("struggles") as table:
        table.drop_column("delivery_id")
        table.drop_column("priority")

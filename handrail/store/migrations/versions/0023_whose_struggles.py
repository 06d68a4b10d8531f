"""Whose people struggle, by account, and what periods come to"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

AT_ONCE = 1000


def upgrade() -> None:
    whose = op.create_table(
        "struggle_accounts",
        sa.Column("night", sa.Date(), primary_key=True),
        sa.Column("account_id", sa.String(), primary_key=True),
        sa.Column("user_key", sa.String(), primary_key=True),
        sa.Column("feature", sa.String(), primary_key=True),
    )
    op.create_table(
        "account_totals",
        sa.Column("to_date", sa.Date(), primary_key=True),
        sa.Column("from_date", sa.Date(), primary_key=True),
        sa.Column("customer_id", sa.String(), primary_key=True),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("total_events", "unique_users", "sessions", "active_days")
        ),
    )
    bind = op.get_bind()
    struggles = sa.table("struggles", sa.column("night", sa.Date()), *map(sa.column, _NAMES))
    key = (struggles.c.night, struggles.c.user_key, struggles.c.feature)
    last: tuple[object, ...] = ()
    while rows := bind.execute(
        sa.select(*key, struggles.c.document)
        .where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)) if last else sa.true())
        .order_by(*key)
        .limit(AT_ONCE)
    ).all():
        last = tuple(rows[-1])[:3]
        if found := [each for row in rows for each in _whose(*row)]:
            bind.execute(sa.insert(whose), found)


_NAMES = ("user_key", "feature", "document")


def _whose(night: object, user: str, feature: str, document: str) -> list[dict[str, object]]:
    return [
        {"night": night, "account_id": account, "user_key": user, "feature": feature}
        for account in dict.fromkeys(json.loads(document)["account_ids"])
    ]


def downgrade() -> None:
    op.drop_table("account_totals")
    op.drop_table("struggle_accounts")

"""What the model costs, what the gate refused, and which reasons may be named"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "model_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("batch", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=False),
        sa.Column("cache_read_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_model_calls_day", "model_calls", ["day"])
    op.create_table(
        "model_batches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("calls", sa.String(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "refused_drafts",
        sa.Column("tutorial_id", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tutorial_id"),
    )
    op.create_index("ix_refused_drafts_signature", "refused_drafts", ["signature"])
    op.create_table(
        "error_reasons",
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason_key", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("last_seen", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("feature", "number"),
        sa.UniqueConstraint("feature", "reason_key"),
    )
    with op.batch_alter_table("struggles") as struggles:
        struggles.add_column(sa.Column("signature", sa.String(), nullable=False, server_default=""))
        struggles.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("struggles") as struggles:
        struggles.drop_column("attempts")
        struggles.drop_column("signature")
    op.drop_table("error_reasons")
    op.drop_table("refused_drafts")
    op.drop_table("model_batches")
    op.drop_table("model_calls")

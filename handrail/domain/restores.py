"""A restore: tables that are older than what was mailed and said since."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Restore(BaseModel):
    model_config = ConfigDict(frozen=True)

    backup_at: datetime
    """When the backup was begun: what came later is not in the tables."""
    restored_at: datetime
    caught_up_at: datetime | None = None
    held_until: datetime | None = None
    """Nothing leaves before that: some mails since the backup are not known."""


class CaughtUp(BaseModel):
    """What the mail service told of the time since the backup."""

    model_config = ConfigDict(frozen=True)

    suppressed: int
    """Addresses on its lists."""
    recalled: int
    """Mails since the backup that are in the tables again."""
    untraced: int
    """Mails since the backup whose reader has no profile any more."""
    held_until: datetime | None = None
    kept_from_all: int = 0
    """People who were mailed before and may have opted out where nothing outside kept it."""

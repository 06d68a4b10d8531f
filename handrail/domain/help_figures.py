"""The figures by which the help is watched: how many people, texts and mails, and what became of them."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class HelpFigures(BaseModel):
    """The nights of a period, both days included, as they stand now: what becomes of a mail takes days."""

    model_config = ConfigDict(frozen=True)

    from_date: date
    to_date: date
    nights: int = Field(description="Finished nights.")
    users_identified: int = Field(description="Different people who were found to struggle.")
    drafts: int = Field(description="Texts that were asked of the model.")
    drafts_passed: int = Field(description="Of these, used in the model's words: they passed every check.")
    sent: int
    planned: int
    failed: int
    unknown: int
    withheld: dict[str, int] = Field(description="Decisions not to mail, by reason.")
    delivered: int
    lost: int = Field(description="Bounced, blocked or dropped by the mail service.")
    clicked: int = Field(description="Mails whose reader followed the link; scanners do not count.")
    followed: int = Field(description="People followed to the end of their window after a mail.")
    completed: int = Field(description="Of these, who completed the feature.")
    helpful: int = Field(description="Mails whose reader answered that it helped.")
    not_helpful: int

    @property
    def shares(self) -> dict[str, float | None]:
        """Each rate, 0 to 1; None where there is nothing to take a share of, or nothing was told of it."""
        told = self.delivered + self.lost
        return {
            "content_success": _share(self.drafts_passed, self.drafts),
            "delivery": _share(self.delivered, self.sent if told else 0),
            "click": _share(self.clicked, self.delivered),
            "completion": _share(self.completed, self.followed),
            "helpful": _share(self.helpful, self.helpful + self.not_helpful),
        }


def _share(part: int, of: int) -> float | None:
    return part / of if of else None

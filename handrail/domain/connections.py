"""A connection to a Mixpanel project: what is given, and what is found."""

from datetime import date
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, computed_field, field_serializer

Region = Literal["us", "eu", "in"]
Source = Literal["environment", "stored", "given"]


class Credentials(BaseModel):
    """A service account and the project it reads. Empty fields stay as they are set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project_id: int = Field(validation_alias=AliasChoices("project_id", "projectId"), gt=0)
    username: str = Field(min_length=1, max_length=300)
    secret: SecretStr = Field(min_length=1, max_length=300)
    region: Region | None = Field(None, description="Left out: found by asking each.")
    account_property: str = Field(
        "",
        validation_alias=AliasChoices("account_property", "accountProperty"),
        max_length=255,
        description="The event property that names the account.",
    )
    group_id: str = Field(
        "",
        validation_alias=AliasChoices("group_id", "groupId"),
        max_length=30,
        description="The group key's data_group_id.",
    )

    @field_serializer("secret", when_used="json")
    def _told(self, secret: SecretStr) -> str:
        """For sealing only."""
        return secret.get_secret_value()


class Found(BaseModel):
    """What a project answers when it is asked who it is and what it offers."""

    model_config = ConfigDict(frozen=True)

    project_id: int
    region: str
    zone: str
    credentials_from: Source
    query_api: bool | None = Field(description="Whether the plan has the Query API; null: not asked.")
    saved_funnels: int
    account_property: str
    sample_from: date
    sample_to: date
    sampled_events: int
    sampled_with_account: int
    accounts_in_sample: int
    group_profiles: int | None = Field(description="Accounts with a group profile, 1,000 at most.")
    questions_left: int = Field(description="Questions to the Query API in this hour.")
    exports_left: int
    notes: list[str] = Field(description="What is off or needs a look.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def coverage(self) -> float | None:
        """Share of the sample that names an account."""
        return self.sampled_with_account / self.sampled_events if self.sampled_events else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def summary(self) -> str:
        carried = (
            f"{self.coverage:.1%} of {self.sampled_events:,} sampled events carry {self.account_property}"
            if self.coverage is not None
            else "no event was sampled"
        )
        return (
            f"Project {self.project_id} answers (region {self.region}, time zone {self.zone}); {carried}; "
            f"{self.questions_left} questions and {self.exports_left} exports are left in this hour."
        )


class Connected(Found):
    """What was found, and whether the credentials are kept for the next start."""

    kept: bool

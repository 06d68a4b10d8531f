"""Parameters that several tools share."""

from typing import Annotated, Literal

from pydantic import Field

from handrail.domain.periods import PeriodName

AccountName = Annotated[str, Field(description="Name, domain or id.", min_length=1, max_length=200)]
OptionalAccount = Annotated[str, Field(description="Only this account. Empty: all.", max_length=200)]
FeatureSlug = Annotated[str, Field(description="Feature's slug.", min_length=1, max_length=100)]
OptionalFeature = Annotated[str, Field(description="Only this feature. Empty: all.", max_length=100)]
PeriodChoice = Annotated[PeriodName, Field(description="Complete days.")]
FromDate = Annotated[str, Field(description="YYYY-MM-DD, with to_date instead of period.", max_length=10)]
ToDate = Annotated[str, Field(description="Included.", max_length=10)]
Limit = Annotated[int, Field(description="At most.", ge=1, le=50)]
Cursor = Annotated[str, Field(description="From the answer before, for its next rows.", max_length=100)]
Detail = Annotated[Literal["concise", "full"], Field(description="How much of each row.")]
Output = Annotated[Literal["text", "chart"], Field(description="chart: also a picture.")]
"""Read by the door, which alone knows whether it can show a picture."""

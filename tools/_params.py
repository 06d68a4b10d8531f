"""Parameters that several tools share."""

from typing import Annotated

from pydantic import Field

from handrail.domain.periods import PeriodName

AccountName = Annotated[
    str, Field(description="Account by name, domain or id, e.g. 'Acme'.", min_length=1, max_length=200)
]
OptionalAccount = Annotated[
    str, Field(description="Only this account: name, domain or id. Empty: all.", max_length=200)
]
FeatureSlug = Annotated[str, Field(description="Feature document's slug.", min_length=1, max_length=100)]
OptionalFeature = Annotated[str, Field(description="Only this feature's slug. Empty: all.", max_length=100)]
PeriodChoice = Annotated[PeriodName, Field(description="Complete project days only.")]
FromDate = Annotated[
    str, Field(description="First day, YYYY-MM-DD; with to_date instead of period.", max_length=10)
]
ToDate = Annotated[str, Field(description="Last day, included.", max_length=10)]
Limit = Annotated[int, Field(description="Rows at most.", ge=1, le=200)]

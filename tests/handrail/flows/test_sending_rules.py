"""The sending rules in words."""

from handrail.flows.sending_rules import sending_rules
from handrail.settings import Settings


def test_a_limit_is_told_as_it_was_set(settings: Settings) -> None:
    told = sending_rules(settings.model_copy(update={"holdout": 0.005, "account_cap": 0.125}))

    assert "(0.5% of people, once a feature has volume)" in told
    assert "(12.5% of its active users in 7 days, at least one mail)" in told

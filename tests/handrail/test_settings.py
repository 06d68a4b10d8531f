"""Settings as they are written: what is empty counts as not set, and a list can hold nothing all the same."""

import os

import pytest

from handrail.settings import Settings
from handrail.workspaces import FIELDS


@pytest.mark.parametrize(
    ("written", "understood"), [("", ("plan", "role")), (",", ()), ("tier, ", ("tier",))]
)
def test_a_comma_alone_is_a_list_of_nothing(
    written: str, understood: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES", written)

    assert Settings.load(_env_file=None).segment_properties == understood


def test_no_setting_of_whoever_runs_the_tests_reaches_them() -> None:
    assert FIELDS.keys() & os.environ.keys() == set()

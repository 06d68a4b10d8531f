"""The default world after one night, and Hypothesis the same on every run."""

import hypothesis

from tests.tools.conftest import _night_data, morning

__all__ = ["_night_data", "morning"]

hypothesis.settings.register_profile(
    "hardening",
    derandomize=True,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

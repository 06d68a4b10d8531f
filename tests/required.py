"""What a test does where a part of the machine is missing that only some machines have."""

import os
from typing import NoReturn

import pytest


def lacking(part: str, words: str) -> NoReturn:
    """Skip with the reason, or fail where `HANDRAIL_REQUIRE` names the part, as CI does."""
    required = part in os.environ.get("HANDRAIL_REQUIRE", "").split(",")
    (pytest.fail if required else pytest.skip)(words)

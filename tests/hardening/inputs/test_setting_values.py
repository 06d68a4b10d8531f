"""Whatever stands in the environment, a setting is understood, or refused by its name and never its value."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import ConfigError
from handrail.settings import Settings
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.inputs.made_up import TEXT, examples, said_by_us

VARIABLES = sorted(
    str(field.validation_alias.choices[0])  # type: ignore[union-attr]
    for field in Settings.model_fields.values()
)


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize("name", VARIABLES)
@examples(300)
@given(value=TEXT.filter(lambda text: "\0" not in text) | st.binary(min_size=1, max_size=20).map(os.fsdecode))
def test_a_setting_is_understood_or_refused_by_its_name(name: str, value: str) -> None:
    value = value.replace("\0", "")
    told = ""
    with environment(name, value):
        try:
            found = Settings.load(_env_file=None)
        except ConfigError as error:
            said_by_us(error, name)
            told = str(error)
        else:
            assert found.query_url.startswith("http")
            assert datetime.now(UTC) - timedelta(days=found.cooldown_days + found.feature_cooldown_days)
            assert date(2026, 1, 1) - timedelta(days=found.backfill_days + found.audit_days)
    assert len(value) < 12 or value not in told, "a value may be a key"


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("HANDRAIL_MODEL=x\n".encode("utf-16"))

    with pytest.raises(ConfigError, match=r"\.env is not UTF-8"):
        Settings.load(_env_file=tmp_path / ".env")


def test_how_much_was_tried(promise: Promise) -> None:
    made = tried(300) * len(VARIABLES)
    promise(f"settings: {made} values of {len(VARIABLES)} variables were understood, or refused by name")

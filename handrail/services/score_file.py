"""The definition of the engagement score: the file that is shipped, and a file of changes to it."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handrail.domain.health import ScoreSettings
from handrail.errors import ConfigError
from handrail.services import text_file

MOST_BYTES = 1_000_000
SHIPPED = Path(__file__).with_name("score.toml")


def read(path: Path | None = None) -> ScoreSettings:
    """Raises `ConfigError` that names the file and what is wrong with it."""
    return _understood(_text(SHIPPED), _text(path) if path else "", path)


@lru_cache(maxsize=4)
def _understood(shipped: str, own: str, path: Path | None) -> ScoreSettings:
    """Every look at an account asks for it, and the files seldom change."""
    wanted = _laid_over(_table(shipped, SHIPPED), _table(own, path) if path else {})
    try:
        return ScoreSettings.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{path or SHIPPED}: {where}: {first['msg']}.") from None


def _text(path: Path) -> str:
    try:
        return text_file.read(path, ConfigError, most=MOST_BYTES)
    except ConfigError as error:
        raise ConfigError(f"HANDRAIL_SCORE_FILE: {error}") from None


def _table(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} holds a number that is too long, or is nested too deeply.") from None


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged, everything else is replaced."""
    merged = dict(below)
    for name, value in above.items():
        under = below.get(name)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[name] = _laid_over(under, value) if both and under is not None else value
    return merged

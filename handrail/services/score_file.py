"""The definition of the engagement score: the file that is shipped, and a file of changes to it."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handrail.domain.health import ScoreSettings
from handrail.errors import ConfigError

SHIPPED = Path(__file__).with_name("score.toml")


def read(path: Path | None = None) -> ScoreSettings:
    """Raises `ConfigError` that names the file and what is wrong with it."""
    shipped = _table(SHIPPED)
    wanted = _laid_over(shipped, _table(path)) if path else shipped
    try:
        return ScoreSettings.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{path or SHIPPED}: {where}: {first['msg']}.") from None


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} cannot be read: check HANDRAIL_SCORE_FILE.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged, everything else is replaced."""
    merged = dict(below)
    for name, value in above.items():
        under = below.get(name)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[name] = _laid_over(under, value) if both and under is not None else value
    return merged

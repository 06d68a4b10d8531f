"""The screenshots that a feature document names: in its folder, of a sensible size, with places on them."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from handrail.domain.features import Feature, Region
from handrail.errors import ConfigError

MAX_BYTES = 2_000_000
WIDTHS = (300, 3000)
"""The least and the most pixels."""

HEIGHTS = (0.1, 1.5)
"""As shares of the width: a higher one would push the steps out of sight."""

LEAST_REGION = 8


@dataclass(frozen=True)
class _File:
    name: str
    file: bytes
    width: int
    height: int


def read(folder: Path, feature: Feature) -> dict[str, bytes]:
    """Every screenshot of this document by its name; raises `ConfigError` with what is wrong."""
    _check_names(feature)
    found: dict[str, _File] = {}
    for step in feature.steps:
        if step.region:
            name = step.screenshot or feature.screenshot
            found[name] = found.get(name) or _read(folder, name)
            _check_region(found[name], step.id, step.region)
    return {each.name: each.file for each in found.values()}


def _check_names(feature: Feature) -> None:
    for step in feature.steps:
        if step.region and not (step.screenshot or feature.screenshot):
            raise ConfigError(f"the step {step.id!r} has a region, but no screenshot is named.")
        if step.screenshot and not step.region:
            raise ConfigError(f"the step {step.id!r} has a screenshot, but no region says where on it.")
    if feature.screenshot and not any(step.region and not step.screenshot for step in feature.steps):
        raise ConfigError("a screenshot is named, but no step has a region on it.")


def _read(folder: Path, name: str) -> _File:
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ConfigError(f"the screenshot {name!r} lies outside the folder of the document.")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"the screenshot {name!r} is larger than {MAX_BYTES // 1_000_000} MB.")
        file = path.read_bytes()
    except (OSError, ValueError):
        raise ConfigError(f"the screenshot {name!r} does not exist, or may not be read.") from None
    try:
        with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as image:
            _check_size(name, *image.size)  # as the file's head says: a bomb is not unpacked
            image.load()
            return _File(name, file, *image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ConfigError(f"the screenshot {name!r} is no PNG or JPEG, or a broken one.") from None


def _check_size(name: str, width: int, height: int) -> None:
    (narrowest, widest), (lowest, highest) = WIDTHS, HEIGHTS
    if not (narrowest <= width <= widest and lowest * width <= height <= highest * width):
        raise ConfigError(
            f"the screenshot {name!r} is {width} x {height} pixels; "
            f"it has to be {narrowest} to {widest} wide and {lowest} to {highest} times as high."
        )


def _check_region(shot: _File, step: str, region: Region) -> None:
    x, y, w, h = region
    if min(w, h) < LEAST_REGION or min(x, y) < 0 or x + w > shot.width or y + h > shot.height:
        raise ConfigError(
            f"the region of the step {step!r} does not lie on the screenshot {shot.name!r}, which is "
            f"{shot.width} x {shot.height} pixels; it is [left, top, width, height], "
            f"at least {LEAST_REGION} wide and high."
        )

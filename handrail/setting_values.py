"""What a person writes into a setting, understood or refused in a few words that name no value."""

import re
import unicodedata
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

CLOCKS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""Between these a clock may be set, so that no reckoning with days ends before the calendar begins."""

_WAREHOUSE_NAME = re.compile(r"[A-Za-z0-9_.$-]+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")


class EventsSource(NamedTuple):
    """Where events are read: `kind`, and the address of the folder or of what the warehouse holds them in."""

    kind: Literal["export", "files", "spark", "bigquery", "snowflake"] = "export"
    url: str = ""


def _events_source(written: object) -> object:
    """`export`, `files:URL`, `files+spark:URL`, `warehouse:bigquery://…` or `warehouse:snowflake://…`."""
    if not isinstance(written, str):
        return written
    what, _, url = written.strip().partition(":")
    scheme, _, place = url.partition("://")
    names = [each for each in place.split("/") if each]
    if what == "export" and not url:
        return EventsSource()
    if what in ("files", "files+spark") and url and not set(url) & set("*?[]{}"):
        return EventsSource("files" if what == "files" else "spark", url)
    if what == "warehouse" and all(_WAREHOUSE_NAME.fullmatch(each) for each in names):
        if scheme == "bigquery" and len(names) == 2:
            return EventsSource("bigquery", url)
        if scheme == "snowflake" and len(names) == 3:
            return EventsSource("snowflake", url)
    raise ValueError(
        "write export, files:URL, files+spark:URL, warehouse:bigquery://PROJECT/DATASET or "
        "warehouse:snowflake://ACCOUNT/DATABASE/SCHEMA"
    )


def plain(value: object) -> object:
    """No setting holds what cannot be typed; what the environment has beside UTF-8 comes as surrogates."""
    if isinstance(value, str) and any(
        unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\r\n" for char in value
    ):
        raise ValueError("it holds a control character, or is not UTF-8")
    return value


def hours(value: object) -> object:
    """Two times of a day such as 09:00-17:00; None for `always`."""
    if not isinstance(value, str):
        return value
    if value.strip() == "always":
        return None
    try:
        opens, closes = (time.fromisoformat(part.strip()) for part in value.split("-"))
    except ValueError:
        opens = closes = time()
    if opens.tzinfo or closes.tzinfo or opens >= closes:
        raise ValueError("write hours such as 09:00-17:00, or always")
    return opens, closes


def _day(written: object) -> object:
    """A bare number would be read as seconds since 1970. Of a moment its day counts."""
    if not isinstance(written, str):
        return written
    if not _DAY.fullmatch(written):
        raise ValueError("write a day such as 2026-12-24")
    return written[:10]


def _instant(written: object) -> object:
    """As with days; and a moment without a zone would be read as one of this machine's."""
    try:
        moment = datetime.fromisoformat(written) if isinstance(written, str) else written
        fits = not isinstance(moment, datetime) or CLOCKS[0] <= moment <= CLOCKS[1]
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError("write a moment with its zone such as 2026-11-21T02:00:00Z")
    return moment


def _url(written: str) -> str:
    try:
        parts = urlsplit(written)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if written and (not known or not written.isprintable() or " " in written):
        raise ValueError("write an address that begins with https:// or http://")
    return written


def _address(written: str) -> str:
    if written and not _ADDRESS.fullmatch(written):
        raise ValueError("write a mail address, without a name")
    return written


def _host(written: str) -> str:
    if not _HOST.fullmatch(written):
        raise ValueError("write host names without port or scheme, divided by commas")
    return written.lower()


def _origin(written: str) -> str:
    if not _ORIGIN.fullmatch(written):
        raise ValueError("write origins such as https://desk.example.com, divided by commas")
    return written


def _at_home(written: Path) -> Path:
    try:
        return written.expanduser()
    except RuntimeError:
        raise ValueError("~ and a name stand for the folder of nobody here") from None


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Url = Annotated[str, AfterValidator(_url)]
"""Empty where none is set."""
Address = Annotated[str, AfterValidator(_address)]
Host = Annotated[str, AfterValidator(_host)]
Origin = Annotated[str, AfterValidator(_origin)]
Home = Annotated[Path, AfterValidator(_at_home)]
"""`~` is one's own folder."""

EventsFrom = Annotated[EventsSource, BeforeValidator(_events_source)]

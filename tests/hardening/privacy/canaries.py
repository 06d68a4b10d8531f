"""Canaries: made-up personal data with a stem that stands nowhere else, and the search for it everywhere."""

import base64
import gzip
import hashlib
import hmac
import html
import io
import json
import quopri
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

STEM = "zqvxjkwpfhm"
"""In every canary that has letters."""

NUMBERS = ("+49 1577 7310031", "+4915777310031", "198.18.77.201", "198.18.91.13", "fd77:91:c0de::7731")
"""Canaries without letters of ours: telephone and IP numbers."""


@dataclass
class Canaries:
    """Every canary that was planted, by what it is and where it goes in."""

    planted: dict[str, str] = field(default_factory=dict)

    def address(self, where: str, domain: str = f"{STEM}.example") -> str:
        return self._new(where, f"ana.{STEM}+{len(self.planted)}@{domain}")

    def name(self, where: str) -> str:
        return self._new(where, f"{STEM.capitalize()} O'Ferrén-{len(self.planted)}")

    def agent(self, where: str) -> str:
        return self._new(where, f"{STEM.capitalize()}/{len(self.planted)}.1 (X11; Ana's laptop)")

    def url(self, where: str) -> str:
        mail = quote(self.address(f"{where}, in the query"))
        return self._new(where, f"https://app.example/reset?user={STEM}&email={mail}&n={len(self.planted)}")

    def text(self, where: str) -> str:
        return self._new(where, f"550 5.1.1 <{STEM}{len(self.planted)}@{STEM}.example>: no such user here")

    def number(self, where: str, at: int) -> str:
        return self._new(where, NUMBERS[at % len(NUMBERS)])

    def _new(self, where: str, canary: str) -> str:
        self.planted[where] = canary
        return canary

    def addresses(self) -> list[str]:
        return [each for each in self.planted.values() if re.fullmatch(r"[^\s<>]+@[^\s<>]+", each)]


ENCODINGS: dict[str, Callable[[str], list[bytes]]] = {
    "UTF-8": lambda text: [text.encode()],
    "UTF-16": lambda text: [text.encode("utf-16-le"), text.encode("utf-16-be")],
    "base64": lambda text: [_base64(text.encode(), at) for at in range(3)],
    "base64 for URLs": lambda text: [_base64(text.encode(), at, b"-_") for at in range(3)],
    "hexadecimal": lambda text: [text.encode().hex().encode(), text.encode().hex().upper().encode()],
    "percent": lambda text: (
        ["".join(f"%{byte:02{x}}" for byte in text.encode()).encode() for x in "xX"]
        + [quote(text, safe="").encode()]
    ),
    "JSON escapes": lambda text: (
        ["".join(f"\\u{ord(char):04x}" for char in text).encode(), json.dumps(text)[1:-1].encode()]
    ),
    "HTML entities": lambda text: [
        "".join(f"&#{ord(char)};" for char in text).encode(),
        "".join(f"&#x{ord(char):x};" for char in text).encode(),
        html.escape(text).encode(),
    ],
    "quoted-printable": lambda text: (
        [quopri.encodestring(text.encode()), "".join(f"={byte:02X}" for byte in text.encode()).encode()]
    ),
    "reversed": lambda text: [text[::-1].encode()],
}


def _base64(raw: bytes, offset: int, others: bytes = b"+/") -> bytes:
    """What of it stays the same in base64, whatever stands before and after."""
    encoded = base64.b64encode(b"\0" * offset + raw + b"\0" * 3, altchars=others)
    first = -(-offset * 4 // 3) + (1 if offset else 0)
    return encoded[first : (offset + len(raw)) * 8 // 6]


def _needles() -> dict[bytes, str]:
    texts = [STEM, STEM.capitalize(), STEM.upper(), *NUMBERS]
    return {
        needle: f"{text} in {name}"
        for text in texts
        for name, encode in ENCODINGS.items()
        for needle in encode(text)
    }


NEEDLES = _needles()


def hits(data: bytes, where: str = "") -> list[str]:
    """Which canaries stand in it, how, and what is around them; archives are opened."""
    found = []
    for part, content in _inside(where, data):
        for needle, what in NEEDLES.items():
            if (at := content.find(needle)) >= 0:
                found.append(f"{part}: {what}: {content[max(0, at - 60) : at + 90]!r}")
    return found


def _inside(where: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield where, data
    if data[:2] == b"\x1f\x8b":
        yield from _inside(f"{where} (gzip)", gzip.decompress(data))
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield f"{where} ({name}), its name", name.encode()
                yield from _inside(f"{where} ({name})", archive.read(name))


def on_disk(*folders: Path, seen: dict[Path, tuple[int, int]] | None = None) -> list[str]:
    """Hits in every file below these folders, and in their names; with `seen`, of files that changed since.

    A database that another process has open is read as it lies there, with its log and its free pages.
    """
    found = []
    for path in [path for folder in folders for path in folder.rglob("*")]:
        try:
            state = path.stat()
            if not path.is_file() or (seen is not None and seen.get(path) == _state(state)):
                continue
            found += hits(path.read_bytes(), str(path))
        except FileNotFoundError:  # SQLite takes its side files away
            continue
        if seen is not None:
            seen[path] = _state(state)
        found += hits(path.name.encode(), f"the name of {path}")
    return found


def _state(state: object) -> tuple[int, int]:
    return getattr(state, "st_mtime_ns"), getattr(state, "st_size")  # noqa: B009


DEFAULT_KEYS = (b"", b"\0" * 32, b"secret", b"handrail", b"changeme", b"default", STEM.encode())


def guessed(text: str) -> Iterator[bytes]:
    """What somebody with a list of addresses would look for: plain hashes, and keyed ones with weak keys."""
    for spelled in {text, text.lower(), text.strip().lower().replace("+", "")}:
        for name in ("md5", "sha1", "sha256"):
            yield hashlib.new(name, spelled.encode()).digest()
            for key in DEFAULT_KEYS:
                yield hmac.digest(key, spelled.encode(), name)
        for key in DEFAULT_KEYS:
            yield hmac.digest(hashlib.sha256(key).digest(), spelled.encode(), "sha256")

"""A text file that a person wrote: a regular file of UTF-8, of a sensible size, each fault with its line."""

import re
from pathlib import Path

from handrail.errors import HandrailError

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read(path: Path, refusal: type[HandrailError], *, most: int) -> str:
    """The file's text without a byte order mark, with its own line ends; of at most `most` bytes.

    Raises `refusal` with the file's name, and the line where the fault has one.
    """
    try:
        if not path.exists():
            raise refusal(f"There is no file {path}.")
        if not path.is_file():  # reading a pipe or a device might never end
            raise refusal(f"{path} is no file.")
        if path.stat().st_size > most:
            raise refusal(f"{path} is larger than {most // 1_000_000} MB.")
        raw = path.read_bytes()
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise refusal(f"{str(path)!r} is no name of a file.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refusal(f"{path}, line {line}, is not UTF-8; save it as UTF-8.") from None
    if found := _NO_TEXT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise refusal(f"{path}, line {line}: the character U+{ord(found[0]):04X} has no place in a text.")
    return text

"""One night at a time on one data directory. The lock is let go when the process dies, however it dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.errors import CallerError


@contextmanager
def one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Raises `CallerError` if another process is in the middle of a night."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "night.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CallerError(
                "Another night is running on this data directory; wait for it to end."
            ) from None
        yield

"""How Mixpanel says no."""

from __future__ import annotations


class RefusalError(Exception):
    """A request that is answered with an error; `message` is what Mixpanel would write."""

    def __init__(
        self, status: int, message: str, *, headers: dict[str, str] | None = None, echo: bool = True
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.echo = echo
        """Whether the body repeats the request's URL, as most query errors do."""

"""How the port listens: who takes too long over a request, or over reading an answer, is hung up on."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS_TO_ASK = 15.0
"""From the connection, or from the answer before, to the end of a request's headers."""

SECONDS_TO_READ = 30.0
"""For a client that does not take what it is sent."""

MOST_REQUESTS = 500
"""At one time; one more is answered with 503. Each takes memory, and perhaps a connection to the database."""


class Punctual(H11Protocol):
    """The server limits idle connections alone: who sends a byte now and then could stay for ever."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(SECONDS_TO_ASK)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering() and not self.flow.write_paused:
            self._settled()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering():
            self._expect(SECONDS_TO_ASK)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect(SECONDS_TO_READ)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answering():
            self._settled()
        else:
            self._expect(SECONDS_TO_ASK)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settled()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self, seconds: float) -> None:
        self._settled()
        self._limit = self.loop.call_later(seconds, self.transport.abort)

    def _settled(self) -> None:
        if self._limit is not None:
            self._limit.cancel()


LIMITS: dict[str, Any] = {
    "http": Punctual,
    "ws": "none",
    "limit_concurrency": MOST_REQUESTS,
    "log_level": "warning",
    "access_log": False,
    "log_config": None,
    "timeout_keep_alive": int(SECONDS_TO_ASK),
}
"""How the web app is served. Its log goes where ours goes; one of requests would keep the tokens of links."""

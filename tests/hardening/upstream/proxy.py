"""A proxy of raw sockets between the product and the stand-ins, which spoils what passes."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What a stand-in said; `lines` are the status line and the headers."""

    lines: list[bytes]
    body: bytes

    def whole(self) -> bytes:
        return self.head() + self.body

    def head(self, *, more: int = 0) -> bytes:
        """Length and end are told anew, for the body may be another; `more` bytes are promised too many."""
        dropped = (b"content-length:", b"transfer-encoding:", b"connection:")
        kept = [line for line in self.lines if not line.lower().startswith(dropped)]
        length = b"content-length: %d" % (len(self.body) + more)
        return b"\r\n".join([*kept, length, b"connection: close"]) + b"\r\n\r\n"


@dataclass
class Way:
    """One request on its way; it ends when the connection is closed."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    neighbour: tuple[str, int]
    head: bytes = b""
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode() if self.head else ""

    async def read(self) -> bool:
        """Take the whole request; False if the other side went away before it was there."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            self.head = await self.reader.readuntil(b"\r\n\r\n")
            lengths = [
                line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            ]
            if lengths:
                self.body = await self.reader.readexactly(int(lengths[0].split(b":")[1]))
            return True
        return False

    async def ask(self) -> Answer:
        """Let the stand-in have the request, and take its whole answer."""
        reader, writer = await asyncio.open_connection(*self.neighbour)
        lines = [line for line in self.head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([lines[0], b"connection: close", *lines[1:]]) + self.body)
        raw = await reader.read()
        writer.close()
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if any(line.lower() == b"transfer-encoding: chunked" for line in lines):
            body = _unchunked(body)
        return Answer(lines, body)

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def hold(self) -> None:
        """Say nothing more until the other side has gone."""
        await self.reader.read()

    def reset(self) -> None:
        """End the connection with a reset instead of a farewell."""
        taken = self.writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


Spoil = Callable[[Way], Awaitable[None]]


@dataclass
class Proxy:
    """Spoils every request whose path has `route` in it, and hands on all others."""

    base_url: str
    neighbour: tuple[str, int]
    spoil: Spoil
    route: str
    on_accept: bool
    paths: list[str] = field(default_factory=list)
    ways: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.ways.add(task)
        task.add_done_callback(self.ways.discard)
        way = Way(reader, writer, self.neighbour)
        with suppress(ConnectionError, ssl.SSLError):
            await self._pass(way)
        with suppress(ConnectionError, ssl.SSLError):
            writer.close()

    async def _pass(self, way: Way) -> None:
        if not self.on_accept and not await way.read():
            return
        self.paths.append(way.path)
        if self.on_accept or self.route in way.path:
            await self.spoil(way)
        else:
            await way.send((await way.ask()).whole())


@asynccontextmanager
async def spoiling(
    stand_ins: str,
    spoil: Spoil,
    *,
    route: str = "",
    on_accept: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Proxy]:
    """A proxy before the stand-ins at this address; it ends with everything that hangs on it."""
    parts = urlsplit(stand_ins)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = Proxy("", (parts.hostname, parts.port), spoil, route, on_accept)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    proxy.base_url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        server.close()
        for way in list(proxy.ways):
            way.cancel()
        await asyncio.gather(*proxy.ways, return_exceptions=True)

"""HTTP to neighbours whose answers end: in time and in size, whatever the other side does."""

import asyncio
from typing import Any

import httpx2

MOST_BYTES = 64 << 20
"""Of one answer, inflated: thrice a page of a thousand large profiles."""

MOST = "handrail_most_bytes"
"""Extension of a request whose answer may be larger; None for a stream that its reader bounds."""

_OF_THE_WIRE = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that no longer hold once an answer was read."""


class TooLarge(httpx2.RequestError):
    """The answer has more bytes than are read."""


class BoundedClient(httpx2.AsyncClient):
    """Reads every answer whole, within the read time-out of its request, and up to a number of bytes.

    The time-outs of the library are for single operations: a server that trickles would never be cut off.
    Nothing is followed elsewhere: credentials stay with whom they are for.
    """

    def __init__(self, *, verify: bool = True) -> None:
        super().__init__(follow_redirects=False, verify=verify)

    async def send(self, request: httpx2.Request, *, stream: bool = False, **how: Any) -> httpx2.Response:
        if request.extensions.get(MOST, MOST_BYTES) is None:
            return await super().send(request, stream=stream, **{**how, "follow_redirects": False})
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                arrived = await super().send(request, stream=True, **{**how, "follow_redirects": False})
                return await whole(arrived)
        except TimeoutError:
            raise httpx2.ReadTimeout("The answer did not end in time.", request=request) from None


async def whole(arrived: httpx2.Response) -> httpx2.Response:
    """The answer as read to its end, and closed. Raises `TooLarge`."""
    request = arrived.request
    most = request.extensions.get(MOST) or MOST_BYTES
    content = bytearray()
    try:
        async for part in arrived.aiter_bytes():
            content += part
            if len(content) > most:
                raise TooLarge(f"The answer has more than {most} bytes.", request=request)
    finally:
        await arrived.aclose()
    headers = [(name, value) for name, value in arrived.headers.raw if name.lower() not in _OF_THE_WIRE]
    return httpx2.Response(arrived.status_code, headers=headers, content=bytes(content), request=request)

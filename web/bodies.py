"""What is posted to us by anybody: read only as far as it may be long."""

from fastapi import HTTPException, Request


async def body(request: Request, most: int) -> bytes:
    """The whole body, of at most `most` bytes; a longer one is refused without being read to its end."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise HTTPException(413, f"A post may not be larger than {most} bytes.")
    return bytes(raw)

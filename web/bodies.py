"""What is posted to us by anybody: read only as far as it may be long."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

MOST_OF_A_FORM = 4000
"""Bytes of a page's form: a few fields and a line of text."""


async def body(request: Request, most: int) -> bytes:
    """The whole body, of at most `most` bytes; a longer one is refused without being read to its end."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise HTTPException(413, f"A post may not be larger than {most} bytes.")
    return bytes(raw)


async def _form(request: Request) -> dict[str, str]:
    return dict(
        parse_qsl((await body(request, MOST_OF_A_FORM)).decode("utf-8", "replace"), keep_blank_values=True)
    )


Form = Annotated[dict[str, str], Depends(_form)]
"""What a page's form posted, by field."""

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


async def form(request: Request, most: int) -> dict[str, str]:
    """A posted form's fields, of each the last, with line ends as ours. Answers 422 to what is no text."""
    raw = await body(request, most)
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise HTTPException(422, "The form could not be read.") from None
    return {name: value.replace("\r\n", "\n").strip() for name, value in fields}


async def _small(request: Request) -> dict[str, str]:
    return await form(request, MOST_OF_A_FORM)


Form = Annotated[dict[str, str], Depends(_small)]
"""What a page's form posted, by field."""

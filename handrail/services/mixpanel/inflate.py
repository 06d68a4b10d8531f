"""Inflating a gzip body that may consist of several members, to its very end.

HTTP clients stop after the first member without a word, which would lose every day but the first.
"""

import zlib
from collections.abc import AsyncIterator

from handrail.errors import BrokenExport

_GZIP = 16 + zlib.MAX_WBITS


async def gunzip(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The plain bytes. Raises `BrokenExport` if the body is no gzip, or ends inside a member."""
    member = zlib.decompressobj(_GZIP)
    fresh = True
    async for chunk in body:
        rest = chunk
        while rest:
            try:
                plain = member.decompress(rest)
            except zlib.error:
                raise BrokenExport("Mixpanel's export is damaged; nothing of it was kept.") from None
            fresh = False
            if plain:
                yield plain
            rest = member.unused_data
            if member.eof:
                member, fresh = zlib.decompressobj(_GZIP), True
    if not fresh:
        raise BrokenExport("Mixpanel's export ended in the middle; nothing of it was kept.")

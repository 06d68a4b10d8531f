"""Inflating a gzip body that may consist of several members, to its very end.

HTTP clients stop after the first member without a word, which would lose every day but the first.
"""

import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from handrail.errors import BrokenExport

_new_member: Callable[[int], Any] = zlib.decompressobj
_errors: tuple[type[Exception], ...] = (zlib.error,)
try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine: slower, and no different otherwise
    pass
else:
    _new_member = isal_zlib.decompressobj
    _errors = (cast("type[Exception]", isal_zlib.error),)

_GZIP = 16 + zlib.MAX_WBITS
_STEP = 1 << 14
"""Inflated at once: what comes out stays small enough to be written over what came before."""


async def gunzip(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The plain bytes. Raises `BrokenExport` if the body is no gzip, or ends inside a member."""
    member = _new_member(_GZIP)
    fresh = True
    async for chunk in body:
        for at in range(0, len(chunk), _STEP):
            rest = chunk[at : at + _STEP]
            while rest:
                try:
                    plain = member.decompress(rest)
                except _errors:
                    raise BrokenExport("Mixpanel's export is damaged; nothing of it was kept.") from None
                fresh = False
                if plain:
                    yield plain
                rest = member.unused_data
                if member.eof:
                    member, fresh = _new_member(_GZIP), True
    if not fresh:
        raise BrokenExport("Mixpanel's export ended in the middle; nothing of it was kept.")

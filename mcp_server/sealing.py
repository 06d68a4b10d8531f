"""What a client brings back with a person's answer: sealed alike by every process of an installation."""

from collections.abc import Callable
from functools import cached_property

from mcp.server.request_state import AESGCMRequestStateCodec


class OneKey:
    """The SDK's codec under a key that it derives from the installation's secret, by HKDF and for this alone.

    Its own default is a key of the process: then an answer could be taken only where the question was asked.
    """

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret

    @cached_property
    def _codec(self) -> AESGCMRequestStateCodec:
        return AESGCMRequestStateCodec([self._secret()])

    def seal(self, payload: bytes) -> str:
        return self._codec.seal(payload)

    def unseal(self, token: str) -> bytes:
        return self._codec.unseal(token)

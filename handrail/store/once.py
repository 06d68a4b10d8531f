"""What several readers of one moment ask is read once."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

_READ = "handrail read"

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class _Repository(Protocol):
    _session: AsyncSession


Own = TypeVar("Own", bound=_Repository)


def remember(session: AsyncSession) -> None:
    """From now on, this session's transaction keeps the answers of whatever is read `once`."""
    session.info[_READ] = {}


def once(
    read: Callable[Concatenate[Own, Asked], Coroutine[Any, Any, Answer]],
) -> Callable[Concatenate[Own, Asked], Coroutine[Any, Any, Answer]]:
    """A query whose answer stays the same while one moment is looked at. Nobody may change the answer."""

    async def answer(own: Own, /, *args: Asked.args, **named: Asked.kwargs) -> Answer:
        kept: dict[Any, Any] | None = own._session.info.get(_READ)
        if kept is None:
            return await read(own, *args, **named)
        asked = (read.__qualname__, args, *named.items())
        if asked not in kept:
            kept[asked] = await read(own, *args, **named)
        found: Answer = kept[asked]
        return found

    answer.__doc__ = read.__doc__
    return answer

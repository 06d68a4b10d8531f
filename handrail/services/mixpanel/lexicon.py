"""What the names of events and properties mean, as the team wrote it into Mixpanel's Lexicon."""

from typing import Literal

from pydantic import Field, TypeAdapter

from handrail.domain.project import Described, DescribedProperty
from handrail.services.mixpanel.answers import Answer, enveloped
from handrail.services.mixpanel.wire import Wire

WHAT = "the Lexicon"


class _Shown(Answer):
    title: str | None = Field(None, alias="displayName")
    hidden: bool | None = None
    tags: list[str] | None = None


class _Metadata(Answer):
    shown: _Shown | None = Field(None, alias="com.mixpanel")


class _Property(Answer):
    type: str | list[str] | None = None
    description: str | None = None
    metadata: _Metadata | None = None


class _Schema(Answer):
    description: str | None = None
    properties: dict[str, _Property] | None = None
    metadata: _Metadata | None = None


class _Entry(Answer):
    kind: str = Field(alias="entityType")
    name: str
    schema_: _Schema = Field(alias="schemaJson")


_entries = TypeAdapter(list[_Entry])


class Lexicon:
    """One project's dictionary. It costs nothing of the hour, but Mixpanel takes 5 such requests a minute."""

    def __init__(self, wire: Wire, query_url: str, project_id: int) -> None:
        self._wire = wire
        self._query_url = query_url
        self._path = f"/api/app/projects/{project_id}/schemas"

    async def described(self, kind: Literal["", "event", "profile"] = "") -> tuple[Described, ...]:
        """Every event and profile that somebody described: others are tracked without a word."""
        path = f"{self._path}/{kind}" if kind else self._path
        raw = await self._wire.send("GET", self._query_url, path, WHAT)
        return tuple(_described(entry) for entry in enveloped(_entries, raw, WHAT))


def _described(entry: _Entry) -> Described:
    shown = _shown(entry.schema_.metadata)
    return Described(
        kind=entry.kind,
        name=entry.name,
        title=shown.title or "",
        description=entry.schema_.description or "",
        tags=tuple(shown.tags or ()),
        hidden=bool(shown.hidden),
        properties=tuple(_property(name, one) for name, one in (entry.schema_.properties or {}).items()),
    )


def _property(name: str, one: _Property) -> DescribedProperty:
    shown = _shown(one.metadata)
    kinds = [one.type] if isinstance(one.type, str) else one.type or []
    return DescribedProperty(
        name=name,
        type=" or ".join(kinds),
        title=shown.title or "",
        description=one.description or "",
        hidden=bool(shown.hidden),
    )


def _shown(metadata: _Metadata | None) -> _Shown:
    return (metadata.shown if metadata else None) or _Shown()

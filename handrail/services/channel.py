"""What a channel turns into a message: a tutorial, and who reads it. E-mail is the only channel."""

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from handrail.domain.features import Feature
from handrail.domain.tutorials import Tutorial
from handrail.services.mail.picture import Picture

Message_co = TypeVar("Message_co", covariant=True)


@dataclass(frozen=True)
class Content:
    """The same for everybody who gets this tutorial."""

    tutorial: Tutorial
    feature: Feature
    picture: Picture | None


@dataclass(frozen=True)
class Reader:
    """What is one person's own. `click` and `unsubscribe` are tokens of links."""

    first_name: str = field(repr=False)
    click: str = field(repr=False)
    unsubscribe: str = field(repr=False)


class Channel(Protocol[Message_co]):
    """Gives a tutorial the form of one channel. It decides nothing and sends nothing."""

    def form(self, content: Content, reader: Reader) -> Message_co: ...

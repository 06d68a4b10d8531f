"""What a Mixpanel project says of itself: its data views, what its names mean, and notes at its dates."""

from pydantic import BaseModel, ConfigDict


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Workspace(_Value):
    """A data view. The `whole` one shows all of the project's data."""

    workspace_id: int
    name: str
    whole: bool = False


class DescribedProperty(_Value):
    """A property as the team describes it; its texts are from outside. `title` is what reports call it."""

    name: str
    type: str = ""
    title: str = ""
    description: str = ""
    hidden: bool = False


class Described(_Value):
    """An event or a profile as the team describes it; its texts are from outside."""

    kind: str
    name: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    hidden: bool = False
    properties: tuple[DescribedProperty, ...] = ()


class Annotation(_Value):
    """A note that charts show. `at` is the project's date or wall-clock time; the text is from outside."""

    annotation_id: int
    at: str
    text: str
    tags: tuple[str, ...] = ()

"""The knowledge base: Markdown documents with front matter, read once, searched in memory."""

import hashlib
import re
from collections.abc import Hashable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from handrail.domain.features import Feature, Passage
from handrail.engine import grounding, wording
from handrail.engine.text import shown
from handrail.errors import CallerError, ConfigError
from handrail.services import screenshots, text_file

MOST_BYTES = 1_000_000

OURS = frozenset({"body", "version"})
"""Fields of a document that its head does not give."""

_WORD = re.compile(r"[^\W_]+")


class _Indexed(NamedTuple):
    passage: Passage
    title: frozenset[str]
    text: frozenset[str]

    def score(self, wanted: set[str]) -> int:
        return 3 * len(wanted & self.title) + len(wanted & self.text)


class KnowledgeBase:
    """The monitored features, by slug, and the screenshots that they name."""

    def __init__(self, features: list[Feature], pictures: Mapping[str, bytes]) -> None:
        self._features = {feature.slug: feature for feature in features}
        self._pictures = pictures

    def features(self) -> list[Feature]:
        return list(self._features.values())

    def find(self, slug: str) -> Feature | None:
        return self._features.get(slug.strip())

    def feature(self, slug: str) -> Feature:
        """Raises `CallerError` with the known slugs."""
        found = self.find(slug)
        if found is None:
            known = ", ".join(self._features) or "none yet"
            raise CallerError(f"There is no feature document {slug!r}. Known: {known}.")
        return found

    def screenshot(self, feature: Feature, step_id: str) -> bytes | None:
        """The file on which this step has a place."""
        step = feature.step(step_id)
        return self._pictures.get(step.screenshot or feature.screenshot) if step and step.region else None

    def search(self, query: str, *, feature: str = "", limit: int = 10) -> list[Passage]:
        """Passages that share words with the query, best first; all of a feature's without a query.

        A word in the title counts three times; ties keep document order.
        """
        slugs = [self.feature(feature).slug] if feature else self._features
        found = [indexed for slug in slugs for indexed in self._index[slug]]
        wanted = set(_words(query))
        if not wanted:
            return [each.passage for each in found[:limit]]
        scored = [(each.score(wanted), each.passage) for each in found]
        hits = [(score, passage) for score, passage in scored if score]
        return [passage for _, passage in sorted(hits, key=lambda hit: -hit[0])][:limit]

    @cached_property
    def _index(self) -> dict[str, list[_Indexed]]:
        """Every passage by slug, in the document's order, with its words; made once."""
        return {
            slug: [_indexed(passage) for passage in grounding.passages(feature)]
            for slug, feature in self._features.items()
        }


def _indexed(passage: Passage) -> _Indexed:
    title = _words(f"{passage.title} {passage.id}")
    return _Indexed(passage, frozenset(title), frozenset(_words(passage.text)))


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if len(word) > 2]


def read(folder: Path) -> KnowledgeBase:
    """Read every document. Raises `ConfigError` that names the file and what is wrong with it."""
    paths = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    if not paths:
        raise ConfigError(f"There is no feature document in {folder}: check HANDRAIL_KB_DIR.")
    pictures: dict[str, bytes] = {}
    return KnowledgeBase([_document(path, pictures) for path in paths], pictures)


def _document(path: Path, pictures: dict[str, bytes]) -> Feature:
    """The document at `path`; the screenshots that it names are added to `pictures`."""
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ConfigError(f"{path} leads out of the folder of the documents.")
    raw = text_file.read(path, ConfigError, most=MOST_BYTES)
    before, opened, rest = raw.replace("\r\n", "\n").replace("\r", "\n").partition("---\n")
    head, closed, body = rest.partition("\n---")
    if before.strip() or not opened or not closed:
        raise ConfigError(f"{path} has no front matter between two lines of ---.")
    fields = _front_matter(path, head, before.count("\n") + 2)
    try:
        feature = Feature.model_validate({**fields, "body": body.strip()})
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        raise ConfigError(f"{path}: the front matter does not fit: {what}.") from None
    if feature.slug != path.stem:
        raise ConfigError(f"{path}: the slug {feature.slug!r} must be the file's name.")
    for title in (feature.title, *(step.title for step in feature.steps)):
        if not title.strip() or wording.plainly(title) != title or len(title.splitlines()) > 1:
            raise ConfigError(
                f"{path}: the title {shown(title)!r} is not one line of plain words: it holds a link, markup "
                "or a character that cannot be seen. Links stand under `url`."
            )
    steps = {step.id for step in feature.steps}
    for hint in feature.errors:
        if hint.step not in steps:
            raise ConfigError(
                f"{path}: the error {hint.reason!r} names a step {hint.step!r} that does not exist."
            )
    try:
        named = screenshots.read(path.parent, feature)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    pictures.update(named)
    return _with_version(feature, [raw.encode(), *named.values()])


def _front_matter(path: Path, head: str, begins: int) -> dict[str, object]:
    """The fields of a document's head, whose first line is line `begins` of the file."""
    try:
        # A SafeLoader, which takes no name twice.
        # nosemgrep: runs-what-it-reads
        fields = yaml.load(head, Loader=_OnceLoader)  # noqa: S506  # nosec B506  # a SafeLoader that takes no name twice
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = getattr(error, "position", None)
        where = f", line {mark.line + begins}" if mark else ""
        where = f", line {head.count(chr(10), 0, at) + begins}" if isinstance(at, int) else where
        twice = f": {error.problem}" if isinstance(error, _Twice) else ""
        raise ConfigError(f"{path}{where}: the front matter is not YAML{twice}.") from None
    except RecursionError:
        raise ConfigError(f"{path}: the front matter is nested too deeply.") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: the front matter does not fit: it is no mapping.")
    if ours := OURS & fields.keys():
        raise ConfigError(f"{path}: the front matter does not fit: {min(ours)} is not yours to write.")
    return fields


class _Twice(yaml.constructor.ConstructorError):
    """A key that is there twice, of which one would be lost without a word."""


class _OnceLoader(yaml.SafeLoader):
    """Takes each key once, and names the line of a value that is none, as of the day 2024-13-45."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError):
            raise yaml.constructor.ConstructorError(problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise _Twice(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _with_version(feature: Feature, parts: list[bytes]) -> Feature:
    """Another screenshot is another document: a text that waits for a yes is asked about again."""
    return feature.model_copy(update={"version": hashlib.sha256(b"".join(parts)).hexdigest()[:12]})

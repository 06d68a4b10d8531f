"""The knowledge base: Markdown documents with front matter, read once, searched in memory."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from handrail.domain.features import Feature, Passage
from handrail.engine import grounding
from handrail.errors import CallerError, ConfigError
from handrail.services import screenshots

_WORD = re.compile(r"[^\W_]+")


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
        documents = [self.feature(feature)] if feature else self.features()
        found = [passage for document in documents for passage in grounding.passages(document)]
        wanted = set(_words(query))
        if not wanted:
            return found[:limit]
        scored = [(_score(passage, wanted), passage) for passage in found]
        hits = [(score, passage) for score, passage in scored if score]
        return [passage for _, passage in sorted(hits, key=lambda hit: -hit[0])][:limit]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if len(word) > 2]


def _score(passage: Passage, wanted: set[str]) -> int:
    title = f"{passage.title} {passage.id}"
    return 3 * len(wanted & set(_words(title))) + len(wanted & set(_words(passage.text)))


def read(folder: Path) -> KnowledgeBase:
    """Read every document. Raises `ConfigError` that names the file and what is wrong with it."""
    paths = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    if not paths:
        raise ConfigError(f"There is no feature document in {folder}: check HANDRAIL_KB_DIR.")
    pictures: dict[str, bytes] = {}
    return KnowledgeBase([_document(path, pictures) for path in paths], pictures)


def _document(path: Path, pictures: dict[str, bytes]) -> Feature:
    """The document at `path`; the screenshots that it names are added to `pictures`."""
    try:
        raw = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8; save it as UTF-8.") from None
    _, opened, rest = raw.partition("---\n")
    head, closed, body = rest.partition("\n---")
    if not opened or not closed:
        raise ConfigError(f"{path} has no front matter between two lines of ---.")
    try:
        fields = yaml.safe_load(head)
        feature = Feature.model_validate({**fields, "body": body.strip()})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 2}" if mark else ""
        raise ConfigError(f"{path}{where}: the front matter is not YAML.") from None
    except (ValidationError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "it is no mapping"
        raise ConfigError(f"{path}: the front matter does not fit: {what}.") from None
    if feature.slug != path.stem:
        raise ConfigError(f"{path}: the slug {feature.slug!r} must be the file's name.")
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


def _with_version(feature: Feature, parts: list[bytes]) -> Feature:
    """Another screenshot is another document: a text that waits for a yes is asked about again."""
    return feature.model_copy(update={"version": hashlib.sha256(b"".join(parts)).hexdigest()[:12]})

"""What a request asks for: the task among its words, the passages among its tool results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """The parts of a request that the writer goes by."""

    task: dict[str, Any] | None
    results: bool
    passages: list[dict[str, Any]]
    title: str
    tools: list[dict[str, Any]] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    words: list[str] = field(default_factory=list)
    """All that it was told and that its tools answered."""

    @property
    def feature(self) -> str:
        return str((self.task or {}).get("feature") or "")


def read(body: dict[str, Any]) -> Request:
    """Read a checked request body."""
    said = [
        each for message in body["messages"] if message["role"] == "user" for each in _texts(message, "text")
    ]
    heard = [each for message in body["messages"] for each in _texts(message, "tool_result")]
    task = next(
        (each for words in said for each in json_in(words) if each.get("task") == "write_tutorial"), None
    )
    feature = str((task or {}).get("feature") or "")
    values = [value for words in heard or said for value in json_in(words)]
    return Request(
        task=task,
        results=bool(_result_blocks(body)),
        passages=_passages(values, feature),
        title=_title(values, feature),
        tools=body.get("tools") or [],
        schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        words=said + heard,
    )


def json_in(words: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, outermost first, whatever prose stands around them."""
    decoder = json.JSONDecoder()
    at = words.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(words, at)
        except ValueError:
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = words.find("{", end)


def _result_blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        block for message in body["messages"] for block in _list(message) if block["type"] == "tool_result"
    ]


def _list(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _texts(message: dict[str, Any], kind: str) -> Iterator[str]:
    for block in _list(message):
        if block["type"] != kind:
            continue
        content = block.get("text") if kind == "text" else block.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else []:
            yield str(part.get("text") or "")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value, the outer before the inner."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from _objects(inner)


def _passages(values: list[dict[str, Any]], feature: str) -> list[dict[str, Any]]:
    """The passages of one feature, in the order they came, each once."""
    found: dict[str, dict[str, Any]] = {}
    for holder in (each for value in values for each in _objects(value)):
        listed = holder.get("passages")
        for passage in listed if isinstance(listed, list) else []:
            if isinstance(passage, dict) and str(passage.get("id", "")).split("#")[0] == feature:
                found.setdefault(str(passage["id"]), passage)
    return list(found.values())


def _title(values: list[dict[str, Any]], feature: str) -> str:
    """The document's title where the answer names one, else the words of the slug."""
    slug_words = re.split(r"[-_]+", feature.lower())
    for holder in (each for value in values for each in _objects(value)):
        title = holder.get("title")
        beside_passages = isinstance(holder.get("passages"), list)
        of_feature = holder.get("feature", holder.get("slug")) == feature and "kind" not in holder
        # A document's first heading becomes a section whose title is the document's.
        heads = holder.get("kind") == "section" and all(word in str(title).lower() for word in slug_words)
        if isinstance(title, str) and title and (beside_passages or of_feature or heads):
            return title
        if isinstance(holder.get("document_title"), str):
            return str(holder["document_title"])
    return " ".join(slug_words).strip().capitalize()

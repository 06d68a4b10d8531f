"""A rule-based writer, not a model: it reads task and passages and puts the document's words in order."""

from __future__ import annotations

import json
import re
from typing import Any

from standin.messages import schemas, wire
from standin.messages.reading import Request
from standin.messages.wire import Reply

SEARCH = "search_feature_docs"
RESULTS = "get_tutorial_results"
_MOST_STEPS = 5


def wants_search(request: Request) -> bool:
    return bool(request.task) and not request.results and search_tool(request) is not None


def search_tool(request: Request) -> dict[str, Any] | None:
    """The tool that searches the documents, else the first whose name says that it searches."""
    named = [tool for tool in request.tools if tool["name"] == SEARCH]
    alike = [tool for tool in request.tools if "search" in tool["name"]]
    return next(iter(named + alike), None)


def search(request: Request) -> dict[str, Any]:
    """A call of the search tool with the arguments its schema knows."""
    tool = search_tool(request) or {"name": SEARCH, "input_schema": {"properties": {"feature": {}}}}
    properties = tool["input_schema"].get("properties", {})
    required = tool["input_schema"].get("required", [])
    arguments = {"feature": request.feature} if "feature" in properties else {}
    if "query" in required or ("query" in properties and not arguments):
        arguments["query"] = _question(request)
    return wire.tool_use(tool["name"], arguments)


def results(request: Request) -> list[dict[str, Any]]:
    """A call of the tool that tells what became of earlier texts, where there is one that takes a feature."""
    named = [tool for tool in request.tools if tool["name"] == RESULTS]
    known = [tool for tool in named if "feature" in tool["input_schema"].get("properties", {})]
    return [wire.tool_use(RESULTS, {"feature": request.feature}) for _ in known]


def _question(request: Request) -> str:
    task = request.task or {}
    words = [task.get("stuck_step"), task.get("main_error")]
    return " ".join(_words(str(each)) for each in words if each) or _words(request.feature)


def tutorial(request: Request) -> dict[str, Any]:
    """The tutorial: the stuck step first, then those after it, each in the passage's own words."""
    task = request.task or {}
    style = task.get("style", "plain")
    steps = [each for each in request.passages if each.get("kind") == "step" and each.get("step")]
    stuck = next((each for each in steps if each["step"] == task.get("stuck_step")), None)
    first = steps.index(stuck) if stuck else 0
    chosen = steps[first : first + _MOST_STEPS]
    return {
        "feature": request.feature,
        "tone": "plain",
        "subject": f"Quick help with {request.title}",
        "intro": _intro(style, request.title, stuck),
        "steps": [
            {"step": step["step"], "text": _told(style, number, _sentences(source)), "quote": _quote(source)}
            for number, step in enumerate(chosen)
            for source in [_source(request, step) if step is stuck else step]
        ],
    }


def _source(request: Request, stuck: dict[str, Any]) -> dict[str, Any]:
    """The passage to tell the stuck step from: that of its main error where there is one."""
    error = _words(str((request.task or {}).get("main_error") or "")).lower()
    for passage in request.passages:
        about = _words(f"{passage.get('id')} {passage.get('reason')} {passage.get('title')}").lower()
        of_step = passage.get("kind") == "error" and passage.get("step") == stuck["step"]
        if of_step and error and error in about:
            return passage
    return stuck


def _words(name: str) -> str:
    return re.sub(r"[-_]+", " ", name).strip()


def _intro(style: str, title: str, stuck: dict[str, Any] | None) -> str:
    where = (stuck or {}).get("title") or ""
    # Only words of the document are put in quotation marks, and the title may be guessed from the slug.
    if style == "checklist":
        return (
            f"Work through these points, starting with “{where}”." if where else "Work through these points."
        )
    if style == "story":
        start = f"You came as far as “{where}”." if where else f"You set out on {title}."
        return f"{start} Here is the way from there."
    return f"This picks up at “{where}”." if where else f"This goes through {title}, step by step."


def _told(style: str, number: int, words: str) -> str:
    if style != "story":
        return words
    return f"{'To begin' if number == 0 else 'After that'}: {words}"


def _spans(passage: dict[str, Any]) -> list[str]:
    """The sentences of a passage, each an exact span of its text."""
    parts = re.split(r"(?<=[.!?])\s+(?=[^a-z])|\n\s*\n", str(passage.get("text") or "").strip())
    return [part for part in parts if part.strip()]


def _sentences(passage: dict[str, Any]) -> str:
    """At most two sentences in the passage's words, without Markdown's pictures and link targets."""
    words = " ".join(_spans(passage)[:2])
    words = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", words)
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words)
    return " ".join(words.split())


def _quote(passage: dict[str, Any]) -> str:
    return next(iter(_spans(passage)), "")


def written(request: Request, value: dict[str, Any]) -> Reply:
    """The final answer: one text block of JSON that fits the schema asked for."""
    return said(value if request.schema is None else schemas.fit(value, request.schema))


def said(value: dict[str, Any]) -> Reply:
    """One text block of JSON, whatever schema was asked for."""
    return Reply([wire.text(json.dumps(value, ensure_ascii=False))])

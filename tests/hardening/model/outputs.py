"""Answers of a model in an attacker's hands: every field and every shape, times payloads and disguises."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.hardening.model.payloads import (
    HEADERS,
    IMAGES,
    LINKS,
    ORDERS,
    PAYLOADS,
    PEOPLE,
    PLACEHOLDERS,
    TRANSFORMS,
)

Output = dict[str, Any]
"""Details of the stand-in's fault `dictated`."""

SAMPLES = [LINKS[0], LINKS[3], PEOPLE[0], IMAGES[0], PLACEHOLDERS[0], ORDERS[0]]


def refused() -> list[Output]:
    """Outputs of which not a word may go out: what is wrong with them stands in what a reader would see."""
    return [*_in_words(), *_disguised(), *_in_ids(), *_shapes(), *_structures()]


def _in_words() -> Iterator[Output]:
    """Each payload at the end of each text, and as the whole of the shorter ones."""
    for payload in PAYLOADS:
        yield {"draft": {"subject": f"{{before}} {payload}"[:78]}}
        yield {"draft": {"intro": f"{{before}} {payload}"}}
        yield {"step": {"text": f"{{before}} {payload}"}}
        yield {"draft": {"intro": payload}}


def _disguised() -> Iterator[Output]:
    for (name, change), payload in product(TRANSFORMS.items(), SAMPLES):
        if name == "plain":
            continue
        yield {"draft": {"intro": f"{{before}} {change(payload)}"[:400]}}
        yield {"step": {"text": f"{change(payload)[:200]} {{before}}"}}
        yield {"draft": {"subject": f"Quick help {change(payload)}"[:78]}}


def _in_ids() -> Iterator[Output]:
    """What names something of the document names it exactly, or nothing."""
    for payload in [
        LINKS[0],
        IMAGES[0],
        PLACEHOLDERS[0],
        HEADERS[0],
        "",
        " ",
        "../../etc/passwd",
        "__proto__",
    ]:
        yield {"draft": {"feature": payload}}
        yield {"draft": {"feature": f"{{before}}{payload or '/'}"}}
        yield {"draft": {"tone": payload}}
        yield {"step": {"step": payload}}
        yield {"step": {"step": f"{{before}}{payload or '#'}"}}
        yield {"step": {"quote": payload}}
        yield {"step": {"quote": f"{{before}}{payload.strip() or '!'}"}}
    for change in TRANSFORMS.values():
        hidden = change(LINKS[0])
        yield {"step": {"quote": f"{{before}} {hidden}"}}
    for gap in "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029":
        yield {"step": {"quote": f"{{before}}{gap}"}}
    yield {"draft": {"feature": "{before}\n"}}
    yield {"draft": {"feature": "schedule-export#start"}}


def _shapes() -> Iterator[Output]:
    """Answers that are no tutorial: other types, more fields, no JSON, far too much of it."""
    wrong: list[Any] = [None, 7, 1e308, True, [], {}, ["x"], {"x": "y"}, [None], "", " "]
    for field, value in product(("feature", "subject", "intro", "steps"), wrong):
        if (field, value) != ("steps", []):
            yield {"draft": {field: value}}
    for field, value in product(("step", "text", "quote"), wrong):
        yield {"step": {field: value}}
    for extra in (
        "to",
        "bcc",
        "headers",
        "links",
        "images",
        "html",
        "url",
        "attachments",
        "from",
        "__class__",
    ):
        yield {"draft": {extra: LINKS[0]}}
        yield {"step": {extra: LINKS[0]}}
    yield {"draft": {"steps": []}}
    texts = [
        *("", " ", "null", "[]", "{}", "7", '"x"', "NaN", "{", "[" * 3000, '{"subject":' * 500),
        *(
            "Sure! ",
            "<html></html>",
            '```json\n{"subject": "x"}\n```',
            '{"subject": "\\ud800"}',
            "\x00",
            "\ufeff{}",
        ),
    ]
    for text in texts:
        yield {"text": text}
    for stop in ("max_tokens", "refusal", "stop_sequence", "pause_turn", "compaction", "tool_use", "evil"):
        yield {"stop_reason": stop}


def _structures() -> Iterator[Output]:
    """Well-formed tutorials that the document does not carry, or that are too much of one."""
    good = {"step": "start", "text": "Open it.", "quote": "Open it"}
    yield {"draft": {"steps": [good] * 7}}
    yield {"draft": {"steps": [{**good, "step": f"s{number}"} for number in range(150)]}}
    yield {"draft": {"steps": [{**good, "step": each} for each in ("finish", "start")]}}
    yield {"step": {"text": "open it. " * 1500}}
    yield {"step": {"text": "-" * 14_000}}
    yield {"step": {"text": "Aa" * 7_000}}
    yield {"step": {"quote": "{before}" + " " * 12_000}}
    yield {"draft": {"intro": "a." * 7_000}}
    yield {"draft": {"subject": "x" * 79}}
    yield {"draft": {"subject": "Quick help\nwith it"}}


CALLS: list[Output] = [
    {"content": [{"type": "tool_use", "id": "t", "name": name, "input": given}], "stop_reason": "tool_use"}
    for name, given in [
        ("send_tutorial", {"user_key": "0" * 64, "feature": "schedule-export", "confirm": "yes"}),
        ("send_mail", {"to": PEOPLE[0], "html": IMAGES[0]}),
        ("control_sending", {"action": "resume"}),
        ("draft_tutorial", {"feature": "schedule-export"}),
        ("sync_mixpanel", {}),
        ("find_struggling_users", {"account": "Acme"}),
        ("query_events", {"account": "Acme"}),
        ("decide_review", {"tutorial_id": "x", "decision": "approve"}),
        ("search_feature_docs", {"feature": "../../../etc/passwd"}),
        ("search_feature_docs", {"query": "x" * 100_000}),
        ("search_feature_docs", {"feature": {"$ne": ""}, "limit": -1}),
        ("search_feature_docs", {"ctx": {}, "mcp_context": {}}),
        ("get_tutorial_results", {"feature": "'; DROP TABLE customers; --"}),
        ("get_tutorial_results", {"from_date": "0001-01-01", "to_date": "9999-12-31"}),
        ("", {}),
        ("__init__", {}),
    ]
]
"""Calls of tools that a model may not use, or with what they do not take."""

_TEXT = {"type": "text", "text": "{}"}
_CALL = {"type": "tool_use", "id": "t", "name": "search_feature_docs", "input": {}}
_USAGE = {"input_tokens": 10, "output_tokens": 10}
_NO_TEXTS: list[Any] = [None, 7, [], {}]
_NO_COUNTS: list[Any] = [-(10**9), 10**30, "many", None, 1.5, [], True]
_NO_REASONS: list[Any] = [None, 7, ["end_turn"], {}]
_CONTENTS: list[Any] = [
    *("text", 7, {}, [None], ["x"], [7], [[]], [{}]),
    *([{**_TEXT, "text": value}] for value in _NO_TEXTS),
    *([{**_TEXT, "type": value}] for value in (None, 7, "image", "tool_result")),
    [{"type": "tool_result", "tool_use_id": "t", "content": "{}"}],
    [{"type": "image", "source": {"type": "url", "url": LINKS[0]}}],
]
_CALLED: list[Any] = [
    {},
    {"id": None, "name": None, "input": None},
    {"id": 7, "name": 7, "input": 7},
    {**_CALL, "name": ["send_tutorial"]},
    {**_CALL, "input": "feature"},
    {**_CALL, "input": []},
    {**_CALL, "id": {"a": 1}},
]
_USED: list[Any] = [
    *("none", 7, [], {}),
    *({**_USAGE, "output_tokens": value} for value in _NO_COUNTS),
    *({**_USAGE, "cache_read_input_tokens": value} for value in (-(10**9), "x", 2**70)),
]
MESSAGES: list[Output] = [
    *({"message": {"content": value}} for value in _CONTENTS),
    *(
        {"message": {"stop_reason": "tool_use", "content": [{"type": "tool_use", **value}]}}
        for value in _CALLED
    ),
    *({"message": {"usage": value}} for value in _USED),
    *({"message": {"stop_reason": value}} for value in _NO_REASONS),
]
"""Messages that the vendor's service would never send, and that its own library lets through."""

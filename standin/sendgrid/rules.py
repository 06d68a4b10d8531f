"""What SendGrid refuses in a mail/send body, each with the message and field it answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\.]+(\.[^\s@<>()\[\],;:\"\\.]+)+")
_RESERVED_HEADERS = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
_TOP_LEVEL = {
    "personalizations": list,
    "from": dict,
    "reply_to": dict,
    "reply_to_list": list,
    "subject": str,
    "content": list,
    "attachments": list,
    "template_id": str,
    "headers": dict,
    "categories": list,
    "custom_args": dict,
    "send_at": int,
    "batch_id": str,
    "asm": dict,
    "ip_pool_name": str,
    "mail_settings": dict,
    "tracking_settings": dict,
}
_PERSONALIZATION = {
    "to": list,
    "cc": list,
    "bcc": list,
    "from": dict,
    "subject": str,
    "headers": dict,
    "substitutions": dict,
    "dynamic_template_data": dict,
    "custom_args": dict,
    "send_at": int,
}
_WORDS = {list: "array", dict: "object", str: "string", int: "integer", bool: "boolean"}


class Problem(NamedTuple):
    """One entry of the `errors` array."""

    message: str
    field: str | None = None


def problems(body: Any, now: float) -> list[Problem]:
    """Everything wrong with a body, in the order of its fields. Types are judged before meaning."""
    if not isinstance(body, dict):
        return [Problem("Bad Request")]
    wrong = [*_shape(body, _TOP_LEVEL, "")]
    for number, item in enumerate(_list(body, "personalizations")):
        if isinstance(item, dict):
            wrong += _shape(item, _PERSONALIZATION, f"personalizations.{number}.")
        else:
            wrong.append(_type("object", f"personalizations.{number}"))
    if wrong:
        return wrong
    found = [*_envelopes(body), *_sender(body), *_subject(body), *_content(body)]
    found += [
        *_attachments(body),
        *_headers(body, ""),
        *_custom_args(body),
        *_categories(body),
        *_settings(body),
    ]
    if body.get("send_at", now) > now + 72 * 3600:
        found.append(Problem("Scheduling more than 72 hours in advance is forbidden.", "send_at"))
    return found


def _list(body: dict[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    return value if isinstance(value, list) else []


def _type(expected: str, field: str) -> Problem:
    return Problem(f"Invalid type. Expected: {expected}.", field)


def _shape(body: dict[str, Any], known: dict[str, type], prefix: str) -> Iterator[Problem]:
    for key, value in body.items():
        if key not in known:
            yield Problem(f"Additional property {key} is not allowed", prefix.rstrip(".") or None)
        elif not isinstance(value, known[key]) or isinstance(value, bool):
            yield _type(_WORDS[known[key]], prefix + key)


def _envelopes(body: dict[str, Any]) -> Iterator[Problem]:
    envelopes = _list(body, "personalizations")
    if not envelopes:
        yield Problem(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
    people = sum(len(item.get(kind, [])) for item in envelopes for kind in ("to", "cc", "bcc"))
    if len(envelopes) > 1000 or people > 1000:
        yield Problem(
            "The personalizations block is limited to 1000 personalizations and 1000 recipients per request.",
            "personalizations",
        )
    for number, item in enumerate(envelopes):
        yield from _envelope(item, f"personalizations.{number}")


def _envelope(item: dict[str, Any], field: str) -> Iterator[Problem]:
    if not item.get("to"):
        yield Problem(
            "The to array is required for all personalization objects, and must have at least one email "
            "object with a valid email address.",
            f"{field}.to",
        )
    seen: set[str] = set()
    for kind in ("to", "cc", "bcc"):
        for number, person in enumerate(item.get(kind, [])):
            yield from _address(person, f"{field}.{kind}.{number}")
            address = str(person.get("email")).lower() if isinstance(person, dict) else ""
            if address and address in seen:
                yield Problem(
                    "Each email address in the personalization block should be unique between to, cc, and "
                    f"bcc. We found the first duplicate instance of [{address}] in the {field}.{kind} field.",
                    field,
                )
            seen.add(address)
    if "from" in item:
        yield from _address(item["from"], f"{field}.from")
    yield from _headers(item, f"{field}.")
    yield from _line(item.get("subject", " "), f"{field}.subject")


def _address(person: Any, field: str) -> Iterator[Problem]:
    if not isinstance(person, dict):
        yield _type("object", field)
        return
    email = person.get("email")
    if not isinstance(email, str) or not _ADDRESS.fullmatch(email):
        yield Problem("Does not contain a valid address.", f"{field}.email")
    name = person.get("name", "")
    if not isinstance(name, str):
        yield _type("string", f"{field}.name")
    elif {";", ","} & set(name):
        yield Problem("The name may not contain ; or , characters.", f"{field}.name")
    else:
        yield from _line(name or " ", f"{field}.name")


def _sender(body: dict[str, Any]) -> Iterator[Problem]:
    if "from" not in body:
        yield Problem(
            "The from object must be provided for every email send. It is an object that requires the email "
            'parameter, but may also contain a name parameter. e.g. {"email" : "example@example.com"} or '
            '{"email" : "example@example.com", "name" : "Example Recipient"}.',
            "from.email",
        )
    else:
        yield from _address(body["from"], "from")
        if not str(body["from"].get("email", "")).isascii():
            yield Problem("The from address may not contain Unicode characters.", "from.email")
    if "reply_to" in body:
        yield from _address(body["reply_to"], "reply_to")
    for number, person in enumerate(_list(body, "reply_to_list")):
        yield from _address(person, f"reply_to_list.{number}")


def _line(value: str, field: str) -> Iterator[Problem]:
    if not value or re.search(r"[\r\n\x00]", value):
        yield Problem("The value must be one line of at least one character.", field)


def _subject(body: dict[str, Any]) -> Iterator[Problem]:
    everywhere = all(item.get("subject") for item in _list(body, "personalizations"))
    if not body.get("subject") and not body.get("template_id") and not everywhere:
        yield Problem(
            "The subject is required. You can get around this requirement if you use a template with a "
            "subject defined or if every personalization has a subject defined.",
            "subject",
        )
    elif "subject" in body:
        yield from _line(body["subject"], "subject")


def _content(body: dict[str, Any]) -> Iterator[Problem]:
    parts = _list(body, "content")
    if not parts and not body.get("template_id"):
        yield Problem(
            "Unless a valid template_id is provided, the content parameter is required. There must be at "
            "least one defined content block. We typically suggest both text/plain and text/html blocks are "
            "included, but only one block is required.",
            "content",
        )
    kinds = [str(part.get("type")) if isinstance(part, dict) else "" for part in parts]
    for number, part in enumerate(parts):
        value = part.get("value") if isinstance(part, dict) else None
        if not isinstance(value, str) or not value:
            yield Problem(
                "The content value must be a string at least one character in length.",
                f"content.{number}.value",
            )
        if "/" not in kinds[number] or re.search(r"[;\r\n]", kinds[number]):
            yield Problem("The content type must be a MIME type.", f"content.{number}.type")
    if "text/plain" in kinds and kinds[0] != "text/plain":
        yield Problem(
            "The content must be listed in order: text/plain first, then text/html, then anything else.",
            "content",
        )
    if kinds.count("text/plain") > 1 or kinds.count("text/html") > 1:
        yield Problem("If present, text/plain and text/html may only be provided once.", "content")


def _attachments(body: dict[str, Any]) -> Iterator[Problem]:
    for number, part in enumerate(_list(body, "attachments")):
        field = f"attachments.{number}"
        if not isinstance(part, dict):
            yield _type("object", field)
            continue
        for key in ("content", "filename"):
            if not isinstance(part.get(key), str) or not part[key]:
                yield Problem(f"The attachment {key} is required.", f"{field}.{key}")
        if not _is_base64(part.get("content")):
            yield Problem("The attachment content must be base64 encoded.", f"{field}.content")
        if part.get("disposition", "attachment") not in {"inline", "attachment"}:
            yield Problem("The disposition must be inline or attachment.", f"{field}.disposition")
        if part.get("disposition") == "inline" and not part.get("content_id"):
            yield Problem("An inline attachment needs a content_id.", f"{field}.content_id")
        if "/" not in part.get("type", "text/plain") or re.search(r"[;,\r\n]", part.get("type", "")):
            yield Problem("The attachment type must be a MIME type.", f"{field}.type")


def _is_base64(content: Any) -> bool:
    try:
        return isinstance(content, str) and bool(base64.b64decode(content, validate=True))
    except ValueError:
        return False


def _headers(body: dict[str, Any], prefix: str) -> Iterator[Problem]:
    for name, value in body.get("headers", {}).items():
        field = f"{prefix}headers.{name}"
        if name.lower() in _RESERVED_HEADERS:
            yield Problem(f"The header {name} is reserved and cannot be used.", field)
        if not re.fullmatch(r"[!-9;-~]+", name):
            yield Problem("Header names must be printable ASCII without a colon.", field)
        if not isinstance(value, str):
            yield _type("string", field)
        else:
            yield from _line(value, field)


def _custom_args(body: dict[str, Any]) -> Iterator[Problem]:
    shared = body.get("custom_args", {})
    for number, item in enumerate(_list(body, "personalizations")):
        own = item.get("custom_args", {})
        field = f"personalizations.{number}.custom_args" if own else "custom_args"
        merged = {**shared, **own}
        for name, value in merged.items():
            if not isinstance(value, str):
                yield _type("string", f"{field}.{name}")
        if sum(len(f"{name}{value}".encode()) for name, value in merged.items()) > 10_000:
            yield Problem("The custom_args may not exceed 10000 bytes.", field)


def _categories(body: dict[str, Any]) -> Iterator[Problem]:
    categories = _list(body, "categories")
    if len(categories) > 10:
        yield Problem("You cannot have more than 10 categories per request.", "categories")
    if len({str(each) for each in categories}) < len(categories):
        yield Problem("The categories must be unique.", "categories")
    for number, each in enumerate(categories):
        if not isinstance(each, str):
            yield _type("string", f"categories.{number}")
        elif not 0 < len(each) <= 255:
            yield Problem("A category must be between 1 and 255 characters long.", f"categories.{number}")


def _settings(body: dict[str, Any]) -> Iterator[Problem]:
    asm = body.get("asm")
    if asm is not None and (not isinstance(asm.get("group_id"), int) or isinstance(asm["group_id"], bool)):
        yield _type("integer", "asm.group_id")
    shown = asm.get("groups_to_display", []) if asm is not None else []
    if not isinstance(shown, list):
        yield _type("array", "asm.groups_to_display")
    elif len(shown) > 25:
        yield Problem("You cannot display more than 25 unsubscribe groups.", "asm.groups_to_display")
    for family in ("mail_settings", "tracking_settings"):
        for name, value in body.get(family, {}).items():
            enable = value.get("enable", False) if isinstance(value, dict) else None
            if not isinstance(enable, bool):
                yield _type("boolean", f"{family}.{name}.enable")

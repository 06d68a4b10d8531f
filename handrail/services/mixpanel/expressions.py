"""Mixpanel expressions, built from values by one escaping function."""

from handrail.errors import CallerError


def literal(value: str) -> str:
    """A double-quoted string: backslash first, then the quote. Control characters are refused."""
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise CallerError("A name with control characters cannot be asked for.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def property_of_event(name: str) -> str:
    return f"properties[{literal(name)}]"

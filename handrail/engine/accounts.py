"""Which accounts an event belongs to, from the value of the account property."""

NO_ACCOUNT = frozenset({"", "undefined", "null", "<null>", "(not set)", "$other", "$overall", "$average"})
"""Values that Mixpanel uses for "nothing" or for sums: never an account."""


def account_ids(value: object) -> tuple[str, ...]:
    """The accounts a value names: a string, a number, or a list of them; each once, in order.

    Ids are case-sensitive. Booleans and objects name no account.
    """
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(name for name in map(_name, values) if name not in NO_ACCOUNT))


def _name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

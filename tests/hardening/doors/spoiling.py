"""Tokens and signatures, spoiled: one bit flipped, cut, doubled, in other letters."""

import random
from collections.abc import Iterator


def spoiled(token: str, count: int, *, seed: int = 8) -> list[str]:
    """`count` texts that are all unlike the token, most of them in one bit."""
    rng = random.Random(seed)
    found: list[str] = []
    endless = _each_way(token, rng)
    while len(found) < count:
        each = next(endless)
        if each != token:
            found.append(each)
    return found


def _each_way(token: str, rng: random.Random) -> Iterator[str]:
    raw = token.encode()
    for at in range(len(raw)):
        for bit in range(8):
            yield _flipped(raw, [(at, bit)])
    yield from (
        token[:-1],
        token[1:],
        token + token[-1],
        token + "=",
        token + " ",
        " " + token,
        token * 2,
        "",
    )
    yield from (
        token.upper(),
        token.lower(),
        token.swapcase(),
        token[::-1],
        f"{token}\x00",
        f"{token}\n",
        "\x00",
    )
    yield from (
        "%",
        "'",
        '"',
        "' or 1=1 --",
        "*",
        "..",
        "null",
        "None",
        "0",
        "\ud7ff",
        "\U0001f600",
        "a" * 4000,
    )
    while True:
        yield _flipped(raw, [(rng.randrange(len(raw)), rng.randrange(8)) for _ in range(rng.randint(2, 5))])


def _flipped(raw: bytes, places: list[tuple[int, int]]) -> str:
    changed = bytearray(raw)
    for at, bit in places:
        changed[at] ^= 1 << bit
    return changed.decode("latin-1")

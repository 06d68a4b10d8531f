"""How a night's mails are shared out, so that work side by side keeps the order of urgency and the caps."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def wave_size(room: int, block: int) -> int:
    """How many of the most urgent cases may be worked on side by side while `room` mails may still leave.

    More than `room` could leave some of them out only by luck of timing; one block is decided in its order.
    """
    return max(room, block)


def blocks(cases: Sequence[tuple[T, Iterable[Hashable]]], size: int) -> list[list[T]]:
    """Blocks of about `size` cases; cases that share one of their keys always stand in one block.

    `cases` are in order of urgency, each with the accounts and the person that its caps are counted for.
    Every block keeps that order, and the blocks come in the order of their most urgent case.
    """
    if len(cases) <= size:
        return [[case for case, _ in cases]] if cases else []
    groups = _groups([list(keys) for _, keys in cases])
    made: list[list[int]] = [[]]
    for group in groups:
        if len(made[-1]) >= size:
            made.append([])
        made[-1] += group
    return [[cases[index][0] for index in sorted(block)] for block in made]


def _groups(keys: Sequence[Sequence[Hashable]]) -> list[list[int]]:
    """Indices that hang together by shared keys, each group under its first index (union-find)."""
    parent = list(range(len(keys)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[Hashable, int] = {}
    for index, own in enumerate(keys):
        for key in own:
            here, there = root(index), root(first.setdefault(key, index))
            parent[max(here, there)] = min(here, there)
    groups: dict[int, list[int]] = {}
    for index in range(len(keys)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())

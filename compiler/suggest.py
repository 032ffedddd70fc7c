"""Did you mean …: the candidate that a misspelled word is closest to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

__all__ = ["closest", "distance"]


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was most likely meant to be, or None where none is near.

    Near is every candidate at one edit: a letter more, less or other, or two neighbors swapped. Case, `_` and `-` count
    for nothing, and long words may have one edit in four letters, up to three. Of equally near candidates the one wins
    whose case differs least, then one with the same first letter, of the nearest length, and the first in the alphabet.
    """
    if len(word) > _MAX_LENGTH:
        return None
    plain, letters = _profile(word)
    best: tuple[int, int, bool, int, str] | None = None
    for candidate in candidates:
        if len(candidate) > _MAX_LENGTH:
            continue
        other, other_letters = _profile(candidate)
        longest = max(len(plain), len(other))
        limit = max(1, min(3, longest // 4))
        if abs(len(plain) - len(other)) > limit or candidate == word:
            continue
        if (letters & ~other_letters).bit_count() > limit or (other_letters & ~letters).bit_count() > limit:
            continue  # one edit brings in or takes away one letter at most
        edits = distance(plain, other, limit)
        if edits > limit or edits >= longest:
            continue
        as_written = distance(word, candidate, longest)
        key = (edits, as_written, candidate[:1] != word[:1], abs(len(candidate) - len(word)), candidate)
        if best is None or key < best:
            best = key
    return best[-1] if best else None


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap two neighbors) from `a` to `b`: the optimal string alignment distance.

    Counts no further than `limit + 1`.
    """
    if a == b:
        return 0
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and min(above) > limit:
            return limit + 1
        before, above = above, row
    return min(above[-1], limit + 1)


_MAX_LENGTH = 100  # a longer word is no name that was misspelled


@lru_cache(maxsize=4096)
def _profile(word: str) -> tuple[str, int]:
    """The word without case and separators, and the set of its letters as bits."""
    plain = word.casefold().replace("_", "").replace("-", "")
    letters = 0
    for letter in plain:
        letters |= 1 << (ord(letter) & 63)
    return plain, letters

"""`rename:` of `weights:`: what names of a file become. A rule without a star replaces a prefix; one with stars describes the
whole name: `*` is a part between dots, or some of it, `**` anything. Stars on the right are, in order, what they were on the
left.

"module.": ""                           module.fc.weight               -> fc.weight
"encoder.layer.*.**": "blocks.*.**"     encoder.layer.11.attn.weight   -> blocks.11.attn.weight
"**.norm.*.**": "**.norm*.**"           block1.norm.2.weight           -> block1.norm2.weight

Rules and names come from files: matching takes time in proportion to both lengths, whatever they say.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping

__all__ = ["clash", "renamed", "wrong_rule"]

LONGEST = 300  # a name or rule that is longer is left as it is
_STARS = re.compile(r"(\*\*|\*)")


def renamed(rules: Mapping[str, str], name: str) -> str:
    """What a name becomes, by the first rule that fits."""
    for old, new in rules.items():
        if "*" in old:
            found = _match(old, name)
            if found is not None:
                return _filled(new, found)
        elif name.startswith(old):
            return new + name.removeprefix(old)
    return name


def clash(rules: Mapping[str, str], names: Iterable[str]) -> str:
    """Which two names become one; "" where none do."""
    before: dict[str, str] = {}
    for name in names:
        now = renamed(rules, name)
        if now in before:
            return f"`{before[now]}` and `{name}` of the file are both renamed to `{now}`"
        before[now] = name
    return ""


def wrong_rule(rules: Mapping[str, str]) -> str:
    """What is wrong with one of the rules; "" where nothing is."""
    for old, new in rules.items():
        left, right = (len(_STARS.findall(side)) for side in (old, new))
        if right > left:
            stars = f"{left or 'no'} star{'' if left == 1 else 's'}"
            return f"`{old}` has {stars}, and `{new}`, which it becomes, has {right}"
        if max(len(old), len(new)) > LONGEST:
            return f"a name of more than {LONGEST} characters: `{old[:40]}…`"
    return ""


def _match(rule: str, name: str) -> list[str] | None:
    """What the stars stand for, each as much as it can from the left; None where the rule does not fit."""
    if len(name) > LONGEST or len(rule) > LONGEST:
        return None
    tokens = [t for t in _STARS.split(rule) if t]
    fits = [_Places({len(name)})]  # where in the name each rest of the rule can begin, from the end on
    for token in reversed(tokens):
        fits.append(_Places(_before(token, name, fits[-1])))
    fits.reverse()
    if 0 not in fits[0].all:
        return None
    at, found = 0, []
    for token, after in zip(tokens, fits[1:], strict=True):
        if token in ("*", "**"):
            end = after.last_within(at + (token == "*"), _reach(token, name, at))
            found.append(name[at:end])
            at = end
        else:
            at += len(token)
    return found


class _Places:
    """Places in a name, each found by the last one up to it."""

    def __init__(self, places: set[int]) -> None:
        self.all = places
        self._ordered = sorted(places)

    def last_within(self, low: int, high: int) -> int:
        """The last place in low … high, or -1."""
        index = bisect_right(self._ordered, high) - 1
        return self._ordered[index] if index >= 0 and self._ordered[index] >= low else -1


def _reach(token: str, name: str, at: int) -> int:
    """How far a star can reach from a place."""
    if token == "**":
        return len(name)
    dot = name.find(".", at)
    return len(name) if dot < 0 else dot


def _before(token: str, name: str, after: _Places) -> set[int]:
    """The places from which a token leads to one of those after it."""
    if token not in ("*", "**"):
        return {i - len(token) for i in after.all if i >= len(token) and name.startswith(token, i - len(token))}
    least = 1 if token == "*" else 0
    return {i for i in range(len(name) + 1) if after.last_within(i + least, _reach(token, name, i)) >= 0}


def _filled(text: str, found: list[str]) -> str:
    values = iter(found)
    return _STARS.sub(lambda star: next(values, star[0]), text)

"""Bounds on untrusted text, kept while it is read and before anything is built from it.

The readers go through a text event by event and stop at the first event past a bound, so libyaml never recurses and
never looks far ahead: 60 kB of brackets, which crash its composer, end here at the 65th. Aliases count as what they
stand for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nnc.compiler.diagnostics import Problems, Source, Span

__all__ = ["LIMITS", "Guard", "Limits", "Refused", "refuse_unprintable", "without_controls"]


@dataclass(frozen=True, slots=True)
class Limits:
    """`nodes`: scalars, lists and mappings of the tree, keys included, an alias counting as what it stands for. They are
    enough for 100,000 layers as calls, or 80,000 as mappings with an argument. `copies`: those of them that aliases stand
    for, and that cost no text."""

    characters: int = 8_000_000
    depth: int = 64
    nodes: int = 500_000
    copies: int = 200_000
    faults: int = 100


LIMITS = Limits()


class Refused(Exception):
    """The fault was reported, and no tree can be had."""


class Guard:
    """Counts nodes and depth of one text; raises Refused, after reporting, at the first node too many."""

    def __init__(self, source: Source, problems: Problems, limits: Limits = LIMITS) -> None:
        self.source = source
        self.problems = problems
        self.limits = limits
        self.nodes = 0
        self.copies = 0
        self.whole = True  # False where a fault left a hole in the tree, about which later stages would complain again
        if len(source.text) > limits.characters:
            self.refuse(0, f"the text has {len(source.text):,} characters: at most {limits.characters:,} are read")

    def add(self, nodes: int, offset: int) -> None:
        """Counts `nodes` more, the first of them at `offset`."""
        self.nodes += nodes
        if len(self.problems.found) >= self.limits.faults:
            self.check_faults(offset)
        if self.nodes > self.limits.nodes:
            self.refuse(
                offset, f"the text has more than {self.limits.nodes:,} values (an alias counts as what it stands for)"
            )

    def copy(self, nodes: int, offset: int) -> None:
        """Counts what the alias at `offset` stands for."""
        self.copies += nodes
        if self.copies > self.limits.copies:
            self.refuse(offset, f"the aliases of this text stand for more than {self.limits.copies:,} values")
        self.add(nodes, offset)

    def check_depth(self, depth: int, offset: int) -> None:
        if depth > self.limits.depth:
            self.refuse(offset, f"lists and mappings are nested more than {self.limits.depth} deep")

    def check_faults(self, offset: int) -> None:
        """Ends the reading where so much is wrong that nobody would read on."""
        if len(self.problems) >= self.limits.faults:
            self.refuse(offset, f"{self.limits.faults:,} faults were found: what follows is not read")

    def refuse(self, offset: int, message: str) -> None:
        self.problems.error("NNC0104", Span(self.source, offset, min(offset + 1, len(self.source.text))), message)
        raise Refused


# All but what YAML calls printable, surrogates included: no file holds them, and nothing can print them. (Listed rather than
# excluded: to compile the complement takes 8 ms.)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def refuse_unprintable(source: Source, problems: Problems) -> None:
    """Raises Refused, after reporting, if the text holds a control character."""
    if match := _UNPRINTABLE.search(source.text):
        code = ord(match[0])
        name = "a NUL byte: this is not a text file" if code == 0 else f"the control character U+{code:04X}"
        problems.error("NNC0103", Span(source, match.start(), match.end()), f"the text contains {name}")
        raise Refused


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def without_controls(value: str, span: Span, problems: Problems) -> str:
    """`value`, which escapes made, without control characters and lone surrogates; reports the first of them."""
    match = _CONTROL.search(value)
    if match is None:
        return value
    problems.error("NNC0103", span, f"an escape in this text stands for the control character U+{ord(match[0]):04X}")
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)

"""How tightly operators bind: Python's order, for the parser and for writing as few parentheses as it takes."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["BINARY", "Power"]


class Power(IntEnum):
    """How tightly an operator binds, from the loosest to the tightest."""

    ANY = 0
    CONDITIONAL = 1
    OR = 2
    AND = 3
    NOT = 4
    COMPARE = 5
    BIT_OR = 6
    BIT_XOR = 7
    BIT_AND = 8
    SUM = 9
    PRODUCT = 10
    UNARY = 11
    POWER = 12
    ATOM = 13

    @property
    def tighter(self) -> Power:
        return Power(self + 1)


BINARY = {
    "|": Power.BIT_OR, "^": Power.BIT_XOR, "&": Power.BIT_AND, "+": Power.SUM, "-": Power.SUM,
    "*": Power.PRODUCT, "/": Power.PRODUCT, "//": Power.PRODUCT, "%": Power.PRODUCT, "@": Power.PRODUCT,
    "**": Power.POWER,
}  # fmt: skip

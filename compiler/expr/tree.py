"""The expression language's own tree: total, bounded, without attribute access into Python.

expression := conditional | or/and/not | comparison | + - * / // % @ ** | unary - | postfix
postfix    := atom ( "(" arguments ")" | "[" index "]" | "." name-or-number )*
atom       := number | "text" | name | $name | true/True false/False null/None | ( … ) | [ … ] | { "k": v }
"""

from __future__ import annotations

from typing import TypeAlias

from nnc.compiler.diagnostics import Span
from nnc.compiler.records import record

__all__ = [
    "Attribute", "Binary", "CallExpr", "Compare", "Comprehension", "Conditional", "Dictionary", "Expr", "Index", "Items",
    "Keyword", "Literal", "Logic", "Name", "Slice", "Targets", "Unary", "children",
]  # fmt: skip

# What a loop binds: `s, n` is ("s", "n"), `s, (c, n)` is ("s", ("c", "n")).
Targets: TypeAlias = tuple["str | Targets", ...]


@record(frozen=True, slots=True)
class Literal:
    """A number, text, true/false or null; `...` is Python's Ellipsis."""

    value: object
    span: Span


@record(frozen=True, slots=True)
class Name:
    name: str
    span: Span


@record(frozen=True, slots=True)
class Items:
    """`[a, b]` or `(a, b)`: `bracket` is `"["` or `"("`."""

    items: tuple[Expr, ...]
    span: Span
    bracket: str = "["


@record(frozen=True, slots=True)
class Dictionary:
    items: tuple[tuple[Expr, Expr], ...]
    span: Span


@record(frozen=True, slots=True)
class Unary:
    operator: str  # "-" | "+" | "not" | "~"
    operand: Expr
    span: Span


@record(frozen=True, slots=True)
class Binary:
    operator: str  # + - * / // % ** @ & | ^
    left: Expr
    right: Expr
    span: Span


@record(frozen=True, slots=True)
class Logic:
    operator: str  # "and" | "or"
    left: Expr
    right: Expr
    span: Span


@record(frozen=True, slots=True)
class Compare:
    """`a < b <= c`: operators are `== != < <= > >= in "not in" is "is not"`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span


@record(frozen=True, slots=True)
class Conditional:
    """`then if test else otherwise`."""

    test: Expr
    then: Expr
    otherwise: Expr
    span: Span


@record(frozen=True, slots=True)
class Keyword:
    name: str
    value: Expr
    span: Span  # of the name


@record(frozen=True, slots=True)
class CallExpr:
    """`callee(a, b, key=c)`; the callee is a Name or an Attribute chain (`mylib.Layer`). A bare `BatchNorm2d` is a Name.
    Of `Conv2d(8, 3)(x)`, which only an entry may be, the callee is the inner call."""

    callee: Expr
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@record(frozen=True, slots=True)
class Attribute:
    """`lstm.output`, `parts.0`: a named or numbered result."""

    value: Expr
    name: str
    span: Span
    name_span: Span


@record(frozen=True, slots=True)
class Slice:
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span


@record(frozen=True, slots=True)
class Index:
    """`x[:, 0]`: `items` are expressions, slices, or a Literal holding Ellipsis or None."""

    value: Expr
    items: tuple[Expr, ...]
    span: Span


@record(frozen=True, slots=True)
class Comprehension:
    """`[value for target in iterable if condition]`; targets are one or several names, or groups of names."""

    value: Expr
    targets: Targets
    iterable: Expr
    condition: Expr | None
    span: Span


Expr = (
    Literal | Name | Items | Dictionary | Unary | Binary | Logic | Compare | Conditional | CallExpr | Attribute | Slice | Index
    | Comprehension
)  # fmt: skip


def children(expression: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside one, in the order written."""
    match expression:
        case Literal() | Name():
            return ()
        case Items(items=items):
            return items
        case Dictionary(items=pairs):
            return tuple(e for pair in pairs for e in pair)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right) | Logic(left=left, right=right):
            return (left, right)
        case Compare(first=first, rest=rest):
            return (first, *(e for _, e in rest))
        case Conditional(test=test, then=then, otherwise=otherwise):
            return (then, test, otherwise)
        case CallExpr(callee=callee, arguments=arguments, keywords=keywords):
            return (callee, *arguments, *(k.value for k in keywords))
        case Attribute(value=value):
            return (value,)
        case Slice(start=start, stop=stop, step=step):
            return tuple(e for e in (start, stop, step) if e is not None)
        case Index(value=value, items=items):
            return (value, *items)
        case Comprehension(value=value, iterable=iterable, condition=condition):
            return (value, iterable) if condition is None else (value, iterable, condition)

"""Expression tree to its canonical text, with as few parentheses as its meaning allows: parsed again, it is equal."""

from __future__ import annotations

from nnc.compiler.expr.lexer import RESERVED
from nnc.compiler.expr.precedence import BINARY, Power
from nnc.compiler.expr.tree import (
    Attribute,
    Binary,
    CallExpr,
    Compare,
    Comprehension,
    Conditional,
    Dictionary,
    Expr,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Slice,
    Targets,
    Unary,
)

__all__ = ["targets_text", "unparse"]


def unparse(expression: Expr) -> str:
    """The text that reads as `expression`, in PyTorch's spelling: `Linear(10, bias=False)`, `-x**2`, `(a + b) * c`.

    Numbers that no text stands for (infinities, NaN) are written as the names `inf` and `nan`.
    """
    return _text(expression, Power.ANY)


def _text(expression: Expr, loosest: Power) -> str:
    """The text of an operand, in parentheses where it binds more loosely than `loosest`."""
    text = _bare(expression)
    return f"({text})" if _power(expression) < loosest else text


def _power(expression: Expr) -> Power:
    match expression:
        case Conditional():
            return Power.CONDITIONAL
        case Logic(operator=operator):
            return Power.AND if operator == "and" else Power.OR
        case Unary(operator=operator):
            return Power.NOT if operator == "not" else Power.UNARY
        case Compare():
            return Power.COMPARE
        case Binary(operator=operator):
            return BINARY[operator]
        case Literal(value=int() | float() as value) if str(value).startswith("-"):
            return Power.UNARY
        case _:
            return Power.ATOM


def _bare(expression: Expr) -> str:
    match expression:
        case Literal(value=value):
            return _literal(value)
        case Name(name=name):
            return f"${name}" if name in RESERVED else name
        case Items(items=items, bracket="["):
            return f"[{_commas(items)}]"
        case Items(items=items):
            return f"({_commas(items)},)" if len(items) == 1 else f"({_commas(items)})"
        case Dictionary(items=pairs):
            return "{" + ", ".join(f"{unparse(k)}: {unparse(v)}" for k, v in pairs) + "}"
        case Unary(operator="not", operand=operand):
            return f"not {_text(operand, Power.NOT)}"
        case Unary(operator=operator, operand=operand):
            return f"{operator}{_text(operand, Power.UNARY)}"
        case Binary(operator="**", left=left, right=right):
            return f"{_text(left, Power.ATOM)}**{_text(right, Power.UNARY)}"
        case Binary(operator=operator, left=left, right=right):
            power = BINARY[operator]
            return f"{_text(left, power)} {operator} {_text(right, power.tighter)}"
        case Logic(operator=operator, left=left, right=right):
            power = _power(expression)
            return f"{_text(left, power)} {operator} {_text(right, power.tighter)}"
        case Compare(first=first, rest=rest):
            operand_power = Power.COMPARE.tighter
            return " ".join([_text(first, operand_power), *(f"{o} {_text(e, operand_power)}" for o, e in rest)])
        case Conditional(test=test, then=then, otherwise=otherwise):
            return f"{_text(then, Power.OR)} if {_text(test, Power.OR)} else {_text(otherwise, Power.CONDITIONAL)}"
        case CallExpr(callee=callee, arguments=arguments, keywords=keywords):
            written = [*(unparse(a) for a in arguments), *(f"{k.name}={unparse(k.value)}" for k in keywords)]
            return f"{_text(callee, Power.ATOM)}({', '.join(written)})"
        case Attribute(value=value, name=name):
            return f"{_whole(value)}.{name}"
        case Index(value=value, items=items):
            return f"{_whole(value)}[{_commas(items)}]"
        case Slice(start=start, stop=stop, step=step):
            ends = ":".join("" if e is None else unparse(e) for e in (start, stop))
            return ends if step is None else f"{ends}:{unparse(step)}"
        case Comprehension(value=value, targets=targets, iterable=iterable, condition=condition):
            head = f"{unparse(value)} for {targets_text(targets)} in {_text(iterable, Power.OR)}"
            return f"[{head}]" if condition is None else f"[{head} if {_text(condition, Power.OR)}]"


def targets_text(targets: Targets) -> str:
    """What a loop binds, as it is written before `in`: `s, (c, n)`."""
    return ", ".join(t if isinstance(t, str) else f"({targets_text(t)})" for t in targets)


def _commas(items: tuple[Expr, ...]) -> str:
    return ", ".join(map(unparse, items))


def _whole(value: Expr) -> str:
    """Before `.name` and `[…]`: a number would swallow the dot, and so would `...`."""
    if isinstance(value, Literal) and not isinstance(value.value, str):
        return f"({_bare(value)})"
    return _text(value, Power.ATOM)


def _literal(value: object) -> str:
    if value is Ellipsis:
        return "..."
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise TypeError(f"no literal of the language holds a {type(value).__name__}")


def _escaped(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""Python source as syntax trees: checked names, literals, calls, and the printer that breaks long lines.

Text of a spec gets into emitted source in two ways only: as an identifier that `name` has checked, and as the content
of a quoted string constant. Everything else is made here, from numbers and names of our own.
"""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from nnc.compiler.diagnostics import Span
from nnc.compiler.types.dtype import DType

__all__ = [
    "WIDTH", "Line", "Marks", "attribute", "binary", "call", "definition", "dotted", "index", "is_attribute", "is_identifier",
    "literal", "member", "name", "numbered", "render", "text",
]  # fmt: skip

WIDTH = 100  # columns a statement may take before it is broken
_OPERATORS: Mapping[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "//": ast.FloorDiv(), "%": ast.Mod(),
    "**": ast.Pow(), "@": ast.MatMult(), "&": ast.BitAnd(), "|": ast.BitOr(), "^": ast.BitXor(),
}  # fmt: skip
_SYMBOLS = {type(operator): symbol for symbol, operator in _OPERATORS.items()}
_COMPARISONS: Mapping[str, ast.cmpop] = {
    "==": ast.Eq(), "!=": ast.NotEq(), "<": ast.Lt(), "<=": ast.LtE(), ">": ast.Gt(), ">=": ast.GtE(),
}  # fmt: skip


# -- names -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def is_identifier(word: str) -> bool:
    """ASCII only: Python folds other letters (`ﬁ` is `fi`), and two names of a spec must not become one."""
    return word.isascii() and word.isidentifier() and not keyword.iskeyword(word)


def name(word: str) -> ast.Name:
    """Raises ValueError for what is no identifier."""
    if not is_identifier(word):
        raise ValueError(f"{word!r} is not an identifier")
    return ast.Name(word)


def attribute(base: ast.expr, *words: str) -> ast.expr:
    """`base.a.b`; the names are those of torch's API or checked here."""
    for word in words:
        if not is_identifier(word):
            raise ValueError(f"{word!r} is not an identifier")
        base = ast.Attribute(base, word)
    return base


def is_attribute(word: str) -> bool:
    """Whether `self.word` means just that: a name with two leading underscores would be mangled inside a class."""
    return is_identifier(word) and not word.startswith("__")


def member(base: ast.expr, word: str) -> ast.expr:
    """A module's child or parameter: `base.word`, or `getattr(base, "word")` for a name that Python cannot spell."""
    return ast.Attribute(base, word) if is_attribute(word) else call(ast.Name("getattr"), [base, literal(word)])


def dotted(path: str) -> ast.expr:
    """`nn.Conv2d`, `torch.cat`."""
    first, *rest = path.split(".")
    return attribute(name(first), *rest)


# -- literals ----------------------------------------------------------------------------------------------------------


def literal(value: Any) -> ast.expr:
    """None, a bool, int, float, str or dtype, or a tuple, list or mapping of these. Raises TypeError for any other."""
    if isinstance(value, DType):
        return attribute(name("torch"), value.value)
    if value is None or value is ... or isinstance(value, bool):
        return ast.Constant(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return ast.Name(_quoted(value))
    if isinstance(value, tuple):
        return ast.Tuple([literal(v) for v in value])
    if isinstance(value, list):
        return ast.List([literal(v) for v in value])
    if isinstance(value, Mapping):
        return ast.Dict([literal(k) for k in value], [literal(v) for v in value.values()])
    raise TypeError(f"{type(value).__name__} has no literal")


def _number(value: int | float) -> ast.expr:
    if math.isnan(value):
        return call(name("float"), [literal("nan")])
    if math.copysign(1, value) < 0:
        return ast.UnaryOp(ast.USub(), _number(-value))
    if math.isinf(value):
        return call(name("float"), [literal("inf")])
    if isinstance(value, int):
        return ast.Constant(int(value))
    mantissa, e, exponent = repr(float(value)).partition("e")
    return ast.Name(f"{mantissa}{e}{int(exponent)}" if e else mantissa)  # 1e-5, where repr says 1e-05


def _quoted(value: str) -> str:
    """A double-quoted ASCII literal of exactly `value`. A Constant would get single quotes; a Name is printed as is."""
    inner = ascii(value)[1:-1]
    if ascii(value)[0] == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


def numbered(prefix: str, counter: str) -> ast.expr:
    """`f"{prefix}{counter}"`, as an f-string of the text and the variable."""
    words = _quoted(prefix.replace("{", "{{").replace("}", "}}"))
    return ast.Name(f'f{words[:-1]}{{{name(counter).id}}}"')


# -- expressions -------------------------------------------------------------------------------------------------------


def call(
    function: ast.expr, arguments: Iterable[ast.expr] = (), keywords: Mapping[str, ast.expr] | None = None
) -> ast.Call:
    given = [ast.keyword(name(word).id, value) for word, value in (keywords or {}).items()]
    return ast.Call(function, list(arguments), given)


def binary(operator: str, left: ast.expr, right: ast.expr) -> ast.expr:
    """`left operator right`, arithmetic or comparison."""
    if operator in _COMPARISONS:
        return ast.Compare(left, [_COMPARISONS[operator]], [right])
    return ast.BinOp(left, _OPERATORS[operator], right)


def index(base: ast.expr, at: ast.expr | int) -> ast.expr:
    return ast.Subscript(base, literal(at) if isinstance(at, int) else at)


def text(node: ast.expr) -> str:
    """The expression on one line."""
    return _usual(node) or ast.unparse(node)


def _usual(node: ast.expr) -> str:
    """What `ast.unparse` says of names, whole numbers, attributes and calls, of their sums and of lists of them: of most that
    is written, in a tenth of the time; "" for anything else."""
    match node:
        case ast.Name(id=word):
            return word
        case ast.Constant(value=None | bool() | int()):
            return repr(node.value)
        case ast.Attribute(value=ast.Name() | ast.Attribute() | ast.Call() as base, attr=word):
            inner = _usual(base)
            return f"{inner}.{word}" if inner else ""
        case ast.Call(func=ast.Name() | ast.Attribute() as function, args=arguments, keywords=keywords):
            parts = [_usual(function), *map(_usual, arguments), *(_usual(k.value) for k in keywords)]
            if not all(parts) or any(k.arg is None for k in keywords):
                return ""
            words = [f"{k.arg}={part}" for k, part in zip(keywords, parts[1 + len(arguments) :], strict=True)]
            return f"{parts[0]}({', '.join([*parts[1 : 1 + len(arguments)], *words])})"
        case ast.Tuple(elts=[_, _, *_] as items) | ast.List(elts=[_, *_] as items):
            parts = [*map(_usual, items)]
            begin, end = "()" if isinstance(node, ast.Tuple) else "[]"
            return f"{begin}{', '.join(parts)}{end}" if all(parts) else ""
        case ast.BinOp(
            left=ast.Name() | ast.Attribute() | ast.Call() as left,
            op=operator,
            right=ast.Name() | ast.Attribute() | ast.Call() as right,
        ):
            parts = [_usual(left), _usual(right)]
            return f"{parts[0]} {_SYMBOLS[type(operator)]} {parts[1]}" if all(parts) else ""
    return ""


# -- statements --------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One line of source, and the place in the spec that it comes from."""

    text: str
    span: Span | None = None


@dataclass(slots=True)
class Marks:
    """What the printer must know of an expression beside its tree: parts of it that have their own place in the spec,
    and calls whose arguments stand on lines of their own even if they would fit into one. A Name of `trees` is the text of
    an expression that has been written before; its tree is needed only where it must be broken."""

    spans: dict[ast.expr, Span] = field(default_factory=dict)
    opened: set[ast.expr] = field(default_factory=set)
    trees: dict[ast.expr, ast.expr] = field(default_factory=dict)


def definition(function: str, parameters: Sequence[str], result: str, span: Span) -> list[Line]:
    """`def forward(self, x: Tensor) -> Tensor:` of a method, each parameter on a line of its own where they are many."""
    flat = f"    def {function}({', '.join(parameters)}) -> {result}:"
    if len(flat) <= WIDTH:
        return [Line(flat, span)]
    inner = [Line(f"        {p},", span) for p in parameters]
    return [Line(f"    def {function}(", span), *inner, Line(f"    ) -> {result}:", span)]


def render(head: str, node: ast.expr, indent: int, span: Span | None, marks: Marks, tail: str = "") -> list[Line]:
    """`head` + the expression + `tail`, broken after brackets where it does not fit or is marked to be."""
    span = marks.spans.get(node, span)
    space = " " * indent
    if (
        isinstance(node, ast.Name) and indent + len(head) + len(node.id) + len(tail) <= WIDTH
    ):  # what most lines end with
        return [Line(f"{space}{head}{node.id}{tail}", span)]
    flat = None if _holds_opened(node, marks) else f"{space}{head}{text(node)}{tail}"
    if flat is not None and len(flat) <= WIDTH:
        return [Line(flat, span)]
    node = marks.trees.get(node, node)
    match node:
        case ast.Starred(value=value):
            return render(f"{head}*", value, indent, span, marks, tail)
        case ast.Call(func=function, args=arguments, keywords=keywords) if arguments or keywords:
            parts = [("", a) for a in arguments] + [(f"{k.arg}=", k.value) for k in keywords]
            if len(parts) == 1 and _hugs(
                parts[0][1], marks
            ):  # nn.Sequential(OrderedDict([ … ])): one level of indentation
                return render(f"{head}{text(function)}({parts[0][0]}", parts[0][1], indent, span, marks, f"){tail}")
            return _broken(f"{head}{text(function)}(", parts, f"){tail}", indent, span, marks)
        case ast.List(elts=items) if items:
            return _broken(f"{head}[", [("", i) for i in items], f"]{tail}", indent, span, marks)
        case ast.Tuple(elts=items) if items:
            return _broken(f"{head}(", [("", i) for i in items], f"){tail}", indent, span, marks)
        case ast.Dict(keys=keys, values=values) if values:
            pairs = [(f"{text(k)}: ", v) for k, v in zip(keys, values, strict=True) if k is not None]
            return _broken(f"{head}{{", pairs, f"}}{tail}", indent, span, marks)
        case ast.GeneratorExp(elt=element, generators=[loop]):
            inner = render("", element, indent + 4, span, marks)
            turns = f"for {text(loop.target)} in {text(loop.iter)}"
            return [
                Line(f"{space}{head}(", span),
                *inner,
                Line(f"{space}    {turns}", span),
                Line(f"{space}){tail}", span),
            ]
    return [Line(f"{space}{head}{text(node)}{tail}", span)]


def _broken(
    head: str, parts: Sequence[tuple[str, ast.expr]], tail: str, indent: int, span: Span | None, marks: Marks
) -> list[Line]:
    space = " " * indent
    lines = [Line(f"{space}{head}", span)]
    for prefix, part in parts:
        lines += render(prefix, part, indent + 4, span, marks, ",")
    return [*lines, Line(f"{space}{tail}", span)]


def _hugs(node: ast.expr, marks: Marks) -> bool:
    node = marks.trees.get(node, node)
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return _hugs(node.args[0], marks)
    return isinstance(node, ast.List | ast.DictComp)


def _holds_opened(node: ast.expr, marks: Marks) -> bool:
    """Whether it, or something in it, is marked. Calls of plain values, most of what is written, are not walked."""
    if not marks.opened or isinstance(node, _PLAIN):
        return False
    if node in marks.opened:
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        return any(_holds_opened(part, marks) for part in (*node.args, *(k.value for k in node.keywords)))
    return any(n in marks.opened for n in ast.walk(node))


_PLAIN = (ast.Constant, ast.Name)

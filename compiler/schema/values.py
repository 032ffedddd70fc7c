"""Parts of the tree as expressions: a value of the mapping form is literal but for `${…}` and `$name`, an expression is
all text.

    stride: 2            →  Literal(2)            if: stride != 1       →  Compare(…)
    planes: $width       →  Name("width")         repeat: 3             →  Literal(3)
    kernel_size: [3, 5]  →  Items(…)              let: {half: dim // 2} →  Binary(…)

Every function gives None after its fault was reported.
"""

from __future__ import annotations

import math

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr.parser import parse, parse_loop
from nnc.compiler.expr.template import parse_template
from nnc.compiler.expr.tree import Dictionary, Expr, Items, Keyword, Literal, Name, Unary
from nnc.compiler.schema.spec import Loop, Template
from nnc.compiler.source.tree import Mapping, Scalar, Sequence, Tree

__all__ = ["first_line", "read_expression", "read_keywords", "read_loop", "read_template", "read_value"]


def first_line(node: Tree) -> Span:
    """Where a caret goes: the characters of a scalar, of a list or mapping its first line."""
    if isinstance(node, Scalar):
        return node.content
    end = node.span.source.text.find("\n", node.span.start, node.span.end)
    return node.span if end < 0 else Span(node.span.source, node.span.start, end)


def read_value(node: Tree, problems: Problems) -> Expr | None:
    """A value of the mapping form."""
    return _read(node, problems, computed=False)


def read_expression(node: Tree, problems: Problems) -> Expr | None:
    """A value whose texts are expressions (`if`, `repeat`, `let`, `from`)."""
    return _read(node, problems, computed=True)


def read_keywords(node: Tree | None, problems: Problems, *, computed: bool) -> tuple[Keyword, ...] | None:
    """A mapping as keywords. `computed`: its texts are expressions."""
    if not isinstance(node, Mapping):
        return () if node is None else None
    keywords = []
    for entry in node.entries:
        value = _read(entry.value, problems, computed=computed)
        if value is not None:
            keywords.append(Keyword(str(entry.key.value), value, entry.key.content))
    return tuple(keywords) if len(keywords) == len(node.entries) else None


def read_loop(node: Tree, problems: Problems) -> Loop | None:
    """`s, n in enumerate(layers)`."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    loop = parse_loop(node.value, node.content, problems)
    return Loop(*loop, node.content) if loop is not None else None


def read_template(key: Scalar, problems: Problems) -> Template | None:
    """An entry's key."""
    parts = parse_template(str(key.value), key.content, problems)
    return Template(parts, key.content) if parts is not None else None


def _read(node: Tree, problems: Problems, *, computed: bool) -> Expr | None:
    match node:
        case Scalar():
            return _scalar(node, problems, computed=computed)
        case Sequence(items=children, span=span):
            items = [_read(child, problems, computed=computed) for child in children]
            complete = [i for i in items if i is not None]
            return Items(tuple(complete), span) if len(complete) == len(items) else None
        case Mapping(span=span):
            keywords = read_keywords(node, problems, computed=computed)
            if keywords is None:
                return None
            return Dictionary(tuple((Literal(k.name, k.span), k.value) for k in keywords), span)


def _scalar(node: Scalar, problems: Problems, *, computed: bool) -> Expr | None:
    value, span = node.value, node.content
    if isinstance(value, str):
        return _text(value, span, problems, computed=computed)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, span)
    return Literal(value, span)


def _number(value: int | float, span: Span) -> Expr:
    """As the expression parser reads it: a sign is an operator, and infinity a name."""
    if math.isnan(value):
        return Name("nan", span)
    if math.copysign(1, value) < 0:
        return Unary("-", _number(-value, span), span)
    return Name("inf", span) if math.isinf(value) else Literal(value, span)


def _text(text: str, span: Span, problems: Problems, *, computed: bool) -> Expr | None:
    if computed and not text.lstrip().startswith("${"):
        return parse(text, span, problems)
    parts = parse_template(text, span, problems)
    if parts is None:
        return None
    if not parts:
        return Literal("", span)
    if len(parts) == 1:
        return Literal(parts[0], span) if isinstance(parts[0], str) else parts[0]
    problems.error(
        "NNC0213",
        span,
        "a computed value stands alone: text beside `${…}` is for keys",
        notes=("write one expression for the whole: `${…}`",),
    )
    return None

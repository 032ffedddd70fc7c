"""The two spellings of a call: arguments by position or by name, as a call string or as keys.

Conv2d(64, 3, bias=False)    ⇄    {type: Conv2d, out_channels: 64, kernel_size: 3, bias: false}
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from nnc.compiler.expr.tree import Attribute, CallExpr, Expr, Items, Keyword, Literal, Name
from nnc.compiler.expr.unparse import unparse
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.names import CONTROL_KEYS
from nnc.compiler.schema.spec import BlockDecl, LayerCall, StoredDecl

__all__ = ["PREFIXES", "Speller", "names_layer", "respaced", "spelled"]

PREFIXES = frozenset({"nn", "torch", "F", "torchvision"})  # how layers are called in Python

_NUMBER = re.compile(r"[0-9][0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?")


def spelled(expr: Expr) -> str:
    """The expression's text, with numbers as their author wrote them: `1e-6` stays `1e-6`."""
    match expr:
        case Literal(value=float() as value) if _NUMBER.fullmatch(expr.span.text) and float(expr.span.text) == value:
            return expr.span.text
        case Items(items=items, bracket="["):
            return f"[{', '.join(map(spelled, items))}]"
    return unparse(expr)


def respaced(text: str, expr: Expr) -> str:
    """`text`, which reads as `expr`, with canonical spaces; unchanged where the canonical text differs in more."""
    canonical = unparse(expr)
    return canonical if _squeezed(canonical) == _squeezed(text) else text


def _squeezed(text: str) -> str:
    return "".join(text.split())


def names_layer(expr: Expr, blocks: Container[str], imports: Container[str] = ()) -> bool:
    """Whether an entry's text is a call of a layer, not a tensor expression: an upper-case name, a block's, one of own
    code."""
    called = isinstance(expr, CallExpr)
    match expr.callee if isinstance(expr, CallExpr) else expr:
        case Name(name=name):
            return name[:1].isupper() or name in blocks
        case Attribute(value=Name(name=root), name=name):
            return root in imports or (name[:1].isupper() and (called or root in PREFIXES))
        case Attribute(name=name):
            return called and name[:1].isupper()
    return False


class Speller:
    """Knows the names and the order of arguments, as far as the catalogue and the file's blocks say them."""

    def __init__(self, blocks: Mapping[str, BlockDecl], catalogue: Catalogue | None) -> None:
        self.blocks, self.catalogue = blocks, catalogue

    def by_name(self, call: LayerCall) -> tuple[tuple[Expr, ...], tuple[Keyword, ...]]:
        """The arguments, all by name where the names are known here and none is given twice."""
        names = [n for n, _ in self._parameters(call)][: len(call.arguments)]
        given = {k.name for k in call.keywords}
        if len(names) < len(call.arguments) or given & set(names) or CONTROL_KEYS & (given | set(names)):
            return call.arguments, call.keywords
        named = (Keyword(n, a, a.span) for n, a in zip(names, call.arguments, strict=True))
        return (), (*named, *call.keywords)

    def by_position(self, call: LayerCall) -> tuple[tuple[Expr, ...], tuple[Keyword, ...]]:
        """The arguments as PyTorch users write them: what is required first and without its name."""
        if call.arguments:
            return call.arguments, call.keywords
        given = {k.name: k for k in call.keywords}
        leading: list[Keyword] = []
        for name, required in self._parameters(call):
            if not required or name not in given:
                break
            leading.append(given.pop(name))
        return tuple(k.value for k in leading), tuple(k for k in call.keywords if k.name in given)

    def call_text(self, call: LayerCall | StoredDecl) -> str:
        """`Conv2d(64, 3, bias=False)`; a call without arguments is the bare name."""
        if isinstance(call, LayerCall):
            head = str(call.callee.value) if isinstance(call.callee, Literal) else unparse(call.callee)
            arguments, keywords = self.by_position(call)
        else:
            head, arguments, keywords = call.kind.capitalize(), call.arguments, call.keywords
        inner = [*map(spelled, arguments), *(f"{k.name}={spelled(k.value)}" for k in keywords)]
        return f"{head}({', '.join(inner)})" if inner else head

    def _parameters(self, call: LayerCall) -> list[tuple[str, bool]]:
        """Parameters by position, each with whether it is required. None are known for a function: what flows in stands
        before its arguments or among them."""
        name = call.callee.name if isinstance(call.callee, Name) else ""
        if name in self.blocks:
            return [(a.name, a.default is None) for a in self.blocks[name].args]
        op = self.catalogue[name] if self.catalogue is not None and name in self.catalogue else None
        if op is None or op.form == "function" or any(a.variadic for a in op.positional):
            return []
        return [(a.name, a.required) for a in op.positional]

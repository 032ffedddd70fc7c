"""What the text of an entry says: a layer, a stored tensor, another spec, or a tensor expression.

Conv2d(64, 3)              LayerCall
Conv2d(64, 3)(x)           LayerCall, with the values that it takes
LSTM(8)(x, flag=True)      … and with keywords of `forward` that are no tensors
Parameter([1, 1, dim])     StoredDecl
zoo:resnet50(10)           LayerCall of a file
relu(bn3 + downsample)     Formula
"""

from __future__ import annotations

import re
from dataclasses import replace

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.lexer import is_name
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.template import parse_template
from nnc.compiler.expr.tree import Attribute, CallExpr, Expr, Items, Keyword, Literal, Name, Unary
from nnc.compiler.records import record
from nnc.compiler.schema.spec import Action, Formula, LayerCall, StoredDecl, Wiring
from nnc.compiler.schema.spelling import PREFIXES, names_layer
from nnc.compiler.schema.stamps import Stamps
from nnc.compiler.source.location import split_variant

__all__ = ["CallStrings", "CalledOn", "is_constant"]

_STORED = {"Parameter": "parameter", "Buffer": "buffer"}


@record(frozen=True, slots=True)
class CalledOn:
    """What stands in a second pair of parentheses: the values, where any are named, and constants for `forward`."""

    values: Wiring | None
    call: tuple[Keyword, ...] = ()


Said = tuple[Action | None, CalledOn | None]


class CallStrings:
    """Reads the texts of one file's entries. `blocks` are the names of its blocks, `imports` those of its own code."""

    def __init__(self, problems: Problems, blocks: frozenset[str], imports: frozenset[str]) -> None:
        self.problems, self.blocks, self.imports = problems, blocks, imports
        self._said: Stamps[Said] = Stamps()
        self._heads: Stamps[Expr] = Stamps()

    def read(self, text: str, span: Span) -> Said:
        """What a text says: a layer by an upper-case name or a block's, a stored tensor, else a tensor expression; and the
        values that it is called on, as in `Conv2d(64, 3)(x)`. No action after its fault was reported."""
        known = self._said.put(text, span)
        if known is not None:
            return known
        said = self._read_anew(text, span)
        return said if said[0] is None else self._said.keep(text, span, said)

    def _read_anew(self, text: str, span: Span) -> Said:
        of_file = _names_file(text)
        expression = self._called_file(text, span) if of_file else self._parse(text, span)
        if expression is None:
            return None, None
        if isinstance(expression, CallExpr) and isinstance(expression.callee, CallExpr):
            inner, called_on = expression.callee, self.called_on(expression)
            action = self.action(inner.callee, inner.arguments, inner.keywords, span)
            if isinstance(action, StoredDecl):
                self.problems.error("NNC0207", expression.span, "a tensor of the module's own takes no values")
                return None, None
            return (action, called_on) if called_on is not None else (None, None)
        if not of_file and not names_layer(expression, self.blocks, self.imports):
            return Formula(expression, span), None
        if not isinstance(expression, CallExpr):
            return self.action(expression, (), (), span), None
        return self.action(expression.callee, expression.arguments, expression.keywords, span), None

    def called_on(self, call: CallExpr) -> CalledOn | None:
        """The second pair of parentheses, `(query, key, value, need_weights=False)`: a constant by name is no tensor."""
        named = tuple(k for k in call.keywords if not is_constant(k.value))
        constants = tuple(k for k in call.keywords if is_constant(k.value))
        if call.arguments and named:
            first = named[0]
            notes = (f"name the others too, `…(query=…, {first.name}=…)`; `nnc layers NAME` shows the names",)
            message = "a layer takes its values by position or by name, not both"
            self.problems.error("NNC0207", first.span, message, notes=notes)
            return None
        if named:
            return CalledOn(Wiring(call.span, by_name=named), constants)
        if not call.arguments and not constants:
            fix = Fix("name them, or leave the second pair of parentheses out")
            self.problems.error("NNC0207", call.span, "the values that the layer is called on are missing", fix=fix)
            return None
        if len(call.arguments) == 1:
            return CalledOn(Wiring(call.span, single=call.arguments[0]), constants)
        return CalledOn(Wiring(call.span, several=call.arguments) if call.arguments else None, constants)

    def _parse(self, text: str, span: Span) -> Expr | None:
        if is_name(text):
            return Name(text, span)
        return parse(text, span, self.problems, applied=True)

    def action(
        self, callee: Expr, arguments: tuple[Expr, ...], keywords: tuple[Keyword, ...], span: Span
    ) -> LayerCall | StoredDecl | None:
        if isinstance(callee, Attribute) and not self._unprefixed(callee):
            return None
        if isinstance(callee, Name) and callee.name in _STORED and callee.name not in self.blocks:
            return StoredDecl(_STORED[callee.name], arguments, keywords, span)
        return LayerCall(callee, arguments, keywords, span)

    def _unprefixed(self, callee: Attribute) -> bool:
        """Refuses `nn.Linear`: a spec has no Python modules, and needs none."""
        root = callee.value
        while isinstance(root, Attribute):
            root = root.value
        if not isinstance(root, Name) or root.name not in PREFIXES or root.name in self.imports:
            return True
        fix = Fix(f"write `{callee.name}`", callee.span, callee.name)
        self.problems.error("NNC0301", callee.span, "layers are written without a prefix", fix=fix)
        return False

    # -- `type:` -------------------------------------------------------------------------------------------------------

    def head(self, text: str, span: Span) -> Expr | None:
        """The name or the call in `type:`: `Conv2d`, `$norm`, `Bottleneck(64, stride=2)`, `Linear(8)(x)`, `zoo:resnet50(10)`.
        None after its fault was reported."""
        known = self._heads.put(text, span)
        if known is not None:
            return known
        head = self._head_anew(text, span)
        return None if head is None else self._heads.keep(text, span, head)

    def _head_anew(self, text: str, span: Span) -> Expr | None:
        if _names_file(text):
            return self._called_file(text, span)
        parts = parse_template(text, span, self.problems) if text.startswith("${") else None
        if parts is not None and len(parts) == 1 and not isinstance(parts[0], str):
            expression: Expr | None = parts[0]
        elif text.startswith("${"):
            return None
        else:
            expression = self._parse(text, span)
        match expression:
            case None | CallExpr() | Name() | Attribute():
                return expression
        self.problems.error(
            "NNC0212",
            span,
            "`type:` is a layer's name, or a call of one",
            notes=("a tensor expression stands under `expr:`, or is written without a mapping",),
        )
        return None

    # -- files ---------------------------------------------------------------------------------------------------------

    def _called_file(self, text: str, span: Span) -> Expr | None:
        """`./backbone.yaml`, `zoo:resnet50(num_classes=10)`: the last word of the file's name stands for it in the call."""
        head, _, _ = text.partition("(")
        if head == text:
            return Literal(text, span)
        start = re.search(r"\w*$", head)
        assert start is not None
        call = self._parse(text[start.start() :], span.sub(start.start(), len(text)))
        reference = Literal(head, span.sub(0, len(head)))
        match call:
            case CallExpr(callee=CallExpr(callee=Name())) as applied:
                assert isinstance(applied.callee, CallExpr)
                return replace(applied, callee=replace(applied.callee, callee=reference))
            case CallExpr(callee=Name()):
                return replace(call, callee=reference)
        if call is not None:
            self.problems.error("NNC0212", span, "a spec as a layer is its file's name, or a call of it")
        return None


def is_constant(expr: Expr) -> bool:
    match expr:
        case Literal():
            return True
        case Unary(operand=operand):
            return is_constant(operand)
        case Items(items=items):
            return all(map(is_constant, items))
    return False


def _names_file(text: str) -> bool:
    """`./backbone.yaml`, `../a.yaml`, `zoo:resnet50`: another spec as a layer."""
    head = text.partition("(")[0]
    if "." not in head and ":" not in head:
        return False
    return head.startswith(("./", "../", "zoo:")) or split_variant(head)[0].endswith((".yaml", ".yml", ".json"))

"""Known values in `data:` and `train:`: numbers, texts, lists, arithmetic on the spec's arguments. No tensors, no
loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nnc.compiler.diagnostics import Fix, Span
from nnc.compiler.expr import statics
from nnc.compiler.expr.tree import (
    Attribute,
    Binary,
    CallExpr,
    Compare,
    Conditional,
    Dictionary,
    Expr,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Unary,
    children,
)
from nnc.compiler.training.vocabulary.kinds import INTERPOLATION
from nnc.compiler.types.dtype import DType

__all__ = ["Unknown", "did_you_mean", "evaluate", "names_in"]

# Spellings of torch's enumerations and dtypes, as the texts that stand for them: `torch.float32`,
# `InterpolationMode.BILINEAR`.
_ATTRIBUTES = (
    {("torch", d.value): d.value for d in DType}
    | {("InterpolationMode", i.upper().replace("-", "_")): i for i in INTERPOLATION}
    | {("AutoAugmentPolicy", p.upper()): p for p in ("imagenet", "cifar10", "svhn")}
)


class Unknown(Exception):
    """Why an expression has no value: one sentence at one place."""

    def __init__(
        self, span: Span, message: str, code: str = "NNC0819", fix: Fix | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.span, self.message, self.code, self.fix, self.notes = span, message, code, fix, notes


def names_in(expr: Expr) -> Iterator[str]:
    """Every name that an expression mentions."""
    if isinstance(expr, Name):
        yield expr.name
    for child in children(expr):
        yield from names_in(child)


def evaluate(expr: Expr, names: Mapping[str, Any], call: Callable[[CallExpr | Name], Any] | None = None) -> Any:
    """The value of an expression: None, bool, int, float, str, tuples and dicts of these. `call` makes the value of a
    name or call that begins with a capital letter. Raises `Unknown`."""
    match expr:
        case Literal(value=value):
            if value is Ellipsis:
                raise Unknown(expr.span, "`...` means nothing here")
            return value
        case Name(name=name):
            return _name(expr, name, names, call)
        case Items(items=items):
            return tuple(evaluate(i, names, call) for i in items)
        case Dictionary(items=pairs):
            return {_key(k, names): evaluate(v, names, call) for k, v in pairs}
        case Attribute(value=Name(name=owner), name=name) if (owner, name) in _ATTRIBUTES:
            return _ATTRIBUTES[owner, name]
        case Conditional(test=test, then=then, otherwise=otherwise):
            return evaluate(then if _truth(test, names) else otherwise, names, call)
        case Logic(operator=operator, left=left, right=right):
            return evaluate(right if _truth(left, names) is (operator == "and") else left, names, call)
        case CallExpr(callee=Name(name=name)) if name[:1].isupper() and call is not None:
            return call(expr)
        case Unary() | Binary() | Compare() | Index() | CallExpr():
            return _static(expr, names)
    raise Unknown(expr.span, "this cannot be computed here: numbers, texts, lists and arithmetic can")


def _static(expr: Unary | Binary | Compare | Index | CallExpr, names: Mapping[str, Any]) -> Any:
    try:
        match expr:
            case Unary(operator=operator, operand=operand):
                return statics.unary(operator, evaluate(operand, names))
            case Binary(operator=operator, left=left, right=right):
                return statics.binary(operator, evaluate(left, names), evaluate(right, names))
            case Compare(first=first, rest=rest):
                return _compare(first, rest, names)
            case Index(value=value, items=items):
                return statics.index(evaluate(value, names), [evaluate(i, names) for i in items])
            case CallExpr(callee=callee):
                return _function(expr, callee, names)
    except statics.StaticError as error:
        raise Unknown(expr.span, str(error), error.code) from None


def _compare(first: Expr, rest: tuple[tuple[str, Expr], ...], names: Mapping[str, Any]) -> bool:
    left = evaluate(first, names)
    for operator, expr in rest:
        right = evaluate(expr, names)
        if not statics.compare(operator, left, right):
            return False
        left = right
    return True


def _function(expr: CallExpr, callee: Expr, names: Mapping[str, Any]) -> Any:
    if not isinstance(callee, Name) or callee.name not in statics.FUNCTIONS:
        known = sorted(statics.FUNCTIONS)
        fix = did_you_mean(callee.name, callee.span, known) if isinstance(callee, Name) else None
        raise Unknown(
            callee.span,
            "this is no function that works on known values",
            fix=fix,
            notes=(f"there are {', '.join(known)}",),
        )
    arguments = [evaluate(a, names) for a in expr.arguments]
    try:
        return statics.FUNCTIONS[callee.name](*arguments, **{k.name: evaluate(k.value, names) for k in expr.keywords})
    except TypeError:
        raise Unknown(expr.span, f"`{callee.name}` is called with the wrong number or names of arguments") from None


def _name(expr: Name, name: str, names: Mapping[str, Any], call: Callable[[CallExpr | Name], Any] | None) -> Any:
    if name in names:
        return names[name]
    if name in DType.__members__:
        return name
    if name[:1].isupper() and call is not None:
        return call(expr)
    known = [*names, *(d.value for d in DType)]
    raise Unknown(
        expr.span, f"there is no `{name}` here", fix=did_you_mean(name, expr.span, known), notes=_offer(names)
    )


def _offer(names: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"known here: {', '.join(sorted(names))}",) if names else ()


def _key(expr: Expr, names: Mapping[str, Any]) -> str:
    key = evaluate(expr, names)
    if not isinstance(key, str):
        raise Unknown(expr.span, "a key is a text")
    return key


def _truth(expr: Expr, names: Mapping[str, Any]) -> bool:
    try:
        return statics.truth(evaluate(expr, names))
    except statics.StaticError as error:
        raise Unknown(expr.span, str(error), error.code) from None


def did_you_mean(word: str, span: Span, candidates: list[str]) -> Fix | None:
    from nnc.compiler.suggest import closest

    best = next((c for c in candidates if c.lower() == word.lower()), None) or closest(word, candidates)
    return Fix(f"did you mean `{best}`?", span, best) if best is not None else None

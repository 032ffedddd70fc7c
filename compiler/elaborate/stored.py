"""Tensors that a module owns: `Parameter([1, 1, dim])`, `Buffer(tril(ones([T, T])), persistent=False)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnc.compiler.elaborate.calls import said
from nnc.compiler.elaborate.evaluate import Evaluator
from nnc.compiler.elaborate.expand import Pending
from nnc.compiler.elaborate.scope import Binding, Builder
from nnc.compiler.expr import statics
from nnc.compiler.graph.ir import Node, Stored, Value
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.schema.spec import StoredDecl
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

if TYPE_CHECKING:
    from nnc.compiler.elaborate.body import BodyElaborator

__all__ = ["stored"]


def stored(at: BodyElaborator, item: Pending, evaluator: Evaluator, decl: StoredDecl) -> Binding:
    """`Parameter([1, 1, dim])`, `Buffer(tril(ones([T, T])), persistent=False)`."""
    context = at.context
    title = decl.kind.capitalize()
    options = _stored_options(evaluator, decl, title)
    if len(decl.arguments) != 1:
        raise context.fail("NNC0303", decl.span, f"{title} takes one argument: a shape, or the tensor it starts with")
    builder = Builder(parent=at.builder)
    value = Evaluator(context, item.scope.child(builder)).value(decl.arguments[0])
    span = decl.arguments[0].span
    if builder.captures:
        raise context.fail("NNC0310", span, f"a {decl.kind} starts from known numbers, not from tensors that flow")
    if isinstance(value, tuple):
        free = next((d for d in value if isinstance(d, Dim)), None)
        if free is not None:
            message = f"a {decl.kind}'s shape must be known, but {free} is a free size"
            raise context.fail("NNC0505", span, message, notes=(context.advice(free),))
        if not all(isinstance(d, int) and not isinstance(d, bool) and d >= 0 for d in value):
            raise context.fail("NNC0305", span, f"a shape is a list of sizes ≥ 0, this is {said(value)}")
        kind = TensorType(value, options.get("dtype", DType.float32))
    else:
        kind = evaluator.one(value, span).type
        if options.get("dtype", kind.dtype) is not kind.dtype:
            message = f"the tensor that this {decl.kind} starts with is {kind.dtype}: say the dtype there"
            raise context.fail("NNC0503", span, message)
        if any(isinstance(d, Dim) for d in kind.shape):
            message = f"a {decl.kind}'s shape must be known, this one is {kind}"
            raise context.fail("NNC0505", span, message, notes=(context.advice(*kind.shape),))
    if options.get("requires_grad", decl.kind == "parameter") and not (kind.dtype.is_floating or kind.dtype.is_complex):
        raise context.fail("NNC0503", span, f"a Parameter holds floating-point numbers, this is {kind.dtype}")
    target = Stored(
        "parameter" if decl.kind == "parameter" else "buffer",
        kind,
        tuple(builder.nodes),
        options.get("persistent", True),
        options.get("requires_grad", True),
    )
    registered = decl.kind if options.get("persistent", True) else "transient"
    shape = tuple(d for d in kind.shape if isinstance(d, int))
    result = Value(item.key, kind, item.span)
    spec = ParameterSpec("", shape, registered, kind.dtype)
    at.builder.add(Node(item.key, target, {}, {}, (result,), item.span, parameters=(spec,)))
    return result


def _stored_options(evaluator: Evaluator, decl: StoredDecl, title: str) -> dict[str, Any]:
    kinds: dict[str, type] = {"dtype": DType, "persistent" if decl.kind == "buffer" else "requires_grad": bool}
    options: dict[str, Any] = {}
    for keyword in decl.keywords:
        if keyword.name not in kinds:
            fix = evaluator.context.did_you_mean(keyword.name, keyword.span, list(kinds))
            raise evaluator.context.fail("NNC0302", keyword.span, f"{title} has no argument `{keyword.name}`", fix=fix)
        value = evaluator.static(keyword.value, f"`{keyword.name}`")
        if not isinstance(value, kinds[keyword.name]):
            wanted = "a dtype" if keyword.name == "dtype" else "true or false"
            message = f"`{keyword.name}` of {title} must be {wanted}, not {statics.describe(value)}"
            raise evaluator.context.fail("NNC0305", keyword.value.span, message)
        options[keyword.name] = value
    return options

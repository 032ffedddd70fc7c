"""Applies an op's rule to bound arguments, and gives its results one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nnc.compiler.ops.call import Call, Refusal
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.tensor import TensorType

__all__ = ["Applied", "apply"]

MAX_ELEMENTS = 2**63 - 1  # torch counts elements, and sizes, in 64 bits


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a rule.

    `form` says how results are referred to: `one` has the single name ""; a `sequence` numbers them ("0", "1", …); a
    `mapping` names them as torch's documentation does ("output", "h_n"). `call` holds the demands, parameters, inferred
    arguments and cost that the rule left.
    """

    results: tuple[tuple[str, TensorType], ...]
    form: Literal["one", "sequence", "mapping"]
    call: Call

    @property
    def type(self) -> TensorType:
        """The only result's type; of several, the first's."""
        return self.results[0][1]


def apply(op: OpDef, arguments: Mapping[str, object]) -> Applied:
    """Runs the rule of `op`.

    `arguments` holds operands (as `TensorType`s, or lists of them) and settings by name, each already of its argument's
    kind; those left out take their defaults, inferred ones None. A variadic argument is the tuple of all its values.
    Raises `Refusal` where torch would raise.
    """
    call = Call(op.name, given=arguments)
    values = dict(arguments)
    for name in op.inferred:
        values.setdefault(name, None)
    try:
        if op.variadic:
            before, name = op.variadic
            leading = [values.pop(n) for n in before]
            many = values.pop(name, ())
            assert isinstance(many, tuple | list)
            outcome = op.rule(call, *leading, *many, **values)
        else:
            outcome = op.rule(call, **values)
    except OverflowError as error:
        raise Refusal("NNC0501", f"{op.name}: {error}") from None
    if isinstance(outcome, TensorType):
        _bounded(op, outcome)
        return Applied((("", outcome),), "one", call)
    if isinstance(outcome, Mapping):
        named, form = tuple(outcome.items()), "mapping"
    else:
        named, form = tuple((str(i), t) for i, t in enumerate(outcome)), "sequence"
    for _, one in named:
        _bounded(op, one)
    return Applied(named, "mapping" if form == "mapping" else "sequence", call)


def _bounded(op: OpDef, result: TensorType) -> None:
    elements = 1
    for size in result.shape:
        if type(size) is int:
            elements *= size
    if elements > MAX_ELEMENTS:
        raise Refusal("NNC0501", f"{op.name} would make a tensor of more than 2**63 elements: {result}")

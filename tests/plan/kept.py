"""What autograd keeps of one op on the CPU, as torch says and as the plan says: bytes beside parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.registry import REQUIRED, OpDef
from nnc.compiler.plan.calls import Call
from nnc.compiler.plan.composites import COMPOSITES
from nnc.compiler.plan.rules import Step, run, tensors_of
from nnc.compiler.plan.tape import Kernel, Storage, Tape, Tensor
from nnc.compiler.types.tensor import TensorType
from tests.ops import oracle

__all__ = ["Kept", "measured", "planned"]

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """`tensors` bytes stay until the backward pass, of operands that are `touched` and of others; `learns`: whether there is
    a backward pass."""

    bytes: int
    learns: bool


def measured(op: OpDef, arguments: Arguments) -> Kept:
    """With gradients for every floating tensor."""
    module = oracle.construct(op, arguments).train() if op.form == "module" else None
    given = {k: _learning(v) for k, v in arguments.items()}
    kept: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with warnings.catch_warnings(), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t), _as_they_are():
        warnings.simplefilter("ignore")
        made = oracle.forward(module, op, given) if module is not None else oracle.call_function(op, given)
    own = [*module.parameters(), *module.buffers()] if module is not None else []
    resident = {t.untyped_storage().data_ptr() for t in own}
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    learns = any(t.requires_grad for t in _flat(made))
    return Kept(sum(n for place, n in storages.items() if place not in resident) if learns else 0, learns)


def planned(op: OpDef, arguments: Arguments) -> Kept:
    """The same on a tape."""
    applied = apply(op, arguments)
    tape = Tape("cpu")
    given = {k: _tensor(v) for k, v in arguments.items()}
    operands = {k: v for k, v in given.items() if tensors_of(v) or op.form == "function"}
    for spec in applied.call.parameters:
        made = Tensor.new(spec.shape, spec.dtype, learns=spec.kind == "parameter", resident=True)
        operands[spec.name] = Tensor(made.shape, made.strides, made.dtype, made.storage, made.learns, spec.name)
    defaults = {a.name: a.default for a in op.arguments if a.default is not REQUIRED and not a.kind.tensor}
    settings = {
        **defaults,
        **applied.call.inferred,
        **{k: v for k, v in arguments.items() if not tensors_of(given[k])},
    }
    results = [(tuple(int(d) for d in t.shape), t.dtype) for _, t in applied.results]
    step = Step(op.name, operands, results, settings, op.family)
    composite = COMPOSITES.get(op.name)
    with tape.frame() as frame:
        call = Call(tape, step, lambda path, inputs: lambda outputs: None)
        frame.give(*(composite(call) if composite is not None else run(tape, step)))
    storages: dict[Storage, None] = {}
    for event in tape.events:
        if isinstance(event, Kernel):
            storages |= dict.fromkeys(event.keeps)
    return Kept(sum(s.bytes for s in storages), any(t.learns for t in frame.given))


def _tensor(value: Any) -> Any:
    if isinstance(value, TensorType):
        floating = value.dtype.is_floating or value.dtype.is_complex
        return Tensor.new([int(d) for d in value.shape], value.dtype, learns=floating)
    if isinstance(value, tuple):
        return tuple(_tensor(v) for v in value)
    return value


def _learning(value: Any) -> Any:
    if isinstance(value, TensorType):
        made = oracle.tensor(value)
        if made.dtype.is_floating_point or made.dtype.is_complex:
            made = (torch.rand(made.shape, dtype=torch.float64) / 2 + 0.25).to(made.dtype).requires_grad_()
        return made
    if isinstance(value, tuple):
        return tuple(_learning(v) for v in value)
    return value


class _as_they_are:
    """The oracle makes tensors of types; here they are made already."""

    def __enter__(self) -> None:
        self.before = oracle.as_torch
        oracle.as_torch = self.convert

    def __exit__(self, *_: object) -> None:
        oracle.as_torch = self.before

    def convert(self, value: Any, ones: bool = False) -> Any:
        if isinstance(value, torch.Tensor):
            return value
        if isinstance(value, tuple | list):
            return type(value)(self.convert(v, ones) for v in value)
        return self.before(value, ones)


def _flat(made: Any) -> list[torch.Tensor]:
    if isinstance(made, torch.Tensor):
        return [made]
    return [t for m in made for t in _flat(m)] if isinstance(made, tuple | list) else []

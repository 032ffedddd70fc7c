"""The end of a forward pass: the losses of `train:`, or what stands for one where a spec has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.plan.rules import Step, run
from nnc.compiler.plan.tape import Tape, Tensor
from nnc.compiler.training.config import LossConfig
from nnc.compiler.types.dtype import DType

__all__ = ["record_losses"]

CLASSES = frozenset({"CrossEntropyLoss", "NLLLoss"})  # whose target is a number for each place


def record_losses(tape: Tape, config: LossConfig | None, outputs: Mapping[str, Tensor]) -> tuple[list[Tensor], int]:
    """Records the losses, after which nobody refers to the outputs; returns them with the bytes of their targets. A loss
    that the spec computes by itself, or does not name, counts as one that keeps a copy of every output."""
    named = {name or "output": tensor for name, tensor in outputs.items()}
    tape.path = "the loss"
    made: list[Tensor] = []
    targets = 0
    terms = config.terms if config is not None and config.block is None else ()
    for term in terms:
        sources = [(s, named.get(s)) for s in term.source]
        given = [t for _, t in sources if t is not None]
        if not given:
            continue
        fields = [t if t is not None else _target(term.call.name, given[0]) for _, t in sources]
        targets += sum(t.bytes for t, (_, known) in zip(fields, sources, strict=True) if known is None)
        made.append(_loss(tape, term.call.name, fields))
    if not made:
        for output in _learning(outputs):
            target = _target("CrossEntropyLoss", output)
            targets += target.bytes
            made.append(_loss(tape, "CrossEntropyLoss", [output, target]))
    for tensor in outputs.values():
        tape.drop(tensor)
    return made, targets


def _loss(tape: Tape, name: str, tensors: Sequence[Tensor]) -> Tensor:
    inputs = [a.name for a in CATALOGUE[name].inputs]
    step = Step(name, dict(zip(inputs, tensors, strict=False)), [((), DType.float32)], {}, "loss")
    with tape.frame() as frame:
        (result,) = frame.give(*run(tape, step)[:1])
    return result


def _target(name: str, output: Tensor) -> Tensor:
    if name in CLASSES and len(output.shape) > 1:
        return Tensor.new((output.shape[0], *output.shape[2:]), DType.int64, resident=True)
    return Tensor.new(output.shape, DType.float32, resident=True)


def _learning(outputs: Mapping[str, Tensor]) -> list[Tensor]:
    return list({id(t): t for t in outputs.values() if t.learns}.values())

"""What a layer that is made of others calls: the usual steps by name, recorded one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

from nnc.compiler.plan.rules import Result, Step, run
from nnc.compiler.plan.tape import Tape, Tensor
from nnc.compiler.types.dtype import DType

__all__ = ["Call"]


def _no_block(path: str, inputs: Sequence[Tensor]) -> Any:
    raise NotImplementedError


@dataclass
class Call:
    """A layer that is called: `step` with its tensors, and `block`, which marks a part of it that is sharded or computed
    anew by itself."""

    tape: Tape
    step: Step
    block: Callable[..., Any] = field(default=_no_block)

    def tensor(self, name: str) -> Tensor | None:
        """An operand, or a parameter under its own name."""
        found = self.step.operands.get(name)
        return found if isinstance(found, Tensor) else None

    def input(self, name: str) -> Tensor:
        """An operand that is there."""
        found = self.tensor(name)
        assert found is not None, f"{self.step.op} has no {name}"
        return found

    def setting(self, name: str, default: Any = None) -> Any:
        return self.step.setting(name, default)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def do(
        self, op: str, shape: Sequence[int], family: str = "", *, macs: int = 0, settings: Any = None, **operands: Any
    ) -> Tensor:
        """One op; its result has the dtype of its first tensor."""
        first = next(t for t in operands.values() if isinstance(t, Tensor))
        given = {k: v for k, v in operands.items() if v is not None}
        return run(self.tape, Step(op, given, [(tuple(shape), first.dtype)], settings or {}, family, macs))[0]

    def full(self, tensor: Tensor) -> Result:
        return tensor.shape, tensor.dtype

    def linear(self, input: Tensor, path: str = "") -> Tensor:
        """With the weight and bias under `path`."""
        weight = self.input(f"{path}weight")
        return self.project(input, weight, self.tensor(f"{path}bias"))

    def project(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = prod(input.shape[:-1])
        shape = (*input.shape[:-1], weight.shape[0])
        return self.do("linear", shape, macs=rows * weight.numel, input=input, weight=weight, bias=bias)

    def norm(self, input: Tensor, path: str) -> Tensor:
        """LayerNorm over the last dimension."""
        settings = {"normalized_shape": input.shape[-1:]}
        weight, bias = self.tensor(f"{path}weight"), self.tensor(f"{path}bias")
        return self.do("layer_norm", input.shape, settings=settings, input=input, weight=weight, bias=bias)

    def pointwise(self, op: str, input: Tensor, *, inplace: bool = False, weight: Tensor | None = None) -> Tensor:
        """An activation, by its name as a layer or a function."""
        return self.do(op, input.shape, "activation", settings={"inplace": inplace}, input=input, weight=weight)

    def dropout(self, input: Tensor, p: float) -> Tensor:
        return self.do("dropout", input.shape, "dropout", settings={"p": p}, input=input)

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        shape = left.shape if left.numel >= right.numel else right.shape
        return self.do("add", shape, "arithmetic", input=left, other=right)

    def transpose(self, input: Tensor, a: int, b: int) -> Tensor:
        shape = list(input.shape)
        shape[a], shape[b] = shape[b], shape[a]
        return self.do("transpose", shape, settings={"dim0": a, "dim1": b}, input=input)

    def reshape(self, input: Tensor, *shape: int) -> Tensor:
        return self.do("reshape", shape, input=input)

    def copy(self, input: Tensor) -> Tensor:
        """`contiguous()`: itself, where it is."""
        return self.do("contiguous", input.shape, input=input)

    def matmul(self, left: Tensor, right: Tensor) -> Tensor:
        shape = (*left.shape[:-1], right.shape[-1])
        return self.do("matmul", shape, macs=left.numel * right.shape[-1], input=left, other=right)

    def softmax(self, input: Tensor) -> Tensor:
        return self.do("softmax", input.shape, input=input)

    def part(self, input: Tensor, shape: Sequence[int]) -> Tensor:
        """A piece, along the first dimension."""
        return self.do("select", shape, settings={"dim": 0}, input=input)

    @contextmanager
    def inside(self, path: str, input: Tensor, *others: Tensor) -> Iterator[_Part]:
        """A layer inside this one, which is sharded or computed anew by itself. What it makes goes when it returns."""
        part = _Part()
        begin, own = self.tape.path, f"{self.tape.path}.{path}".removesuffix(".")
        finish = self.block(own, (input, *others))
        self.tape.path = own
        with self.tape.frame() as frame:
            yield part
            frame.give(*part.outputs)
        self.tape.path = begin
        finish(part.outputs)


@dataclass
class _Part:
    outputs: tuple[Tensor, ...] = ()

    def give(self, *outputs: Tensor) -> None:
        self.outputs = outputs


def floats(count: int, dtype: DType = DType.float32) -> Tensor:
    """So many numbers that nothing learns."""
    return Tensor.new((count,), dtype)

"""What happens in one forward pass, in order: kernels that make tensors and keep some of them for the backward pass, and
the moments at which nobody refers to a tensor any more. `peak.py` plays it forward and back.

A tensor lies in a storage, which views share, and a storage is as large as what was allocated: nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal

from nnc.compiler.plan.strides import contiguous, is_dense
from nnc.compiler.types.dtype import DType

__all__ = ["Block", "Drop", "Event", "Kernel", "Storage", "Take", "Tape", "Tensor", "Uncast"]


@dataclass(eq=False, slots=True)
class Storage:
    """`resident` is what lies in memory throughout: parameters, buffers and the batch."""

    bytes: int
    resident: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """`learns`: a gradient flows to it. `parameter` is the full name of a parameter."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: DType
    storage: Storage
    learns: bool = False
    parameter: str = ""

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Those of its elements, each once."""
        return self.numel * self.dtype.itemsize

    @property
    def words(self) -> int:
        """Numbers as large as float32: a complex64 and a float64 are two. A number of half the size is one all the same: where
        parameters are held as such, they are float32 elsewhere."""
        return self.numel * max(self.dtype.itemsize // 4, 1)

    @property
    def dense(self) -> bool:
        """Whether its elements fill a piece of memory without gaps, in whatever order."""
        return is_dense(self.shape, self.strides)

    @staticmethod
    def new(shape: Sequence[int], dtype: DType, *, learns: bool = False, resident: bool = False) -> Tensor:
        """A contiguous tensor in a storage of its own."""
        shape = tuple(shape)
        storage = Storage(prod(shape) * dtype.itemsize, resident)
        return Tensor(shape, contiguous(shape), dtype, storage, learns)


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One step that autograd records.

    inputs      the tensors that gradients flow to
    outputs     the tensors that come out, in new storages or in those of inputs
    keeps       the storages that stay until this step's backward pass
    hands_on    places of the inputs whose gradient is that of the output, not a new tensor
    scratch     further bytes while it runs forward; `back_scratch` those while it runs backward
    macs        multiply-adds of the forward pass
    """

    op: str
    path: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    keeps: tuple[Storage, ...] = ()
    hands_on: frozenset[int] = frozenset()
    scratch: int = 0
    back_scratch: int = 0
    macs: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Drop:
    """A variable goes that referred to this storage."""

    storage: Storage


@dataclass(frozen=True, eq=False, slots=True)
class Take:
    """A further variable refers to this storage."""

    storage: Storage


@dataclass(frozen=True, eq=False, slots=True)
class Uncast:
    """The end of the forward pass under autocast, which forgets its copies of the weights."""

    storages: tuple[Storage, ...]


Event = Kernel | Drop | Take | Uncast


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A part of the network that is sharded, or recomputed, as one: events `start` … `end` of the tape. `inputs` are what
    it is called with, `outputs` what it gives."""

    path: str
    type: str
    start: int
    end: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: tuple[str, ...]


@dataclass
class Tape:
    """Records the events. `low` is the dtype that autocast computes in, None without it; with `cast_once` it is that of all
    parameters and of what comes in, as FSDP's mixed precision has it. `device` tells apart what kernels of the CPU and of a
    GPU keep."""

    device: Literal["cpu", "cuda"] = "cuda"
    low: DType | None = None
    cast_once: bool = False
    events: list[Event] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    parameters: dict[str, Tensor] = field(default_factory=dict)
    path: str = ""
    _copies: dict[str, Tensor] = field(default_factory=dict)
    _frames: list[list[Tensor]] = field(default_factory=list)

    # -- recording -----------------------------------------------------------------------------------------------------

    def kernel(
        self,
        op: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        keeps: Sequence[Tensor] = (),
        *,
        hands_on: Sequence[int] = (),
        scratch: int = 0,
        back_scratch: int = 0,
        macs: int = 0,
    ) -> None:
        """A step. What it keeps counts where a gradient flows to one of its outputs; extra tensors that it keeps have
        storages that are nobody's else."""
        learning = [(i, t) for i, t in enumerate(inputs) if t.learns]
        learns = bool(learning) and any(t.learns for t in outputs)
        self.events.append(
            Kernel(
                op,
                self.path,
                tuple(t for _, t in learning) if learns else (),
                tuple(outputs),
                tuple(dict.fromkeys(t.storage for t in keeps if not t.storage.resident)) if learns else (),
                frozenset(k for k, (i, _) in enumerate(learning) if i in hands_on) if learns else frozenset(),
                scratch,
                back_scratch if learns else 0,
                macs,
            )
        )
        if self._frames:
            self._frames[-1].extend(outputs)

    def drop(self, tensor: Tensor) -> None:
        self.events.append(Drop(tensor.storage))

    def take(self, tensor: Tensor) -> None:
        self.events.append(Take(tensor.storage))

    @contextmanager
    def frame(self) -> Iterator[_Frame]:
        """A function's body: when it returns, what it made goes, but for what it `gives`."""
        made: list[Tensor] = []
        self._frames.append(made)
        frame = _Frame()
        yield frame
        self._frames.pop()
        given = list(frame.given)
        for tensor in made:
            if tensor in given:
                given.remove(tensor)
            else:
                self.drop(tensor)
        for tensor in given:  # an input that comes out again
            self.take(tensor)
        if self._frames:
            self._frames[-1].extend(frame.given)

    def finish(self) -> None:
        """The end of the forward pass."""
        if self._copies:
            self.events.append(Uncast(tuple(t.storage for t in self._copies.values())))

    # -- tensors -------------------------------------------------------------------------------------------------------

    def cast(self, tensor: Tensor, dtype: DType) -> Tensor:
        """The tensor in another floating dtype, as autocast converts it: a parameter's copy is made once."""
        if tensor.dtype is dtype or not tensor.dtype.is_floating or tensor.dtype is DType.float64:
            return tensor
        if tensor.parameter in self._copies:
            return self._copies[tensor.parameter]
        copy = replace(Tensor.new(tensor.shape, dtype, learns=tensor.learns), strides=tensor.strides)
        if not tensor.dense:
            copy = Tensor.new(tensor.shape, dtype, learns=tensor.learns)
        if tensor.parameter and tensor.learns:
            frames, self._frames = self._frames, []  # autocast holds it, not a variable
            self.kernel("to", [tensor], [copy])
            self._frames = frames
            self._copies[tensor.parameter] = copy
        else:
            self.kernel("to", [tensor], [copy])
        return copy


@dataclass
class _Frame:
    given: tuple[Tensor, ...] = ()

    def give(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        self.given = tensors
        return tensors

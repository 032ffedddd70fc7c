"""What a rule may say while it runs: refuse, demand, infer, own a parameter, count a cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from nnc.compiler.types.demands import Demand, Relation
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["Call", "ParameterSpec", "Refusal"]


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A tensor the module owns: `weight` of shape (out, in). `kind` says where torch registers it.
    `name` may be dotted where torch's module has submodules of its own (`self_attn.in_proj_weight`)."""

    name: str
    shape: tuple[int, ...]
    kind: str = "parameter"  # parameter | buffer | transient (a buffer outside state_dict)
    dtype: DType = DType.float32
    layer: str = ""  # the type of the submodule that has it, where a rule puts layers together


class Refusal(Exception):
    """A rule's "no": `subject` is the argument or input at fault, else the op as a whole; `needs` are free sizes of
    which some must be known before it can say yes."""

    def __init__(
        self,
        code: str,
        message: str,
        subject: str | None = None,
        notes: tuple[str, ...] = (),
        needs: tuple[DimLike, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.subject, self.notes, self.needs = code, message, subject, notes, needs


@dataclass
class Call:
    """One application of a rule. The elaborator reads what the rule left here."""

    op: str
    demands: list[Demand] = field(default_factory=list)
    training_demands: list[Demand] = field(default_factory=list)
    parameters: list[ParameterSpec] = field(default_factory=list)
    inferred: dict[str, int | tuple[int, ...]] = field(default_factory=dict)
    cost: DimLike = 0
    given: Mapping[str, object] = field(default_factory=dict)

    # -- refusing -------------------------------------------------------------------------------------------------

    def refuse(self, message: str, subject: str | None = None, *notes: str, code: str = "NNC0501") -> NoReturn:
        raise Refusal(code, message, subject, notes)

    def undecided(self, message: str, subject: str | None, *sizes: DimLike) -> NoReturn:
        """Refuses what depends on free sizes; the report says which of them need a size."""
        raise Refusal("NNC0505", message, subject, needs=sizes)

    def rank(self, input: TensorType, *allowed: int, name: str = "input") -> int:
        """The input's rank, refused unless it is one of `allowed`."""
        if input.rank not in allowed:
            wanted = " or ".join(f"{r}-D" for r in allowed)
            self.refuse(f"{self.op} takes a {wanted} tensor, this one is {input.rank}-D: {input}", name, code="NNC0502")
        return input.rank

    def at_least_rank(self, input: TensorType, least: int, name: str = "input") -> int:
        """The input's rank, refused below `least`."""
        if input.rank < least:
            dimensions = "one dimension" if least == 1 else f"{least} dimensions"
            self.refuse(f"{self.op} takes a tensor of at least {dimensions}, this one is {input}", name, code="NNC0502")
        return input.rank

    def floating(self, input: TensorType, name: str = "input", *, complex: bool = False) -> TensorType:
        """Refuses integers where torch's kernels want floating point, and complex numbers unless allowed."""
        if not (input.dtype.is_floating or (complex and input.dtype.is_complex)):
            message = f"{self.op} takes floating-point numbers, this is {input.dtype}"
            self.refuse(message, name, "`float(x)` converts x", code="NNC0503")
        return input

    def ordered(self, input: TensorType, name: str = "input") -> TensorType:
        """Refuses complex numbers, which have no order."""
        if input.dtype.is_complex:
            self.refuse(f"{self.op} does not take complex numbers, they have no order", name, code="NNC0503")
        return input

    def real(self, input: TensorType, name: str = "input") -> TensorType:
        """Refuses what has no order: truth values and complex numbers."""
        if input.dtype is DType.bool or input.dtype.is_complex:
            self.refuse(f"{self.op} takes real numbers, this is {input.dtype}", name, code="NNC0503")
        return input

    def weighted(self, input: TensorType, name: str = "input") -> TensorType:
        """Refuses what does not meet this module's weights, which are float32: torch combines equal dtypes only."""
        if input.dtype is not DType.float32:
            self.refuse(
                f"{self.op}'s weights are float32, this is {input.dtype}", name, "`float(x)` converts x", code="NNC0503"
            )
        return input

    def integer(self, input: TensorType, name: str = "input") -> TensorType:
        if input.dtype not in (DType.int64, DType.int32):
            message = f"{self.op} takes int64 or int32 indices, this is {input.dtype}"
            self.refuse(message, name, "`long(x)` converts x", code="NNC0503")
        return input

    # -- demanding: decided at once where it can be, else kept for the requirements solver --------------------------

    def equal(self, left: DimLike, right: DimLike, reason: str, subject: str | None = None) -> DimLike:
        """Both must be the same; returns the simpler of the two."""
        self._demand(Demand(Relation.EQUAL, left, right, reason), subject)
        if isinstance(left, int) or isinstance(right, int):
            return left if isinstance(left, int) else right
        return right if right.weight < left.weight else left

    def at_least(self, left: DimLike, right: DimLike, reason: str, subject: str | None = None) -> None:
        self._demand(Demand(Relation.AT_LEAST, left, right, reason), subject)

    def multiple(self, left: DimLike, right: DimLike, reason: str, subject: str | None = None) -> None:
        """`left` must be divisible by `right`."""
        self._demand(Demand(Relation.MULTIPLE, left, right, reason), subject)

    def at_least_in_training(self, left: DimLike, right: DimLike, reason: str) -> None:
        """What holds only for training is no reason to refuse: it is kept apart, even where it is known to fail."""
        demand = Demand(Relation.AT_LEAST, left, right, reason)
        if demand.decide() is not True:
            self.training_demands.append(demand)

    def _demand(self, demand: Demand, subject: str | None) -> None:
        verdict = demand.decide()
        if verdict is False:
            self.refuse(demand.reason, subject, code="NNC0504")
        if verdict is None:
            self.demands.append(demand)

    def known(self, size: DimLike, subject: str | None, what: str) -> int:
        """A size that must not be free here: `what` completes "needs a known …"."""
        if isinstance(size, Dim):
            self.undecided(f"{self.op} needs a known {what}, but {size} is free", subject, size)
        return size

    def at_most(self, count: int, limit: int, subject: str) -> int:
        """A count that a rule loops over: bounded, whatever the spec says."""
        if count > limit:
            self.refuse(f"{subject} is {count}, at most {limit} are possible", subject)
        return count

    # -- inferring, owning, counting --------------------------------------------------------------------------------

    def infer(self, argument: str, size: DimLike) -> int:
        """The size of an inferred constructor argument; where it was written it must agree."""
        size = self.known(size, argument, argument)
        written = self.given.get(argument)
        if written is not None and written != size:
            self.refuse(
                f"{argument} is {written}, but what flows in has {size}",
                argument,
                f"{argument} is inferred: it need not be written",
                code="NNC0506",
            )
        self.inferred[argument] = size
        return size

    def parameter(self, name: str, *shape: int, dtype: DType = DType.float32) -> None:
        self.parameters.append(ParameterSpec(name, shape, "parameter", dtype))

    def buffer(self, name: str, *shape: int, dtype: DType = DType.float32, persistent: bool = True) -> None:
        self.parameters.append(ParameterSpec(name, shape, "buffer" if persistent else "transient", dtype))

    def macs(self, count: DimLike) -> None:
        """Multiply-adds of the forward pass, as torch.utils.flop_counter counts them (its flops ÷ 2)."""
        self.cost = self.cost + count

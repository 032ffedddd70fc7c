"""One op on the tape: what comes out, where it lies, and what its entry in `keeps.py` says stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from nnc.compiler.plan.autocast import FULL, LOW
from nnc.compiler.plan.keeps import (
    EXPANDED,
    HANDED_ON,
    IN_PLACE_KEEPS_A_COPY,
    IN_PLACE_KEEPS_OUTPUT,
    KEEPS,
    NO_GRADIENT,
    OF_REAL,
    PARTS,
    VIEWS,
)
from nnc.compiler.plan.strides import contiguous, dense_like, permuted, viewed
from nnc.compiler.plan.tape import Tape, Tensor
from nnc.compiler.types.dtype import DType

__all__ = ["Result", "Step", "run", "tensors_of"]

Result = tuple[tuple[int, ...], DType]

FOLDED = frozenset({"Linear", "linear", "matmul"})  # these look at their operands as matrices, or rows of matrices
LIKE_INPUT = frozenset(
    {"activation", "arithmetic", "dropout", "comparison"}
)  # families whose results lie as what came in
OWN = frozenset({"weight", "bias", "running_mean", "running_var"})  # a normalization's, whose dtype is not the result's
CASTS = frozenset({"to", "type_as", "float", "double", "half", "bfloat16"})


@dataclass(frozen=True)
class Step:
    """An op with what it is called with: `operands` by name, parameters of a module under their own names; a tensor, a
    number, or a tuple, list or slice of these. `results` are shapes and dtypes without autocast."""

    op: str
    operands: Mapping[str, Any]
    results: Sequence[Result]
    settings: Mapping[str, Any] = field(default_factory=dict)
    family: str = ""
    macs: int = 0

    def setting(self, name: str, default: Any = None) -> Any:
        """An argument that is no tensor."""
        found = self.settings.get(name, self.operands.get(name, default))
        return default if isinstance(found, Tensor) else found


def tensors_of(operand: Any) -> list[Tensor]:
    """The tensors inside an operand."""
    if isinstance(operand, Tensor):
        return [operand]
    if isinstance(operand, tuple | list):
        return [t for item in operand for t in tensors_of(item)]
    return []


def run(tape: Tape, step: Step) -> list[Tensor]:
    """Records the step, and returns what comes out."""
    step = _autocast(tape, step)
    inputs = [t for operand in step.operands.values() for t in tensors_of(operand)]
    if not inputs:
        outputs = [Tensor.new(*result) for result in step.results]
        tape.kernel(step.op, (), outputs)
        return outputs
    if _returns_its_input(step, inputs[0]):
        return _record(tape, step, inputs, [_aliased(step, inputs[0], step.results[0], inputs[0].strides)], (), (0,))
    if step.op in VIEWS:
        return _view(tape, step, inputs)
    if step.op in PARTS:
        return _part(tape, step, inputs)
    if step.op in EXPANDED:
        pairs = zip(step.results, inputs, strict=False)
        return _record(tape, step, inputs, [_aliased(step, t, r, _spread(t, r[0])) for r, t in pairs])
    return _fresh(tape, step, inputs)


def _fresh(tape: Tape, step: Step, inputs: list[Tensor]) -> list[Tensor]:
    learns = step.op not in NO_GRADIENT and any(t.learns for t in inputs)
    outputs = [_made(step, inputs, shape, dtype, learns) for shape, dtype in step.results]
    keeps = _rule(step)
    if step.setting("inplace", False):
        outputs[0] = _aliased(step, inputs[0], step.results[0], inputs[0].strides)
        if step.op in IN_PLACE_KEEPS_OUTPUT:
            keeps = "output"
        elif step.op in IN_PLACE_KEEPS_A_COPY:
            keeps = "+output:same"
    kept = _kept(tape, step, keeps, inputs, outputs)
    handed = [i for i, t in enumerate(inputs) if _handed_on(step, i, t, outputs[0])]
    return _record(tape, step, inputs, outputs, kept, handed)


def _record(
    tape: Tape,
    step: Step,
    inputs: Sequence[Tensor],
    outputs: list[Tensor],
    keeps: Sequence[Tensor] = (),
    hands_on: Sequence[int] = (),
) -> list[Tensor]:
    tape.kernel(step.op, inputs, outputs, keeps, hands_on=hands_on, macs=step.macs)
    return outputs


# -- what comes out ----------------------------------------------------------------------------------------------------


def _made(step: Step, inputs: Sequence[Tensor], shape: tuple[int, ...], dtype: DType, learns: bool) -> Tensor:
    made = Tensor.new(shape, dtype, learns=learns and (dtype.is_floating or dtype.is_complex))
    if step.family in LIKE_INPUT:
        like = next((t for t in inputs if t.shape == shape and 0 not in t.strides), None)
        if like is not None:
            return replace(made, strides=dense_like(shape, like.strides))
    return made


def _aliased(step: Step, tensor: Tensor, result: Result, strides: Sequence[int]) -> Tensor:
    learns = tensor.learns and step.op not in NO_GRADIENT
    return Tensor(result[0], tuple(strides), result[1], tensor.storage, learns)


def _returns_its_input(step: Step, tensor: Tensor) -> bool:
    """Whether torch gives back the very tensor, or one in its storage."""
    if step.op in CASTS or step.op == "detach":
        return step.results[0][1] is tensor.dtype
    if step.op == "contiguous":
        return tensor.strides == contiguous(tensor.shape)
    if step.family == "dropout" or step.op in ("StochasticDepth", "stochastic_depth"):
        return step.setting("p", 0.5) == 0 or step.setting("training", True) is False
    return False


def _view(tape: Tape, step: Step, inputs: Sequence[Tensor]) -> list[Tensor]:
    tensor, result = inputs[0], step.results[0]
    order = _order(step, len(tensor.shape))
    if order is not None:
        strides: tuple[int, ...] | None = permuted(tensor.shape, tensor.strides, order)[1]
    elif step.op == "contiguous":
        strides = None
    else:
        strides = viewed(tensor.shape, tensor.strides, result[0])
    if strides is None:  # a copy
        copy = Tensor.new(*result, learns=tensor.learns)
        return _record(tape, step, inputs[:1], [copy], (), (0,))
    return _record(tape, step, inputs[:1], [_aliased(step, tensor, result, strides)], (), (0,))


def _order(step: Step, rank: int) -> list[int] | None:
    """The order of dimensions that a permutation asks for; None for other views."""
    order = list(range(rank))
    match step.op:
        case "permute" | "Permute":
            dims = step.setting("dims", ())
            dims = dims[0] if dims and isinstance(dims[0], tuple | list) else dims
            return [d % rank for d in dims] if rank else []
        case "transpose" | "swapaxes":
            names = ("dim0", "dim1") if step.op == "transpose" else ("axis0", "axis1")
            a, b = (step.setting(n, 0) % max(rank, 1) for n in names)
        case "t" | "adjoint":
            if rank < 2:
                return order
            a, b = rank - 2, rank - 1
        case "movedim":
            return _moved(step, rank)
        case _:
            return None
    if rank:
        order[a], order[b] = order[b], order[a]
    return order


def _moved(step: Step, rank: int) -> list[int]:
    if not rank:
        return []
    sources, targets = (
        [d % rank for d in (v if isinstance(v, tuple | list) else (v,))]
        for v in (step.setting("source", ()), step.setting("destination", ()))
    )
    rest = iter(d for d in range(rank) if d not in sources)
    placed = dict(zip(targets, sources, strict=True))
    return [placed[i] if i in placed else next(rest) for i in range(rank)]


def _part(tape: Tape, step: Step, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Pieces of the first tensor. An index that is itself a tensor copies what it picks."""
    tensor = inputs[0]
    if len(inputs) > 1:
        outputs = [Tensor.new(*r, learns=tensor.learns) for r in step.results]
        return _record(tape, step, inputs[:1], outputs, inputs[1:])
    return _record(
        tape, step, inputs[:1], [_aliased(step, tensor, r, _piece(step, tensor, r[0])) for r in step.results]
    )


def _piece(step: Step, tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a piece: those of the whole, without the dimensions that were picked from."""
    if len(shape) == len(tensor.shape) and step.op != "getitem":
        return tensor.strides
    if step.op in ("select", "unbind"):
        dim = step.setting("dim", 0) % max(len(tensor.shape), 1)
        return tuple(s for d, s in enumerate(tensor.strides) if d != dim)
    if step.op == "getitem":
        return _indexed(step.operands.get("index"), tensor, shape)
    return contiguous(shape)


def _indexed(index: Any, tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    items = list(index) if isinstance(index, tuple | list) else [index]
    named = sum(1 for i in items if i is not None and i is not Ellipsis)
    if Ellipsis not in items:
        items.append(Ellipsis)
    strides: list[int] = []
    dims = iter(tensor.strides)
    for item in items:
        if item is None:
            strides.append(1)
        elif item is Ellipsis:
            strides.extend(next(dims) for _ in range(len(tensor.shape) - named))
        elif isinstance(item, slice):
            strides.append(next(dims) * (item.step if isinstance(item.step, int) else 1))
        else:
            next(dims, None)
    return tuple(strides) if len(strides) == len(shape) else contiguous(shape)


def _spread(tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides after `expand`: 0 where elements are repeated."""
    lead = len(shape) - len(tensor.shape)
    return tuple(
        0 if d < lead or tensor.shape[d - lead] != size else tensor.strides[d - lead] for d, size in enumerate(shape)
    )


# -- what stays ----------------------------------------------------------------------------------------------------------


def _rule(step: Step) -> str:
    """The op's entry, where its settings do not say otherwise."""
    if step.op.lower().startswith(("adaptiveavgpool", "adaptive_avg_pool")):
        space = 3 if "3d" in step.op else 2 if "2d" in step.op else 1
        return "" if prod(step.results[0][0][-space:]) == 1 else "input"  # a mean, then
    if step.op == "pad":
        return "input" if step.setting("mode", "constant") in ("reflect", "replicate") else ""
    if step.op in ("interpolate", "Upsample"):
        return "input" if step.setting("mode") == "area" else ""
    if step.op.startswith(("Conv", "conv")) and step.setting("padding_mode", "zeros") != "zeros":
        return "+input:same weight"
    if step.op in ("RMSNorm", "rms_norm"):  # the normalized rows are kept for the gradient of the weight
        return "input +row +output:same" if isinstance(step.operands.get("weight"), Tensor) else "input +row"
    if step.op in OF_REAL and any(t.dtype.is_floating for t in tensors_of(step.operands["input"])):
        return "input"
    if step.family == "dropout" and step.setting("p", 0.5) == 1:
        return ""  # nothing is left, and nothing to remember
    return KEEPS.get(step.op, "")  # what has no gradient keeps nothing


def _kept(tape: Tape, step: Step, rule: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Tensor]:
    kept: list[Tensor] = []
    for word in rule.split():
        if word in ("+row", "+rows"):
            rows = inputs[0].numel // max(_width(step), 1)
            kept.append(Tensor.new((rows * (1 + (word == "+rows")),), DType.float32))
        elif word == "+channels":
            kept.append(Tensor.new(inputs[0].shape[:2], inputs[0].dtype))
        elif word.startswith("+"):
            name, _, kind = word[1:].partition(":")
            for like in _named(name, step, inputs, outputs)[:1]:
                dtype = (
                    like.dtype
                    if kind == "same" or (kind == "mask" and tape.device == "cpu")
                    else (DType.bool if kind == "mask" else DType(kind))
                )
                kept.append(Tensor.new(like.shape, dtype))
        else:
            name, _, wanted = word.partition("?")
            if not wanted or any(t.learns for t in _named(wanted, step, inputs, outputs)):
                kept.extend(_folded(step, t) for t in _named(name, step, inputs, outputs))
    return kept


def _width(step: Step) -> int:
    """How many numbers make a row that is normalized."""
    shape = step.setting("normalized_shape", ())
    first = next(t for o in step.operands.values() for t in tensors_of(o))
    if step.op in ("LayerNorm", "layer_norm", "RMSNorm", "rms_norm"):
        return shape if isinstance(shape, int) else prod(shape)
    groups = int(step.setting("num_groups", 0) or first.shape[1])
    return first.numel // max(first.shape[0] * groups, 1)


def _named(name: str, step: Step, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Tensor]:
    if name.startswith("output"):
        place = int(name[6:] or 0)
        return list(outputs[place : place + 1])
    if name in step.operands:
        return tensors_of(step.operands[name])
    return list(inputs[:1]) if name == "input" else []


def _folded(step: Step, tensor: Tensor) -> Tensor:
    """What a product of matrices keeps: a copy, where the tensor cannot be looked at as matrices."""
    if step.op not in FOLDED or len(tensor.shape) < 3:
        return tensor
    *batch, rows, columns = tensor.shape
    others = [len(t.shape) for o in step.operands.values() for t in tensors_of(o) if t is not tensor]
    wanted = (prod(batch) * rows, columns) if max(others, default=0) < 3 else (prod(batch), rows, columns)
    return tensor if viewed(tensor.shape, tensor.strides, wanted) is not None else Tensor.new(wanted, tensor.dtype)


def _handed_on(step: Step, place: int, tensor: Tensor, output: Tensor) -> bool:
    if step.op not in HANDED_ON:
        return False
    if step.op in ("add", "sub"):
        return tensor.shape == output.shape and tensor.dtype is output.dtype and (place == 0 or step.op == "add")
    return step.op != "float" or tensor.dtype is output.dtype


# -- precision ----------------------------------------------------------------------------------------------------------


def _autocast(tape: Tape, step: Step) -> Step:
    """The step as autocast has it: what comes in is cast, what comes out has the dtype that it is computed in."""
    low = tape.low
    if low is None:
        return step
    if tape.cast_once:
        return replace(step, results=[_with(r, low) for r in step.results]) if step.op not in CASTS else step
    if step.op in LOW or step.op in FULL[tape.device]:
        dtype = low if step.op in LOW else DType.float32
        operands = {k: _cast(tape, o, dtype) for k, o in step.operands.items()}
        return replace(step, operands=operands, results=[_with(r, dtype) for r in step.results])
    given = [t for k, o in step.operands.items() if k not in OWN for t in tensors_of(o)]
    found = [t.dtype for t in given if t.dtype.is_floating and not t.parameter]
    if found and all(d is low for d in found) and step.op not in CASTS:
        return replace(step, results=[_with(r, low) for r in step.results])
    return step


def _with(result: Result, dtype: DType) -> Result:
    shape, own = result
    return (shape, dtype if own.is_floating and own is not DType.float64 else own)


def _cast(tape: Tape, operand: Any, dtype: DType) -> Any:
    if isinstance(operand, Tensor):
        return tape.cast(operand, dtype)
    if isinstance(operand, tuple | list):
        return type(operand)(_cast(tape, o, dtype) for o in operand)
    return operand

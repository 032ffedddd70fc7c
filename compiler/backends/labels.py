"""The words of a drawing: what a layer is called, how it is set, and shapes and counts as a paper would print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import EllipsisType
from typing import Any

from nnc.compiler.graph.ir import Graph, Node, Value, operand_values
from nnc.compiler.graph.outside import Sizes, size_outside
from nnc.compiler.graph.text import clip
from nnc.compiler.ops.registry import REQUIRED, OpDef
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.compiler.types.typeset import typeset

__all__ = ["OPERATORS", "arguments", "count", "described", "of_several", "shape"]

OPERATORS: Mapping[str, str] = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "matmul": "@", "pow": "^", "maximum": "max", "minimum": "min",
    "eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥",
}  # fmt: skip
"""Functions of two tensors that a drawing shows as a sign in a circle."""

QUIET = frozenset(
    {"bias", "inplace", "eps", "momentum", "device", "dtype", "batch_first", "track_running_stats", "affine"}
)
OUT = ("out_channels", "out_features", "hidden_size", "embedding_dim")
LONGEST = 26  # of a function's arguments
LONGEST_CALL = 48  # of a block's


def count(n: int) -> str:
    """A number in three digits: 640, 9.41K, 23.5M, 1.3G."""
    if n < 1000:
        return str(n)
    for unit, suffix in ((10**3, "K"), (10**6, "M"), (10**9, "G"), (10**12, "T")):
        if n < unit * 999.5 or suffix == "T":
            scaled = n / unit
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            text = f"{scaled:,.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix
    raise AssertionError("unreachable: the last unit takes all")


def of_several(alike: bool) -> str:
    """What follows a number of parameters where several things stand in one place."""
    return " each" if alike else " in all"


# -- sizes and shapes -------------------------------------------------------------------------------------------------


def shape(type: TensorType, batch: DimLike | None = None) -> str:
    """`64×112×112`, `768×⌈H/2⌉`: without a leading `batch`, with a dtype that is not float32."""
    dims = type.shape[1:] if batch is not None and type.rank > 1 and type.shape[0] == batch else type.shape
    text = "×".join(f"({t})" if " " in (t := typeset(d)) else t for d in dims) or "scalar"
    return clip(text if type.dtype is DType.float32 else f"{text} {type.dtype}")


# -- a block in a few words -------------------------------------------------------------------------------------------


def arguments(block: Graph) -> str:
    """What a block was called with: "planes 128, stride 2". Switches that are off, and 0 and 1, say little."""
    said = {k: v for k, v in block.arguments.items() if v not in (None, False, 0, 1, True) and k not in QUIET}
    return clip(", ".join(f"{k} {_plain(v)}" for k, v in said.items()), LONGEST_CALL)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "×".join(map(_plain, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


# -- a layer in a few words -------------------------------------------------------------------------------------------


def described(node: Node, op: OpDef, sizes: Sizes) -> tuple[str, str]:
    """Title and detail: ("Conv2d", "3 → 64, 7×7, stride 2"), ("flatten(1)", ""). `sizes` replace symbols."""
    if op.form == "module":
        return op.name, clip(", ".join(_settings(node, op)))
    if op.name == "getitem":
        return f"[{clip(_index(node.operands.get('index', ...)), 24)}]", ""
    known = list(_arguments(node, op, sizes))
    tensors = {v for o in node.operands.values() for v in operand_values(o)}
    if op.name in OPERATORS and len(node.operands) == 2 and len(tensors) == 1 and len(known) == 1:
        first = not any(isinstance(v, Value) for v in list(node.operands.values())[:1])
        return (f"{known[0]} {OPERATORS[op.name]}" if first else f"{OPERATORS[op.name]} {known[0]}"), ""
    written = ", ".join(known)
    return op.name + (f"({written if len(written) <= LONGEST else '…'})" if known else ""), ""


def _settings(node: Node, op: OpDef) -> Iterator[str]:
    settings = dict(node.settings)
    incoming = [settings.pop(name) for name in op.inferred if name in settings]
    outgoing = next((settings.pop(name) for name in OUT if name in settings), None)
    if op.name.startswith("Embedding") and "num_embeddings" in settings:
        incoming = [settings.pop("num_embeddings")]
    if incoming and (outgoing is not None or op.family != "normalization"):
        yield _value(incoming[0]) + (f" → {_value(outgoing)}" if outgoing is not None else "")
    elif outgoing is not None:
        yield f"→ {_value(outgoing)}"
    spatial = next((int(c) for c in reversed(op.name) if c.isdigit()), 1)
    for name, value in settings.items():
        argument = op.argument(name)
        required = argument is not None and argument.default is REQUIRED
        if name in ("kernel_size", "output_size"):
            yield _window(value, spatial)
        elif name in QUIET or (argument is not None and not required and _same(argument.default, value)):
            continue
        elif isinstance(value, bool):
            yield name if value else f"no {name}"
        elif len(op.arguments) == 1 or name == "p":
            yield _value(value)
        else:
            yield f"{name} {_setting(value)}"


def _arguments(node: Node, op: OpDef, sizes: Sizes) -> Iterator[str]:
    """What a function is given besides tensors; by name once one before it is left out."""
    skipped = False
    for argument in op.arguments:
        if argument.name not in node.operands or _same(argument.default, node.operands[argument.name]):
            skipped = skipped or argument.name not in node.operands
            continue
        operand = node.operands[argument.name]
        if any(True for _ in operand_values(operand)):
            continue
        text = _value(_outside(operand, sizes), bare=argument.variadic)
        yield f"{argument.name}={text}" if skipped or argument.keyword_only or isinstance(operand, bool) else text


def _outside(operand: Any, sizes: Sizes) -> Any:
    if isinstance(operand, tuple | list):
        return tuple(_outside(o, sizes) for o in operand)
    return size_outside(operand, sizes) if isinstance(operand, Dim) else operand


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _window(value: Any, spatial: int) -> str:
    if isinstance(value, int):
        value = (value,) * spatial
    return "×".join("·" if v is None else str(v) for v in value) if isinstance(value, tuple | list) else _value(value)


def _setting(value: Any) -> str:
    """A pair of numbers as `3×2`."""
    if isinstance(value, tuple | list) and len(value) in (2, 3) and all(type(v) is int and v >= 0 for v in value):
        return "×".join(map(str, value))
    return _value(value)


def _value(value: Any, bare: bool = False) -> str:
    match value:
        case Dim():
            return typeset(value)
        case float():
            return f"{value:g}".replace("-", "−")
        case int():
            return str(value).replace("-", "−")
        case tuple() | list():
            text = ", ".join(map(_value, value))
            return text if bare else f"({text})"
        case EllipsisType():
            return "…"
        case str():
            return clip(value, 24)
        case _:
            return str(value)


def _index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(_index, index))
    if isinstance(index, slice):
        parts = ["" if p is None else _index(p) for p in (index.start, index.stop, index.step)]
        return ":".join(parts[:2] if index.step is None else parts)
    return "tensor" if isinstance(index, Value) else _value(index)

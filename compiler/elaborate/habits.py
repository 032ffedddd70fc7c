"""Arguments in the order of torch's own constructors, by habit: `Conv2d(3, 64, 3)` where `Conv2d(64, 3)` is meant.

What is inferred is not written, so these mean something else: `Conv2d(3, 6, 5)` is 3 channels, a kernel of 6 and a stride
of 5, `BatchNorm2d(64)` an eps of 64. Most such calls are refused for one of their values. Of those that a rule may take, the
ones that nobody means get a warning, and where a rule refuses, its note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnc.compiler.elaborate.calls import Given, typed
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.tensor import TensorType

__all__ = ["by_habit"]

LAYERS = 5  # of a recurrent layer: as many by position are a size
KERNEL, STRIDE = 16, 3  # as large by position, and different, they are channels and a kernel


def by_habit(op: OpDef, positional: Sequence[Given], operands: Mapping[str, Given]) -> tuple[str, ...]:
    """What to say of a call whose positional arguments look like torch's own order; nothing of any other."""
    if not op.inferred or not positional:
        return ()
    values = [g.value for g in positional]
    read = {a.name: v for a, v in zip(op.positional, values, strict=False)}
    if not (_absurd(read) or (_flows(values[0], operands) and _odd(read))):
        return ()
    said = ", ".join(f"{name}={value}" for name, value in read.items())
    return (f"{op.inferred[0]} is inferred, and not written", f"this reads {op.name}({said})")


def _absurd(read: Mapping[str, object]) -> bool:
    """Whatever flows in, nobody adds whole numbers to a variance."""
    return _int(read.get("eps")) >= 1


def _odd(read: Mapping[str, object]) -> bool:
    """The first argument is a size of what flows in; whether the others are what they would be in torch's own order."""
    kernel, stride = _int(read.get("kernel_size")), _int(read.get("stride"))
    heads = max(_int(read.get("nhead")), _int(read.get("num_heads")))
    return (
        (stride != kernel and (stride >= STRIDE or (stride > 0 and kernel >= KERNEL)))
        or _int(read.get("num_layers")) >= LAYERS
        or (heads > 1 and len(read) > 1)
    )


def _flows(value: object, operands: Mapping[str, Given]) -> bool:
    """Whether a number is a size of a tensor that flows in, the first of a batch aside."""
    types = [typed(g.value) for g in operands.values()]
    return any(_int(value) > 0 and value in t.shape[-3:] for t in types if isinstance(t, TensorType))


def _int(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0

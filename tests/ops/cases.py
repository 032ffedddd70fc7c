"""Arguments to try each op with, as hypothesis draws them: mostly such that torch takes them, now and then not.

`case(op)` draws from each argument's kind; ops whose arguments must fit together have a generator of their own.
"""

from __future__ import annotations

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops import (
    cases_fourier,
    cases_layers,
    cases_linalg,
    cases_losses,
    cases_matrices,
    cases_products,
    cases_sequences,
    cases_shapes,
    cases_spectra,
    cases_statistics,
    cases_vision,
)
from tests.ops.drawing import MISSING, Case, Draw, Generator, chance, dtype, related, setting, shape, tensor

__all__ = ["any_case", "case"]

# Values that some arguments take and most do not.
ODD = st.sampled_from([-1, 0, 2, 1.5, True, "same", (), (2, 1), (1, 2, 3, 4), None])


@st.composite
def case(draw: Draw, op: OpDef) -> Case:
    """Arguments by name, each of its argument's kind."""
    drawn = GENERATORS.get(op.name, generic)(draw, op)
    return {k: v for k, v in drawn.items() if v is not MISSING}


@st.composite
def any_case(draw: Draw, op: OpDef) -> Case:
    """A `case`, but now and then an argument has a value of another kind, or what is inferred is written, and wrong."""
    drawn = draw(case(op))
    inferred = [name for name in op.inferred if name not in drawn]
    if inferred and chance(draw, 6):
        drawn[draw(st.sampled_from(inferred))] = draw(st.integers(1, 6))
    settings = [a.name for a in (*op.arguments, *op.calls) if not a.kind.tensor and not a.variadic and not a.inferred]
    if settings and chance(draw, 10):
        drawn[draw(st.sampled_from(settings))] = draw(ODD)
    return drawn


def generic(draw: Draw, op: OpDef) -> Case:
    """Tensors that mostly broadcast with the first, and every other argument by its kind."""
    drawn: Case = {}
    first: TensorType | None = None
    for argument in (*op.inputs, *op.arguments, *op.calls):
        if not argument.kind.tensor:
            drawn[argument.name] = setting(draw, op, argument)
        elif first is None and not chance(draw, 8 if "number" in argument.kind.words else 0):
            first = tensor(draw, op)
            drawn[argument.name] = first
        elif argument.required or chance(draw, 40):
            if "number" in argument.kind.words and chance(draw, 35):
                drawn[argument.name] = draw(st.sampled_from([0, 1, 2, 0.5, True, -1]))
            else:
                other = shape(draw) if first is None else related(draw, first.shape)
                usual = DType.float32 if first is None else first.dtype
                drawn[argument.name] = TensorType(other, dtype(draw, usual, 20))
        if op.name.startswith("bitwise") and isinstance(drawn.get(argument.name), TensorType):
            drawn[argument.name] = drawn[argument.name].with_dtype(
                draw(st.sampled_from([DType.bool, DType.int64, DType.uint8]))
            )
    return drawn


GENERATORS: dict[str, Generator] = (
    cases_fourier.GENERATORS
    | cases_layers.GENERATORS
    | cases_linalg.GENERATORS
    | cases_losses.GENERATORS
    | cases_matrices.GENERATORS
    | cases_products.GENERATORS
    | cases_sequences.GENERATORS
    | cases_shapes.GENERATORS
    | cases_spectra.GENERATORS
    | cases_statistics.GENERATORS
    | cases_vision.GENERATORS
)

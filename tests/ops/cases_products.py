"""Cases for products of matrices, einsum and distances."""

from __future__ import annotations

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import (
    SIZES,
    Case,
    Draw,
    Generator,
    chance,
    dtype,
    equal,
    related,
    setting,
    settings,
    shape,
)

__all__ = ["GENERATORS"]


def matrices(draw: Draw, op: OpDef) -> Case:
    names = [a.name for a in op.arguments if a.kind.tensor]
    exact = {"mm": 0, "addmm": 0, "bmm": 1, "baddbmm": 1}.get(op.name)
    lead = shape(draw, (exact,) if exact is not None else (0, 1, 2))
    n, k, m = draw(SIZES), draw(SIZES), draw(SIZES)
    left: tuple[int, ...] = (*lead, n, k)
    right: tuple[int, ...] = (*(related(draw, lead) if exact is None else equal(draw, lead)), k, m)
    if op.name in ("matmul", "dot", "outer"):
        left = (k,) if chance(draw, 30 if op.name == "matmul" else 90) else left
        right = (
            (k if op.name == "dot" else draw(SIZES) if op.name == "outer" else k,)
            if chance(draw, 30 if op.name == "matmul" else 90)
            else right
        )
    if chance(draw, 10):
        right = shape(draw)
    case: Case = {
        names[-2]: TensorType(left, dtype(draw, others=4)),
        names[-1]: TensorType(right, dtype(draw, others=4)),
    }
    if len(names) == 3:
        case[names[0]] = TensorType(equal(draw, related(draw, (*lead, n, m))), dtype(draw, others=4))
    return case


EQUATIONS = [
    "ij,jk->ik", "bhid,bhjd->bhij", "bij,bjk", "ii->i", "ii", "i,j->ij", "ij->ji", "...ij,...jk->...ik", "ij,j->i",
    "ijk->",
    "bhnd,bhmd->bhnm", "b...->b", "ij,kl", "i,i,i->i", "ij,jk,kl->il", "a...b,b...->a...", "ij,ij->ij", "Ab,bA->A",
    "ij,jk->iz", "ij->ii", "i->...i", "bhi d,dk->bhik", "i.j", "ij,ij->", "...,...", "->", "ij,ik->jk", "bn,anm,bm->ba",
]  # fmt: skip


def einsum(draw: Draw, op: OpDef) -> Case:
    equation = draw(st.sampled_from(EQUATIONS))
    sizes = {letter: draw(SIZES) for letter in "abcdefghijklmnopqrstuvwxyzA"}
    hidden = shape(draw, (0, 1, 2))
    tensors = []
    for term in equation.split("->")[0].replace(" ", "").split(","):
        before, dots, after = term.partition("...")
        wanted = (
            *(sizes.get(ch, 1) for ch in before),
            *(related(draw, hidden) if dots else ()),
            *(sizes.get(ch, 1) for ch in after),
        )
        tensors.append(TensorType(equal(draw, wanted) if chance(draw, 40) else wanted, dtype(draw, others=2)))
    return {"equation": equation, "operands": tuple(tensors)}


def cdist(draw: Draw, op: OpDef) -> Case:
    lead, m = shape(draw, (0, 1)), draw(SIZES)
    left, right = (*lead, draw(SIZES), m), (*related(draw, lead), draw(SIZES), m if chance(draw, 90) else draw(SIZES))
    return settings(draw, op) | {
        "x1": TensorType(left, dtype(draw, others=5)),
        "x2": TensorType(right, dtype(draw, others=5)),
    }


def repeated_dtype(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    return (
        {
            a.name: TensorType(related(draw, first.shape), dtype(draw, first.dtype, 5))
            for a in op.arguments
            if a.kind.tensor
        }
        | {a.name: setting(draw, op, a) for a in op.arguments if not a.kind.tensor}
        | {op.arguments[0].name: first}
    )


GENERATORS: dict[str, Generator] = {
    "matmul": matrices,
    "mm": matrices,
    "bmm": matrices,
    "addmm": matrices,
    "baddbmm": matrices,
    "dot": matrices,
    "outer": matrices,
    "einsum": einsum,
    "lerp": repeated_dtype,
    "cdist": cdist,
}

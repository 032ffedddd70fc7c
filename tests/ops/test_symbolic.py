"""With free dimensions a rule says the same as with numbers: its results hold for every size that meets its demands; a
size that does not meet them is refused, or gives something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnc.compiler.ops.apply import Applied, apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dim import Dim, Symbol, size, substitute
from nnc.compiler.types.tensor import TensorType
from tests.ops import drawing
from tests.ops.cases import case

NIGHTLY = settings.get_current_profile_name() == "nightly"
FREE_SIZE = "NNC0505"

# Ops that demand more than torch does, because what torch needs is no demand that the solver knows.
CAUTIOUS = {
    **dict.fromkeys(
        ("DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"),
        "a block cut to the size must be odd: no cutting",
    ),
}


def freed(draw: Any, op: OpDef, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[Symbol, int]]:
    """Some sizes replaced by symbols: most equal sizes by the same one, some by their own. The channels, which
    constructors want to know, are mostly left."""
    sizes: dict[Symbol, int] = {}

    def symbol(value: int) -> Dim:
        own = draw(st.integers(0, 3)) == 0
        name = Symbol(f"U{len(sizes)}" if own else f"S{value}")
        sizes[name] = value
        return size(name)

    def replace(value: Any, symbolic: bool) -> Any:
        if isinstance(value, TensorType):
            known = {0, 2, 3, 4} if op.form == "module" and draw(st.integers(0, 9)) else {0, 1, 2, 3, 4}
            every = enumerate(drawing.sizes(value))
            dims = (symbol(d) if i in known and d >= 1 and draw(st.booleans()) else d for i, d in every)
            return TensorType(tuple(dims), value.dtype)
        if isinstance(value, tuple):
            return tuple(replace(v, symbolic) for v in value)
        if (
            symbolic
            and isinstance(value, int)
            and not isinstance(value, bool)
            and value >= 1
            and draw(st.integers(0, 2)) == 0
        ):
            return symbol(value)
        return value

    kinds = {a.name: a.kind for a in (*op.inputs, *op.calls, *op.arguments)}
    replaced = {k: replace(v, kinds[k].symbolic) for k, v in arguments.items()}
    many = op.variadic[1] if op.variadic else None
    fits = {k: all(map(kinds[k].accepts, v)) if k == many else kinds[k].accepts(v) for k, v in replaced.items()}
    return {k: v if fits[k] else arguments[k] for k, v in replaced.items()}, sizes


def fixed(value: Any, sizes: Mapping[Symbol, int]) -> Any:
    """Numbers again in the place of symbols."""
    if isinstance(value, TensorType):
        return value.substitute(sizes)
    if isinstance(value, Dim):
        return substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(fixed(v, sizes) for v in value)
    return value


def outcome(op: OpDef, arguments: dict[str, Any]) -> Applied | Refusal:
    try:
        return apply(op, arguments)
    except Refusal as refusal:
        return refusal


def same(symbolic: Applied, concrete: Applied, sizes: Mapping[Symbol, int]) -> bool:
    return (
        [(n, t.substitute(sizes)) for n, t in symbolic.results] == list(concrete.results)
        and symbolic.form == concrete.form
        and symbolic.call.parameters == concrete.call.parameters
        and symbolic.call.inferred == concrete.call.inferred
        and substitute(symbolic.call.cost, sizes) == concrete.call.cost
    )


def disagreement(op: OpDef, arguments: dict[str, Any], sizes: Mapping[Symbol, int]) -> str:
    """What the symbolic rule says that does not hold at `sizes`."""
    symbolic, concrete = outcome(op, arguments), outcome(op, {k: fixed(v, sizes) for k, v in arguments.items()})
    if isinstance(symbolic, Refusal):
        if symbolic.code == FREE_SIZE or isinstance(concrete, Refusal) or 1 in sizes.values() or op.name in CAUTIOUS:
            return ""
        return f"refused with {arguments} ({symbolic.message}), but not with {sizes}"
    failing = [d for d in symbolic.call.demands if d.substitute(sizes).decide() is not True]
    if not failing:
        if isinstance(concrete, Refusal):
            return f"accepted with {arguments}, but refused with {sizes}: {concrete.message}"
        return "" if same(symbolic, concrete, sizes) else f"{symbolic} is not {concrete} with {sizes}"
    needed = op.name not in CAUTIOUS and 1 not in sizes.values()
    if needed and isinstance(concrete, Applied) and same(symbolic, concrete, sizes):
        return f"demands {failing[0]}, but {sizes} is accepted with the same results ({arguments})"
    return ""


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_free_sizes_mean_all_sizes(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=300 if NIGHTLY else 20 if op.form == "module" else 8,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments, sizes = freed(data.draw, op, data.draw(case(op)))
        others = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(sizes, st.integers(1, 12))), max_size=4))
        for chosen in (sizes, *others):
            problem = disagreement(op, arguments, chosen)
            assert not problem, f"{name} {problem}"

    check()

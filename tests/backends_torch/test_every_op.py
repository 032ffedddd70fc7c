"""Every op, emitted and run, gives bit for bit what torch gives when it is called directly with the same arguments."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from torch import Tensor

from nnc.compiler.backends.torch.build import build
from nnc.compiler.backends.torch.rules import RULES
from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.graph.ir import Graph, Node, Value, operand_values
from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops import oracle
from tests.ops.cases import case

EXAMPLES = 100 if settings.get_current_profile_name() == "nightly" else 5
HERE = Span(Source("op.yaml", "op"), 0, 2)


def test_rules_are_those_of_the_catalogue() -> None:
    assert set(RULES) == set(CATALOGUE)


def tensors(operand: Any, name: str) -> Any:
    """The arguments with a value in the place of each tensor's type."""
    if isinstance(operand, TensorType):
        return Value(name, operand, HERE)
    if isinstance(operand, tuple | list):
        return tuple(tensors(o, f"{name}_{i}") for i, o in enumerate(operand))
    return operand


def one_step(op: OpDef, arguments: Mapping[str, Any]) -> Graph:
    """A network of this one op, every tensor of it an input."""
    applied = apply(op, arguments)
    own = {a.name for a in op.arguments} if op.form == "module" else set()
    operands = {k: tensors(v, k) for k, v in arguments.items() if k not in own}
    given = {k: v for k, v in arguments.items() if k in own} | dict(applied.call.inferred)
    results = tuple(Value(f"op.{n}" if n else "op", t, HERE) for n, t in applied.results)
    explicit = tuple(n for n, _ in applied.results) if applied.form == "mapping" else ()
    node = Node(
        "op",
        op,
        {a.name: given[a.name] for a in op.arguments if a.name in given} if op.form == "module" else {},
        {a.name: operands[a.name] for a in (*op.inputs, *op.calls, *op.arguments) if a.name in operands},
        results,
        HERE,
        explicit=explicit,
    )
    outputs = {"": results[0]} if applied.form == "one" else {f"r{i}": v for i, v in enumerate(results)}
    return Graph(
        "net",
        "one",
        tuple(v for o in node.operands.values() for v in operand_values(o)),
        outputs,
        (node,),
        (node,),
        HERE,
    )


def sample(kind: TensorType) -> Tensor:
    """Small numbers; integers are zeros, so that as indices they are always inside."""
    made = oracle.tensor(kind)
    return made * torch.rand(made.shape).add(0.5).to(made.dtype) if made.dtype.is_floating_point else made


def flat(results: Any) -> list[Tensor]:
    if isinstance(results, Tensor):
        return [results]
    return [t for r in (results.values() if isinstance(results, dict) else results) if r is not None for t in flat(r)]


def direct(op: OpDef, arguments: Mapping[str, Any], module: Any) -> list[Tensor]:
    """torch's own results for arguments that hold tensors already."""
    if op.form == "module":
        return flat(oracle.forward(module, op, arguments))
    positional, keywords = oracle._call(op, arguments)
    if op.argument("training") is not None and "training" not in arguments:
        keywords["training"] = False
    return flat(oracle.function(op.name)(*positional, **keywords))


def compare(op: OpDef, arguments: Mapping[str, Any], graph: Graph) -> None:
    values = [sample(v.type) + (v.name == "lengths") for v in graph.inputs]  # a length of 0 is none
    named = {v.name: value for v, value in zip(graph.inputs, values, strict=True)}
    if "target_lengths" in named:
        oracle.in_a_row(named["targets"], named["target_lengths"])
    module = oracle.construct(op, arguments).eval() if op.form == "module" else None
    torch.manual_seed(0)
    try:
        theirs = direct(op, filled(arguments, iter(values)), module)
    except (RuntimeError, ValueError, TypeError, AssertionError):
        return  # whether a rule may take what torch refuses is asked in tests/ops
    model = build(graph).eval()
    note(str(model.source))
    if module is not None:
        assert [k.removeprefix("op.") for k in model.state_dict()] == list(module.state_dict())
        model.load_state_dict({f"op.{k}": v for k, v in module.state_dict().items()})
    torch.manual_seed(0)
    ours = flat(model(*(v.clone() for v in values)))
    for mine, other in zip(ours, theirs, strict=False):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        assert op.name.startswith("empty") or torch.equal(mine.nan_to_num(), other.nan_to_num())


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_emitted_op_is_torchs(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        drawn = data.draw(case(op))
        arguments = {a.name: drawn[a.name] for a in (*op.inputs, *op.calls, *op.arguments) if a.name in drawn}
        try:
            graph = one_step(op, arguments)
        except Refusal:
            return
        note(f"{name}: {arguments}")
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            compare(op, arguments, graph)

    check()


def filled(arguments: Any, values: Any) -> Any:
    """The arguments with tensors in the place of types, in the order of the network's inputs."""
    if isinstance(arguments, TensorType):
        return next(values).clone()
    if isinstance(arguments, dict):
        return {k: filled(v, values) for k, v in arguments.items()}
    if isinstance(arguments, tuple | list):
        return tuple(filled(a, values) for a in arguments)
    return getattr(torch, arguments) if isinstance(arguments, DType) else arguments

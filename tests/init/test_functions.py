"""The catalogue of torch.nn.init: names, arguments and defaults are the installed torch's, and what is accepted here is
what torch accepts."""

from __future__ import annotations

import inspect
import itertools
import warnings
from typing import Any

import pytest
import torch
from torch.nn import init

from nnc.compiler.init.functions import FUNCTIONS, Target, Unfit
from nnc.compiler.ops.registry import REQUIRED
from nnc.compiler.types.dtype import DType

SHAPES: list[tuple[int, ...]] = [(), (4,), (3, 4), (4, 3), (4, 4, 3), (6, 2, 3, 3), (4, 2, 1, 1, 1), (2,) * 6, (0, 4)]
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "constant_": [{"val": 0.5}, {"val": -3}],
    "dirac_": [{}, {"groups": 2}, {"groups": 3}],
    "kaiming_normal_": [{}, {"a": 1, "mode": "fan_out"}, {"nonlinearity": "relu"}, {"nonlinearity": "sigmoid"}],
    "kaiming_uniform_": [{}, {"a": 5**0.5}, {"nonlinearity": "selu"}, {"nonlinearity": "tanh"}],
    "normal_": [{}, {"std": 0.02}, {"std": 0}, {"mean": 1, "std": -1.0}],
    "orthogonal_": [{}, {"gain": 2**0.5}],
    "sparse_": [{"sparsity": 0.1}, {"sparsity": 1}, {"sparsity": 0.5, "std": 0}, {"sparsity": 0.5, "std": -1}],
    "trunc_normal_": [{}, {"std": 0.02}, {"a": -1, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 1}, {"std": 0}],
    "uniform_": [{}, {"a": -1, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": -3e38, "b": 3e38}],
    "xavier_normal_": [{}, {"gain": 2}],
    "xavier_uniform_": [{}, {"gain": 0}],
}


def test_every_function_of_torch_is_here() -> None:
    theirs = {
        n for n in dir(init) if n.endswith("_") and not n.startswith("_") and inspect.isfunction(getattr(init, n))
    }
    assert set(FUNCTIONS) == theirs
    assert len(theirs) == 14


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    parameters = list(inspect.signature(getattr(init, name)).parameters.values())
    theirs = [
        (p.name, REQUIRED if p.default is inspect.Parameter.empty else p.default)
        for p in parameters[1:]
        if p.name != "generator"
    ]
    assert [(a.name, a.default) for a in FUNCTIONS[name].arguments] == theirs


def test_the_choices_of_nonlinearity_are_torchs() -> None:
    for name in ("kaiming_normal_", "kaiming_uniform_"):
        (argument,) = (a for a in FUNCTIONS[name].arguments if a.name == "nonlinearity")
        for choice in argument.kind.choices:
            getattr(init, name)(torch.empty(3, 3, 3), nonlinearity=choice)
        with pytest.raises(ValueError, match="nonlinearity"):
            getattr(init, name)(torch.empty(3, 3, 3), nonlinearity="gelu")
        assert not argument.kind.accepts("gelu")


CASES = [
    (name, shape, arguments)
    for name in FUNCTIONS
    for shape, arguments in itertools.product(SHAPES, ARGUMENTS.get(name, [{}]))
]


@pytest.mark.parametrize(("name", "shape", "arguments"), CASES)
def test_accepted_here_and_by_torch(name: str, shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
    try:
        FUNCTIONS[name].check(Target(shape, DType.float32), arguments)
        accepted = True
    except Unfit:
        accepted = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(init, name)(torch.empty(shape), **arguments)
        taken = True
    except (ValueError, RuntimeError, ZeroDivisionError, IndexError):
        taken = False
    assert accepted == taken, (name, shape, arguments)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_complex_numbers_are_never_accepted_in_vain(name: str) -> None:
    """Where a function is accepted for complex numbers, torch runs it."""
    tensor, arguments = torch.empty(4, 4, 3, dtype=torch.complex64), ARGUMENTS.get(name, [{}])[0]
    try:
        FUNCTIONS[name].check(Target(tensor.shape, DType.complex64), arguments)
    except Unfit:
        return
    getattr(init, name)(tensor, **arguments)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e39, -1e300])
def test_numbers_that_no_float32_holds_are_refused(value: float) -> None:
    with pytest.raises(Unfit, match="no float32"):
        FUNCTIONS["constant_"].check(Target((3,), DType.float32), {"val": value})

"""What is emitted does what the graph says, step by step: no value is overwritten too early, no size read from the wrong
place, no constant given to the wrong instance, no random number drawn out of turn."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch
from hypothesis import Phase, assume, event, find, given, note, settings
from torch import nn

from nnc.compiler.backends.torch.build import build, origin
from nnc.compiler.backends.torch.fit import Vector
from nnc.compiler.backends.torch.syntax import literal
from nnc.compiler.driver import compile_mapping
from nnc.compiler.graph.ir import Graph
from tests.backends_torch.interpreter import flat, interpret, owns_what_it_says
from tests.backends_torch.networks import SMALL, module, sample
from tests.backends_torch.wiring import wired


def graph_of(model: nn.Module) -> Graph:
    found = origin(model)
    assert found is not None
    return found.graph


def same(model: nn.Module, *inputs: torch.Tensor) -> bool:
    """Whether it has the modules that its graph says and does what its graph says, in training mode and in eval mode."""
    if not owns_what_it_says(graph_of(model), model):
        return False
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for training in (True, False):
        model.train(training)
        torch.manual_seed(0)
        ours = flat(model(*inputs))
        model.load_state_dict(state)  # running statistics as they were
        torch.manual_seed(0)
        theirs = list(interpret(graph_of(model), model, list(inputs)).values())
        model.load_state_dict(state)
        if len(ours) != len(theirs) or not all(
            torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(ours, theirs, strict=True)
        ):
            return False
    return True


@given(wired())
@settings(max_examples=(settings.get_current_profile_name() == "nightly" and 3000) or 150)
def test_random_wiring(spec: dict[str, Any]) -> None:
    found = compile_mapping(spec)
    note(str(spec["layers"]))
    note("\n".join(map(str, found.problems.sorted())))
    event("accepted" if found.ok else f"refused: {found.problems.sorted()[0].code}")
    assume(found.ok)
    model = build(found.graph)
    note(str(model.source))
    with torch.no_grad():
        assert same(model, torch.randn(2, 3, 8), torch.randn(2, 3, 8))


def first_of_all(values: Vector) -> ast.expr:
    return literal(values[0])


MISTAKES = {
    "a variable is taken that still holds a value": ("variables._is_free", lambda *_: True),
    "what differs is taken for equal": ("fit.constant", first_of_all),
    "a formula is taken that holds for the first instance only": ("fit._ratio", lambda v, b: max(2, v[0] // b[0])),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, mistake = MISTAKES[name]
    monkeypatch.setattr(f"nnc.compiler.backends.torch.{where}", mistake)

    def differs(spec: dict[str, Any]) -> bool:
        found = compile_mapping(spec)
        if not found.ok:
            return False
        try:
            with torch.no_grad():
                return not same(build(found.graph), torch.randn(2, 3, 8), torch.randn(2, 3, 8))
        except (RuntimeError, NameError, AttributeError):
            return True

    find(
        wired(), differs, settings=settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate])
    )


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str) -> None:
    model = module(name)
    assert same(model, *sample(model))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("bilstm", {}),
        ("lenet5", {}),
        ("mlp", {"dropout": 0.2}),
        ("resnet", {"layers": [2, 1, 3, 1]}),
        ("siamese", {}),
        ("unet", {"width": 4}),
        ("unet", {"width": 4, "bilinear": True}),
        (
            "vit",
            {
                "image_size": 32,
                "patch_size": 8,
                "num_layers": 3,
                "num_heads": 2,
                "hidden_dim": 16,
                "mlp_dim": 32,
                "dropout": 0.1,
            },
        ),
    ],
)
def test_shipped_networks(name: str, args: dict[str, Any]) -> None:
    model = module(name, **args)
    assert same(model, *sample(model, H=37, W=33))

"""How a compiled spec is compared with torchvision's model: to the last bit, in both modes, and backwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torchvision
from torch import Tensor, nn

import nnc
from tests.zoo.families.case import Case

__all__ = ["compare", "compare_models", "gradients", "ours", "outputs", "signature", "theirs", "trainable"]


def theirs(case: Case) -> nn.Module:
    """torchvision's model, with weights drawn from seed 0 unless on meta."""
    module: Any = torchvision.models
    *folders, name = case.name.split(".")
    for folder in folders:
        module = getattr(module, folder)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # googlenet and inception_v3: "the default initialization will change"
        model: nn.Module = getattr(module, name)(**case.options)
    return model


def ours(case: Case) -> nn.Module:
    """The compiled spec, with torch's own initial weights."""
    return nnc.load(case.spec, **case.args)


@contextmanager
def undrawn() -> Iterator[None]:
    """Layers that are built meanwhile keep what their memory held: for those that get their weights from elsewhere."""
    names = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(nn.init, name, lambda tensor, *_, **__: tensor))
        yield


def signature(model: nn.Module) -> list[tuple[str, tuple[int, ...], torch.dtype]]:
    """Key, shape and dtype of everything in `state_dict`, in its order."""
    return [(k, tuple(v.shape), v.dtype) for k, v in model.state_dict().items()]


def trainable(model: nn.Module) -> list[tuple[str, bool]]:
    """Every parameter, and whether it is trained."""
    return [(k, p.requires_grad) for k, p in model.named_parameters()]


def outputs(model: nn.Module, x: Tensor, renamed: Mapping[str, str] = {}) -> dict[str, Tensor]:
    """What the model returns, by name: of a dict its keys, of a named tuple its fields, of a tensor or a dict of one
    the name "". Randomness starts from seed 1."""
    torch.manual_seed(1)
    out = model(x)
    if isinstance(out, tuple):
        out = out._asdict()  # type: ignore[attr-defined]
    named = {renamed.get(k, k): v for k, v in out.items()} if isinstance(out, dict) else {"": out}
    return named if len(named) > 1 else dict(zip([""], named.values(), strict=True))


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    """Gradients by parameter; None where none arrived."""
    return {k: p.grad for k, p in model.named_parameters()}


def compare(case: Case) -> None:
    """Builds both, copies torchvision's weights, and fails where the two differ."""
    reference = theirs(case)
    with undrawn():
        model = ours(case)
    model.load_state_dict(reference.state_dict())
    compare_models(case, reference, model)


def compare_models(case: Case, reference: nn.Module, model: nn.Module) -> None:
    """Fails where any output, gradient or running statistic differs in a bit. In training the outputs' sum, weighed by
    random numbers lest a normalization make its gradient vanish, is taken backwards."""
    for training in (False, True):
        reference.train(training)
        model.train(training)
        for size in case.sizes:
            torch.manual_seed(2)
            x = torch.randn(case.batch, *size)
            at = f"{case.name} at {size}, training={training}"
            with torch.set_grad_enabled(training):
                wanted, got = outputs(reference, x, case.outputs), outputs(model, x)
            assert got.keys() == wanted.keys(), at
            assert all(torch.equal(got[k], wanted[k]) for k in wanted), at
            if training:
                weights = {k: torch.randn(v.shape) for k, v in wanted.items()}
                for named in (wanted, got):
                    sum((v * weights[k]).sum() for k, v in named.items()).backward()  # type: ignore[union-attr]
                assert same(gradients(model), gradients(reference)), f"the gradients of {at}"
    assert same(dict(model.state_dict()), dict(reference.state_dict())), f"{case.name}: running statistics"


def same(a: Mapping[str, Tensor | None], b: Mapping[str, Tensor | None]) -> bool:
    """Whether the same names hold equal tensors, or none."""

    def equal(x: Tensor | None, y: Tensor | None) -> bool:
        return x is y if x is None or y is None else torch.equal(x, y)

    return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)

"""What a rule accepts runs in training too, forward and backward, where its training demands hold."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import Refusal
from nnc.compiler.ops.catalogue import CATALOGUE
from tests.ops.cases import case
from tests.ops.oracle import construct, forward

NIGHTLY = settings.get_current_profile_name() == "nightly"


def tensors(results: Any) -> list[torch.Tensor]:
    if isinstance(results, torch.Tensor):
        return [results]
    return [t for r in results or () for t in tensors(r)]


@pytest.mark.parametrize("name", [n for n, op in CATALOGUE.items() if op.form == "module"])
def test_learns(name: str) -> None:
    op = CATALOGUE[name]

    @settings(
        max_examples=100 if NIGHTLY else 6,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments = data.draw(case(op))
        try:
            call = apply(op, arguments).call
        except Refusal:
            assume(False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = construct(op, arguments).train()
            if call.training_demands:
                with pytest.raises(ValueError, match="more than 1"):
                    forward(module, op, arguments)
                return
            results = tensors(forward(module, op, arguments))
            learned = [t.abs().sum() for t in results if t.requires_grad]
            if learned:
                torch.autograd.backward(learned)

    check()

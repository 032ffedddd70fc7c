"""Whatever is written about groups, steps and carried state, the check ends with diagnostics: no traceback, no hang."""

from __future__ import annotations

import random
import time

import pytest

from nnc.compiler.codes import CODES
from nnc.compiler.driver import compile_text
from tests.runtime.test_carry import SPEC
from tests.runtime.test_steps import ACTOR_CRITIC, GAN
from tests.training.test_groups import NETWORK
from tests.training.test_mutations import mutated

GROUPS = (
    NETWORK
    + """\
freeze: body.0
data: {train: 'Npz("data.npz")', fields: [tokens, label], validation: 4}
train:
  loss: CrossEntropyLoss
  epochs: 4
  optimizer:
    type: AdamW(lr=1e-3)
    no_decay: [default, head.*]
    layer_decay: {factor: 0.5, layers: [embed, "body.*", head]}
    groups:
      - {match: head.bias, type: Linear, ndim: [0, 1], lr: 0.1}
  scheduler: CyclicLR(0.1, 0.5)
  unfreeze: [{match: body.0, epoch: 2, lr: 1e-4, statistics: false}]
"""
)
SHARED = GROUPS[: GROUPS.index("  optimizer:")] + """\
  optimizer:
    - {type: Muon(lr=0.02), parameters: body, ndim: 2}
    - {type: SGD, parameters: [embed, "*.bias"]}
    - AdamW
  scheduler: OneCycleLR(0.1, total_steps=steps, cycle_momentum=False)
"""  # fmt: skip
TEXTS = (GROUPS, SHARED, GAN, ACTOR_CRITIC, SPEC)


def check(seed: int) -> None:
    whole = TEXTS[seed % len(TEXTS)]
    at = whole.index("train:\n")
    text = whole[:at] + mutated(whole[at:], random.Random(seed))
    began = time.process_time()
    for diagnostic in compile_text(text).problems:
        assert diagnostic.code in CODES, diagnostic
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        assert diagnostic.message
    assert time.process_time() - began < 2


def test_unchanged_they_are_right() -> None:
    for text in TEXTS:
        assert not compile_text(text).problems.found


@pytest.mark.parametrize("block", range(5))
def test_mutations(block: int) -> None:
    for seed in range(block * 40, (block + 1) * 40):
        check(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_many_mutations(block: int) -> None:
    for seed in range(1_000 + block * 1000, 1_000 + (block + 1) * 1000):
        check(seed)

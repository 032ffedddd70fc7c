"""Which samples an epoch draws: torch's samplers as torch has them, by length, consecutive; and which samples validate."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import RandomSampler, WeightedRandomSampler

from nnc.compiler.training.config import BoundCall, DataConfig, Holdout, PaddingConfig, TrainConfig
from nnc.runtime.data.datasets import Columns
from nnc.runtime.data.holdout import divide
from nnc.runtime.data.ragged import Ragged
from nnc.runtime.data.sampling import Sampling, by_length, consecutive, sampling_of
from nnc.runtime.data.splits import InMemory
from nnc.runtime.failure import Failure
from nnc.runtime.training.seed import generator
from tests.runtime.helpers import DATA, TRAIN, read
from tests.runtime.test_parts import SPAN, bound

LABELS = torch.tensor([0] * 12 + [1] * 6 + [2] * 2)
CONFIG = read(DATA + TRAIN)[1]  # seed 7, batches of 16


def data(sampler: BoundCall | None = None, **more: Any) -> DataConfig:
    train = bound("dataset", "Npz", file="train.npz")
    return DataConfig(("x", "label"), train, SPAN, sampler=sampler, **more)


def drawn(name: str, config: TrainConfig = CONFIG, **arguments: Any) -> Sampling:
    columns = Columns({"x": torch.arange(20.0), "weight": LABELS * 1.0, "label": LABELS}, ("a", "b", "c"))
    return sampling_of(InMemory(columns, ()), data(bound("sampler", name, **arguments)), config, ("a", "b", "c"))


@pytest.mark.parametrize(("count", "replacement"), [(None, False), (7, False), (45, False), (None, True), (45, True)])
def test_random_as_in_torch(count: int | None, replacement: bool) -> None:
    ours = drawn("RandomSampler", replacement=replacement, num_samples=count)
    theirs = RandomSampler(range(20), replacement, count, generator(CONFIG.seed, "order", 3))
    assert ours.order(3).tolist() == list(theirs)
    assert ours.count == len(theirs)
    assert not torch.equal(ours.order(3), ours.order(4))


@pytest.mark.parametrize("replacement", [False, True])
def test_weighted_as_in_torch(replacement: bool) -> None:
    ours = drawn("WeightedRandomSampler", weights="weight", num_samples=6, replacement=replacement)
    theirs = WeightedRandomSampler((LABELS * 1.0).tolist(), 6, replacement, generator(CONFIG.seed, "order", 1))
    assert ours.order(1).tolist() == list(theirs)
    assert LABELS[ours.order(1)].min() > 0, "what weighs nothing is never drawn"


def test_every_class_as_often() -> None:
    ours = drawn("Balanced", num_samples=3000)
    counts = Counter(LABELS[ours.order(1)].tolist())
    assert all(900 < counts[c] < 1100 for c in range(3))
    named = drawn("WeightedRandomSampler", weights={"c": 10, "a": 0}, num_samples=1000)
    counts = Counter(LABELS[named.order(1)].tolist())
    assert counts[0] == 0
    assert counts[2] / counts[1] == pytest.approx(20 / 6, rel=0.3)
    listed = drawn("WeightedRandomSampler", weights=(0, 1, 10), num_samples=1000)
    assert torch.equal(listed.order(1), named.order(1))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"weights": {"d": 1}}, "there is no class `d`"),
        ({"weights": (1.0, 1.0)}, "2 weights for 3 classes"),
        ({"weights": "weight", "replacement": False}, "20 samples are to be drawn once each, and 8 have a weight"),
        ({"weights": {"a": 0, "b": 0, "c": 0}}, "no sample of the training data has a weight above 0"),
    ],
)
def test_weights_with_faults(arguments: dict[str, Any], expected: str) -> None:
    given = BoundCall("sampler", "WeightedRandomSampler", arguments, SPAN, {"weights": SPAN})
    columns = Columns({"x": torch.arange(20.0), "weight": LABELS * 1.0, "label": LABELS}, ("a", "b", "c"))
    with pytest.raises(Failure) as caught:
        sampling_of(InMemory(columns, ()), data(given), CONFIG, ("a", "b", "c"))
    assert expected in str(caught.value)


def test_weights_that_are_none() -> None:
    columns = Columns({"x": torch.arange(3.0) - 1, "label": torch.arange(3)}, None)
    for call in (bound("sampler", "WeightedRandomSampler", weights="x"), bound("sampler", "Balanced", field="x")):
        with pytest.raises(Failure, match="holds"):
            sampling_of(InMemory(columns, ()), data(call), CONFIG)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 4))
def test_by_length(lengths: list[int], batch_size: int, pool: int) -> None:
    """Every sample once; batches within a pool do not overlap in length; a batch that is not full is the last."""
    known = torch.tensor(lengths)
    order = by_length(known, batch_size, pool, generator(1, "order"), generator(1, "batches"))
    assert sorted(order.tolist()) == list(range(len(lengths)))
    if pool * batch_size >= len(lengths):
        ranges = [(int(known[b].min()), int(known[b].max())) for b in torch.split(order, batch_size)]
        ordered = sorted(ranges)
        assert all(a[1] <= b[0] for a, b in pairwise(ordered))


def test_by_length_pads_less() -> None:
    lengths = torch.randint(1, 100, (1000,), generator=generator(0, "lengths"))
    ragged = Ragged.packed(torch.zeros(int(lengths.sum())), lengths)
    split = InMemory(Columns({}, None, sequences={"x": ragged}), (), padding=PaddingConfig(("x",)))
    config = data(bound("sampler", "ByLength"), padding=PaddingConfig(("x",)))
    sampling = sampling_of(split, config, CONFIG)

    def places(order: torch.Tensor) -> int:
        return sum(int(lengths[b].max()) * len(b) for b in torch.split(order, CONFIG.batch_size))

    whole = int(lengths.sum())
    assert places(sampling.order(1)) < 1.1 * whole < 1.6 * whole < places(torch.arange(1000))
    assert not torch.equal(sampling.order(1), sampling.order(2))


@given(st.integers(1, 60), st.integers(1, 12))
def test_rows_go_on_from_batch_to_batch(length: int, batch_size: int) -> None:
    order = consecutive(length, batch_size)
    batches = torch.split(order, min(batch_size, length))
    assert len({len(b) for b in batches}) == 1
    for before, after in pairwise(batches):
        assert torch.equal(after, before + 1)
    assert len(set(order.tolist())) == len(order) > length - min(batch_size, length)


# -- validation --------------------------------------------------------------------------------------------------------


def parts(validation: Any, *, length: int = 20, in_order: bool = False, seed: int = 0) -> tuple[list[int], list[int]]:
    config = data(validation=validation, seed=seed)
    kept, held = divide(length, config, lambda _: LABELS, in_order=in_order)
    assert kept is not None
    assert held is not None
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(length))
    return kept.tolist(), held.tolist()


def test_a_share_of_every_class() -> None:
    _, held = parts(Holdout(0.5, "label"))
    assert Counter(LABELS[held].tolist()) == {0: 6, 1: 3, 2: 1}
    _, three = parts(Holdout(3, "label"))
    assert Counter(LABELS[three].tolist()) == {0: 2, 1: 1}
    assert parts(Holdout(0.5, "label")) == parts(Holdout(0.5, "label")) != parts(Holdout(0.5, "label"), seed=1)


@pytest.mark.parametrize("stratify", [None, "label"])
@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_hold_every_sample_once(stratify: str | None, folds: int) -> None:
    held = [parts(Holdout(None, stratify, folds, k))[1] for k in range(1, folds + 1)]
    assert sorted(i for part in held for i in part) == list(range(20))
    assert max(map(len, held)) - min(map(len, held)) <= 1
    if stratify:
        counts = [Counter(LABELS[part].tolist()) for part in held]
        assert all(max(c[n] for c in counts) - min(c[n] for c in counts) <= 1 for n in range(3))


def test_a_stream_is_cut_in_one_piece() -> None:
    assert parts(0.2, in_order=True)[1] == [16, 17, 18, 19]
    assert parts(Holdout(None, None, 4, 2), in_order=True)[1] == [5, 6, 7, 8, 9]


def test_parts_that_would_be_empty() -> None:
    for validation in (20, 0.001, Holdout(None, None, 21, 1)):
        with pytest.raises(Failure, match=r"of 20 samples|make no 21 folds"):
            parts(validation)
    with pytest.raises(Failure, match="holds no class numbers"):
        divide(20, data(validation=Holdout(0.5, "x")), lambda _: torch.arange(20.0))

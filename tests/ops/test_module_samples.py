"""PyTorch's own samples of its modules, built from specs: the same parameters, and with them copied the same outputs. What
torch's tests expect to be refused is refused by the check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import settings

import nnc
from nnc.compiler.ops.call import Refusal
from tests.ops import module_samples
from tests.ops.causes import cause, causes
from tests.ops.module_samples import INFOS, Inexpressible, Sample

NIGHTLY = settings.get_current_profile_name() == "nightly"
LOSSES = [name for name in INFOS if name.endswith("Loss")]
OTHERS = [name for name in INFOS if name not in LOSSES]


# Error inputs that are accepted.
ACCEPTED: Mapping[str, tuple[int, str]] = {
    "Embedding": (1, "an index beyond the table: no check sees values"),
}


def compare(sample: Sample, training: bool) -> str:
    """What differs between torch's module and the spec's; nothing where they are the same."""
    theirs = sample.make().train(training)
    state = {k: v.clone() for k, v in theirs.state_dict().items()}
    torch.manual_seed(1)
    with torch.no_grad():
        wanted = sample.call(theirs)
    spec = sample.with_outputs(len(wanted))
    problems = nnc.check(spec)
    if problems:
        return f"refused: {problems[0]}"
    ours = nnc.load(spec).train(training)
    mine = {k.removeprefix("layer."): v for k, v in ours.state_dict().items()}
    if [(k, v.shape, v.dtype) for k, v in mine.items()] != [(k, v.shape, v.dtype) for k, v in state.items()]:
        return f"owns {list(mine)}, torch {list(state)}"
    ours.load_state_dict({f"layer.{k}": v for k, v in state.items()})
    torch.manual_seed(1)
    with torch.no_grad():
        got = module_samples.flat(ours(*sample.tensors.values()))
    if len(got) != len(wanted):
        return f"gives {len(got)} results, torch {len(wanted)}"
    return "" if all(map(_same, got, wanted)) else "gives other numbers"


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to the last bit; where one has nan, so has the other."""
    return a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def chosen(name: str) -> Iterator[tuple[bool, Sample | Inexpressible]]:
    """All samples in eval mode, every twentieth where there are hundreds; in training only with --nightly, but of modules
    that differ there."""
    for training in (False, True) if NIGHTLY or differs_in_training(name) else (False,):
        samples = list(module_samples.samples(name, training))
        for sample in samples[:: 1 if NIGHTLY or len(samples) < 200 else 20]:
            yield training, sample


def differs_in_training(name: str) -> bool:
    return any(word in name for word in ("Norm", "Dropout", "RReLU"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_module_is_torchs(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_torchs(name: str) -> None:
    check(name)


def check(name: str) -> None:
    for training, sample in chosen(name):
        difference = str(sample) if isinstance(sample, Inexpressible) else compare(sample, training)
        assert not difference, f"{sample}, training={training}: {difference}"


@pytest.mark.parametrize("name", [n for n, info in INFOS.items() if info.module_error_inputs_func])
def test_what_torchs_tests_expect_to_be_refused_is(name: str) -> None:
    accepted = 0
    for sample in module_samples.errors(name):
        if isinstance(sample, Inexpressible):
            assert "is a complex" in str(sample), sample
            continue
        problems = nnc.check(sample.spec)
        if not problems:
            accepted += 1
            continue
        (problem,) = problems
        blamed = cause(Refusal(problem.code, ""))
        assert problem.code == "NNC0305" or without_elements(sample) or blamed in causes(error(sample)), problem
    assert accepted == ACCEPTED.get(name, (0, ""))[0]


def error(sample: Sample) -> str:
    """What torch says."""
    try:
        sample.call(sample.make())
    except Exception as refused:
        return f"{type(refused).__name__}: {refused}".split("\n")[0]
    raise AssertionError(f"torch takes {sample.text}")


def without_elements(sample: Sample) -> bool:
    """No check sees that a free size is 0."""
    return any(t.numel() == 0 for t in sample.tensors.values())


def test_there_are_as_many_as_thought() -> None:
    """Else torch's samples are no longer where they were."""
    plain = [s for name in OTHERS for s in module_samples.samples(name) if isinstance(s, Sample)]
    assert len(plain) >= 606
    assert sum(1 for name in LOSSES for s in module_samples.samples(name) if isinstance(s, Sample)) >= 230


def test_a_difference_is_seen() -> None:
    """The comparison can fail: another default, another shape, another name."""
    sample = next(s for s in module_samples.samples("Linear") if isinstance(s, Sample))
    layer = sample.spec["layers"]["layer"]
    assert compare(sample, training=False) == ""
    for wrong in ({"bias": False}, {"type": "LazyLinear", "out_features": 3}, {"in_features": 2}):
        assert compare(replace(sample, spec={**sample.spec, "layers": {"layer": {**layer, **wrong}}}), training=False)

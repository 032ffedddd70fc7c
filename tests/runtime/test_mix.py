"""CutMix and MixUp: torchvision's own, a function of seed, epoch and batch; a run that is resumed mixes as before."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text
from nnc.compiler.training.config import Mixture
from nnc.compiler.training.read.read import read_sections
from nnc.compiler.types.dim import size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.failure import Failure
from nnc.runtime.signature import Signature
from nnc.runtime.training.mix import Mixer
from nnc.runtime.training.seed import derive
from tests.runtime.helpers import DATA, TRAIN, StopAfter, network, run, same_state

HEAD = """
nnc: 1
inputs: {image: [B, 1, 8, 8]}
layers: {flat: flatten(1), fc: Linear(3)}
"""
SMALL = """
data:
  train: Npz("train.npz")
train:
  loss: CrossEntropyLoss
  optimizer: SGD
  epochs: 1
"""


def mixtures(mix: str, rest: str = SMALL) -> tuple[Mixture, ...]:
    """`mix:` of a spec without faults."""
    found, faults = section(mix, rest)
    assert faults == []
    return found


def section(mix: str, rest: str = SMALL) -> tuple[tuple[Mixture, ...], list[str]]:
    compilation = compile_text(HEAD + rest + textwrap.indent(textwrap.dedent(mix), "  "))
    faults = [f"[{p.code}] {p.message} {p.fix.title if p.fix else ''}" for p in compilation.problems]
    if faults or compilation.spec is None:
        return (), faults
    problems = Problems()
    _, config = read_sections(compilation.spec.sections, problems, graph=compilation.graph, spec=compilation.spec)
    assert config is not None
    return config.mix, []


def batch(count: int = 6) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return {"image": torch.rand(count, 1, 8, 8, generator=random), "label": torch.arange(count) % 3}


@pytest.mark.parametrize("call", ["CutMix", "MixUp", "CutMix(alpha=0.3)", "MixUp(alpha=0.2)"])
def test_it_is_torchvision_s(call: str) -> None:
    name, _, rest = call.partition("(")
    alpha = float(rest.removesuffix(")").removeprefix("alpha=") or 1)
    mixer = Mixer(mixtures(f"mix: {call}"), seed=5)
    for number in range(4):
        found = mixer(batch(), 2, number)
        torch.manual_seed(derive(5, "mix", 2, number, 0))
        image, label = getattr(v2, name)(alpha=alpha, num_classes=3)(*batch().values())
        assert torch.equal(found["image"], image)
        assert torch.equal(found["label"], label)
        assert torch.allclose(found["label"].sum(1), torch.ones(6))


def test_a_batch_is_mixed_by_seed_epoch_and_number_alone() -> None:
    mixer = Mixer(mixtures("mix: [CutMix, MixUp]"), seed=5)
    before = torch.get_rng_state()
    first = mixer(batch(), 1, 0)["image"]
    assert torch.equal(torch.get_rng_state(), before), "the network's randomness is not touched"
    torch.rand(3)
    assert torch.equal(mixer(batch(), 1, 0)["image"], first)
    others = [
        mixer(batch(), 1, 1),
        mixer(batch(), 2, 0),
        Mixer(mixer.mixtures, 6)(batch(), 1, 0),
        Mixer(mixer.mixtures, 5, 1)(batch(), 1, 0),
    ]
    assert all(not torch.equal(o["image"], first) for o in others)


def test_of_several_each_gets_its_share() -> None:
    mixer = Mixer(mixtures("mix: [{type: CutMix, p: 0.25}, {type: MixUp, p: 0.5}]"), seed=0)
    plain = batch()["image"]
    untouched = mixed = 0
    for number in range(400):
        found = mixer(batch(), 1, number)
        assert found["label"].dtype == torch.float32
        same = (found["image"] == plain).float().mean()
        untouched += same == 1
        mixed += same < 0.1
    assert 80 <= untouched <= 140, "a quarter of 400, and CutMix's rectangle is sometimes empty"
    assert 160 <= mixed <= 240


def test_labels_that_are_lists_of_numbers_stay_what_they_are() -> None:
    rest = SMALL.replace("CrossEntropyLoss", "BCEWithLogitsLoss")
    (mixture,) = found = mixtures("mix: MixUp", rest)
    assert mixture.classes is None
    soft = {"image": batch()["image"], "label": torch.eye(6)[:, :3]}
    assert Mixer(found, 0)(soft, 1, 0)["label"].shape == (6, 3)


@pytest.mark.parametrize(
    ("mix", "old", "new", "fault"),
    [
        ("mix: CutMx", "", "", "[NNC0801] there is no mixture `CutMx` did you mean `CutMix`"),
        ("mix: CutMix(alpha=0)", "", "", "[NNC0804] `alpha` must be a number > 0, not the number 0"),
        ("mix: CutMix(labels_getter=1)", "", "", "[NNC0809] `labels_getter` of CutMix cannot be given"),
        ("mix: [{type: CutMix, p: 0.9}, {type: MixUp, p: 0.2}]", "", "",
         "[NNC0811] the probabilities add up to 1.1, more than 1"),
        ("mix: {type: CutMix, from: [image, lable]}", "", "", "[NNC0810] there is no field `lable` did you mean `label`"),
        ("mix: {type: CutMix, from: [image]}", "", "", "[NNC0810] two fields are mixed, 1 are named"),
        ("mix: {type: CutMix, from: [label, image]}", "", "", "[NNC0811] CutMix mixes images and labels, and `label` is a label"),
        ("mix: CutMix", "CrossEntropyLoss", "CrossEntropyLoss(ignore_index=255)",
         "[NNC0811] torch's CrossEntropyLoss takes no ignore_index with labels between classes"),
        ("mix: CutMix", "CrossEntropyLoss", "NLLLoss", "[NNC0811] NLLLoss needs `label` as it is, and CutMix mixes it"),
        ("mix: {type: CutMix, p: 2}", "", "", "[NNC0804]"),
    ],
)  # fmt: skip
def test_faults(mix: str, old: str, new: str, fault: str) -> None:
    _, faults = section(mix, SMALL.replace(old, new) if old else SMALL)
    assert len(faults) == 1, faults
    assert faults[0].startswith(fault)


MIXED = DATA + TRAIN + "      mix: [CutMix(num_classes=3), MixUp(num_classes=3)]\n"


def test_training_ends_with_other_weights_and_resumes_exactly(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "plain")
    whole, expected = run(tmp_path / "whole", MIXED)
    assert plain.quantities["train.loss"] != whole.quantities["train.loss"]
    for steps in (1, 6):
        folder = tmp_path / f"stopped-{steps}"
        stopped, _ = run(folder, MIXED, reporter=StopAfter(steps, signal.SIGTERM))
        assert stopped.status == "interrupted"
        ended, found = run(folder, MIXED, resume=True, module=network(seed=9))
        assert ended.quantities == whole.quantities
        assert same_state(found.state_dict(), expected.state_dict())


def test_another_mixture_is_no_resumption(tmp_path: Path) -> None:
    run(tmp_path / "run", MIXED, reporter=StopAfter(1, signal.SIGTERM))
    with pytest.raises(Failure, match="mix was"):
        run(tmp_path / "run", MIXED.replace("CutMix", "MixUp", 1), resume=True)


def test_metrics_see_classes(tmp_path: Path) -> None:
    """Accuracy is measured on the validation data, whose labels nobody mixes."""
    result, _ = run(tmp_path / "run", MIXED)
    assert 0 <= result.quantities["validation.accuracy"] <= 1
    assert "train.accuracy" not in result.quantities


def test_what_cannot_be_mixed_is_said_before_the_first_step(tmp_path: Path) -> None:
    text = DATA[: DATA.index("          - ToDtype")] + TRAIN + "      mix: MixUp(num_classes=3)\n"
    signature = Signature({"x": TensorType((size("B"), 1, 8, 8), DType.uint8)})
    module = nn.Sequential(Float(), nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(Failure, match=r"MixUp cannot take `image` .* uint8"):
        run(tmp_path / "run", text, module=module, signature=signature)
    assert not (tmp_path / "run" / "checkpoints").exists()


class Float(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.float()

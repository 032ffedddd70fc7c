"""examples/transfer/: each case carried out on the shipped digits, or on generated data where these have no such labels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.feature_extraction import create_feature_extractor

import nnc

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the examples with a third of the digits, in which `base.yaml` was trained."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("transfer")
    shutil.copytree(EXAMPLES / "transfer", root / "examples" / "transfer")
    with np.load(EXAMPLES / "data" / "digits" / "digits.npz") as digits:
        fewer = {k: v[:500] if k.startswith("train") else v[:200] for k, v in digits.items()}
    data = root / "examples" / "data" / "digits"
    data.mkdir(parents=True)
    np.savez(data / "digits.npz", **fewer)
    nnc.train(root / "examples/transfer/base.yaml", run_dir=root / "out/transfer/base", device="cpu", progress=False)
    yield root
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(folder: Path) -> Mapping[str, Tensor]:
    """The trained tensors."""
    return nnc.load(folder / "out/transfer/base/model.safetensors").state_dict()


def steps(model: nn.Module, batches: Iterator[tuple[tuple[Tensor, ...], Tensor]], lr: float) -> None:
    """Trains what is to be trained, one step a batch."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    for inputs, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(*inputs), labels).backward()
        optimizer.step()


def test_another_head_learns_and_the_rest_stays(folder: Path, base: Mapping[str, Tensor]) -> None:
    spec, run = folder / "examples/transfer/head.yaml", folder / "out/transfer/head"
    before = nnc.load(spec).state_dict()
    nnc.train(spec, run_dir=run, device="cpu", progress=False)
    after = nnc.load(run / "model.safetensors").state_dict()
    own = {"classifier.4.1.weight", "classifier.4.1.bias"}
    assert after.keys() - base.keys() == own
    assert all(torch.equal(before[k], base[k]) and torch.equal(after[k], base[k]) for k in after.keys() - own)
    assert not any(torch.equal(before[k], after[k]) for k in own)
    assert nnc.evaluate(run, device="cpu").quantities["accuracy"] > 0.8


def test_features_are_those_inside(folder: Path) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.resnet18().eval()
    inner = create_feature_extractor(whole, {"layer2": "stride8", "layer3": "stride16", "layer4": "stride32"})
    model = nnc.load(folder / "examples/transfer/features.yaml").eval()
    model.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("fc.")})
    for height, width in ((64, 64), (49, 70)):
        x = torch.randn(2, 3, height, width)
        wanted, got = inner(x), model(x)
        assert list(got) == list(wanted)
        assert all(torch.equal(got[k], wanted[k]) for k in wanted)


def test_another_input_decides(folder: Path) -> None:
    """Labels that only the new input tells, and images of noise."""
    torch.manual_seed(0)
    model = nnc.load(folder / "examples/transfer/input.yaml")
    model.requires_grad_(False)
    model.known.requires_grad_(True)
    model.fc.requires_grad_(True)
    model.eval()

    def batch(count: int) -> tuple[tuple[Tensor, ...], Tensor]:
        facts = torch.randn(count, 3)
        return (torch.randn(count, 3, 32, 32), facts), (facts[:, 0] > 0).long()

    steps(model, (batch(16) for _ in range(25)), 0.05)
    inputs, labels = batch(100)
    with torch.no_grad():
        assert (model(*inputs).argmax(1) == labels).float().mean() > 0.85


def test_an_auxiliary_output_learns_and_is_for_training_alone(folder: Path) -> None:
    run = folder / "out/transfer/auxiliary"
    spec = folder / "examples/transfer/auxiliary.yaml"
    nnc.train(spec, run_dir=run, device="cpu", progress=False, epochs=3)
    model = nnc.load(run / "model.safetensors")
    with np.load(folder / "examples/data/digits/digits.npz") as digits:
        images = torch.from_numpy(digits["test_images"]).float().unsqueeze(1)
        labels = torch.from_numpy(digits["test_labels"])
    x = F.interpolate((images - 4.9) / 6, 28, mode="bilinear", antialias=True)
    with torch.no_grad():
        both = model.train()(x)
        assert list(both) == ["logits", "aux"]
        assert list(model.eval()(x)) == ["logits"]
    for out in both.values():
        assert (out.argmax(1) == labels).float().mean() > 0.7


def test_a_part_of_a_checkpoint_is_loaded_and_stays(folder: Path, base: Mapping[str, Tensor]) -> None:
    spec = folder / "examples/transfer/part.yaml"
    model = nnc.load(spec)
    loaded = {f"encoder.{k}" for k in base if k.startswith("features.")}
    assert loaded == {k for k, p in model.named_parameters() if not p.requires_grad}
    account = nnc.load_weights(
        model,
        {"file": str(folder / "out/transfer/base/model.safetensors"), "strict": False,
         "rename": {"features.": "encoder.features."}},
    )  # fmt: skip
    assert set(account.loaded) == loaded
    assert set(account.missing) == {"larger.weight", "larger.bias"}
    assert set(account.unexpected) == base.keys() - {k.removeprefix("encoder.") for k in loaded}
    torch.manual_seed(0)
    x = torch.randn(64, 1, 28, 28)
    steps(model, ((((x[:32], x[32:])), torch.arange(32) % 2) for _ in range(3)), 0.01)
    assert all(torch.equal(model.state_dict()[k], base[k.removeprefix("encoder.")]) for k in loaded)

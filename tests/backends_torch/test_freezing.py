"""`freeze:`: which parameters are trained, which running statistics stay, in the module, its source and its copies."""

from __future__ import annotations

import copy
import pickle
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnc
from nnc.compiler.driver import compile_mapping, compile_text
from nnc.compiler.summary import summarize
from tests.expectations import compare

LAYERS: dict[str, Any] = {
    "features": [["Conv2d(4, 3)", "BatchNorm2d", "ReLU"], ["Conv2d(4, 3)", "BatchNorm2d(affine=False)"]],
    "neck": {"layers": {"conv": "Conv2d(6, 1)", "bn": "BatchNorm2d"}},
    "pooled": "mean([2, 3])",
    "scale": "Parameter(ones([6]))",
    "scaled": "pooled * scale",
    "fc": "Linear(3)",
}


def load(freeze: Any) -> nn.Module:
    return nnc.load({"nnc": 1, "name": "net", "inputs": {"x": ["B", 3, 8, 8]}, "layers": LAYERS, "freeze": freeze})


def frozen(model: nn.Module) -> list[str]:
    return [n for n, p in model.named_parameters() if not p.requires_grad]


def resting(model: nn.Module) -> list[str]:
    """Normalization layers that keep their statistics while the network is in training mode."""
    model.train()
    return [n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d) and not m.training]


def test_nothing_is_frozen_unless_it_is_said() -> None:
    spec = {"nnc": 1, "inputs": {"x": ["B", 3, 8, 8]}, "layers": LAYERS}
    model = nnc.load(spec)
    assert frozen(model) == resting(model) == []
    assert "def train" not in str(model.source)


@pytest.mark.parametrize(
    ("freeze", "norms"),
    [
        ("features.*", ["features.0.1", "features.1.1"]),
        (["features.0", "scale"], ["features.0.1"]),
        ("neck", ["neck.bn"]),
        ("*.bias", []),
        (["*.weight", "*.bias"], ["features.0.1", "neck.bn"]),
        ("*", ["features.0.1", "features.1.1", "neck.bn"]),
        ("features.0.1", ["features.0.1"]),
        ({"match": "features.*"}, ["features.0.1", "features.1.1"]),
        ({"match": "features.*", "statistics": True}, ["features.0.1", "features.1.1"]),
        ({"match": ["features.*", "fc"], "statistics": False}, []),
    ],
)
def test_globs_name_parameters_or_the_modules_around_them(freeze: Any, norms: list[str]) -> None:
    model = load(freeze)
    written = freeze["match"] if isinstance(freeze, dict) else freeze
    globs = [written] if isinstance(written, str) else written

    def named(path: str) -> bool:
        parts = path.split(".")
        return any(fnmatchcase(".".join(parts[: i + 1]), g) for i in range(len(parts)) for g in globs)

    assert frozen(model) == [n for n, _ in model.named_parameters() if named(n)]
    assert resting(model) == norms


def test_all_but_what_is_excepted() -> None:
    spec = {"nnc": 1, "name": "net", "inputs": {"x": ["B", 3, 8, 8]}, "layers": LAYERS}
    spec["freeze"] = {"match": "*", "except": ["fc", "neck.bn.bias"]}
    model = nnc.load(spec)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["neck.bn.bias", "fc.weight", "fc.bias"]
    assert resting(model) == ["features.0.1", "features.1.1"]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert summarize(compile_mapping(spec).graph).trainable == trained


def test_training_leaves_what_is_frozen_as_it_was() -> None:
    torch.manual_seed(0)
    model = load("features.*")
    before = copy.deepcopy(model.state_dict())
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 8, 8)).square().sum().backward()
        optimizer.step()
    changed = {n.split(".")[0] for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == {"neck", "scale", "fc"}


def test_with_statistics_false_they_follow_the_data_as_in_torch() -> None:
    model = load({"match": "features.*", "statistics": False})
    before = model.get_buffer("features.0.1.running_mean").clone()
    model.train()(torch.randn(4, 3, 8, 8))
    assert not torch.equal(model.get_buffer("features.0.1.running_mean"), before)


def test_modes_are_kept_through_copies_and_files(tmp_path: Path) -> None:
    model = load(["features.*", "neck"])
    nnc.save(model, tmp_path / "net.safetensors")
    unpickled = pickle.loads(pickle.dumps(model))  # noqa: S301  # our own
    for other in (copy.deepcopy(model), unpickled, nnc.load(tmp_path / "net.safetensors")):
        assert frozen(other) == frozen(model)
        assert resting(other) == resting(model) == ["features.0.1", "features.1.1", "neck.bn"]
        assert not any(m.training for m in other.eval().modules())


def test_the_summary_counts_what_is_trained() -> None:
    spec = {"nnc": 1, "inputs": {"x": ["B", 3, 8, 8]}, "layers": LAYERS, "freeze": ["features.*", "fc.bias"]}
    model = nnc.load(spec)
    summary = summarize(compile_mapping(spec).graph)
    assert summary.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert summary.parameters == sum(p.numel() for p in model.parameters())
    rows = {row.path: row for row in summary.rows}
    assert rows["features"].frozen
    assert not rows["fc"].frozen


def test_the_source_says_it_as_people_do() -> None:
    source = str(load("features.*").source)
    assert "        self.features.requires_grad_(False)\n" in source
    assert (
        "        for module in self.features.modules():\n            if isinstance(module, nn.BatchNorm2d):\n" in source
    )


def test_freezing_what_is_not_there_is_a_fault() -> None:
    text = """
nnc: 1
inputs: {x: [B, 16]}
layers: {body: Linear(10), fc: Linear(2)}
freeze:
  - body
  - head.*  # error: [freeze-without-match] "nothing that the network owns is called `head.*`"
  - bodi  # error: [freeze-without-match] "did you mean `body`"
""".lstrip()
    assert compare(text, compile_text(text, name="net.yaml").problems.sorted()) == []

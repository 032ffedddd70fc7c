"""Every kind of network that tutorials teach, as ONNX and as torch's program: each is held against the network by `export`
itself. Here stands what of its sizes stays free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnc.runtime.export import export
from tests.runtime.export.specs import trained

NETWORKS: list[tuple[str, dict[str, Any], str, str]] = [  # name, arguments, free sizes in ONNX, and in .pt2
    ("lenet5", {}, "B", "B"),
    ("resnet18", {}, "B H W", "B H W"),
    ("unet", {"width": 8}, "B H W", "B H W"),
    ("vit_b_16", {}, "B", "B"),
    ("vae", {}, "B", "B"),
    ("lstm", {}, "B T", "B T"),
    ("seq2seq", {}, "B S T", "B S T"),
    ("word_language_model", {}, "B T", "B T"),
    ("gpt2", {}, "B T", "B T"),
    ("bert", {}, "B T", "B T"),
    ("googlenet", {}, "B H W", "B H W"),
    ("mobilenet_v2", {}, "B H W", "B H W"),
]


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
@pytest.mark.parametrize(("name", "args", "onnx", "pt2"), NETWORKS, ids=[n for n, *_ in NETWORKS])
def test_networks(tmp_path: Path, kind: str, name: str, args: dict[str, Any], onnx: str, pt2: str) -> None:
    done = export(trained(f"zoo:{name}", **args), tmp_path / f"n.{kind}")
    assert sorted(done.free) == (onnx if kind == "onnx" else pt2).split()
    assert done.difference < 1e-5
    assert len(done.compared) >= 2

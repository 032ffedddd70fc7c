"""The source of every shipped spec: alone with torch it loads the compiled model's weights and gives equal outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import nnc
from nnc.compiler.types.dim import evaluate
from nnc.specs import families

SMALL = {"alexnet": 64, "vgg": 32, "resnet": 64, "unet": 33}
ARGS = {"vgg": {"convs": [1, 1, 1, 1, 1], "batch_norm": True}, "unet": {"width": 8}, "vit": {"depth": 2}}

ALONE = """
import importlib.util, sys, torch
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nnc", "yaml", "networkx", "jsonschema"):
            raise ImportError(f"{name} is not to be had here")
sys.meta_path.insert(0, Refuse())
torch.set_num_threads(1)
spec = importlib.util.spec_from_file_location("emitted", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
model = getattr(module, sys.argv[2])().eval()
saved = torch.load(sys.argv[3], weights_only=True)
assert list(model.state_dict()) == list(saved["state"])
model.load_state_dict(saved["state"])
with torch.no_grad():
    out = model(*saved["inputs"])
outputs = list(out.values()) if isinstance(out, dict) else [out]
assert all(torch.equal(a, b) for a, b in zip(outputs, saved["outputs"], strict=True))
print("equal")
"""


@pytest.mark.parametrize("name", families())
def test_the_emitted_file_stands_alone(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nnc.load(f"zoo:{name}", **ARGS.get(name, {})).eval()
    inputs: list[Tensor] = []
    for value in model.graph.inputs:
        sizes = {"B": 2, "T": 7, "H": SMALL.get(name, 8), "W": SMALL.get(name, 8) + 3}
        shape = [d if isinstance(d, int) else evaluate(d, sizes) for d in value.type.shape]
        inputs.append(torch.randint(0, 100, shape) if value.type.dtype == "int64" else torch.randn(shape))
    torch.set_num_threads(1)
    with torch.no_grad():
        out = model(*inputs)
    outputs = list(out.values()) if isinstance(out, dict) else [out]
    torch.save({"state": model.state_dict(), "inputs": inputs, "outputs": outputs}, tmp_path / "saved.pt")
    (tmp_path / "emitted.py").write_text(model.source, encoding="utf-8")
    argv = [sys.executable, "-I", "-c", ALONE, "emitted.py", type(model).__name__, "saved.pt"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout == "equal\n", done.stderr[-2000:]

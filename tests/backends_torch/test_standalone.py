"""An emitted file needs torch alone: where nnc cannot be imported it loads the weights and gives the same numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from nnc.compiler.backends.torch.build import origin
from tests.backends_torch.networks import SMALL, module, sample

ARGS: dict[str, dict[str, Any]] = {
    "lenet5": {},
    "mlp": {"dropout": 0.2},
    "bilstm": {},
    "siamese": {},
    "resnet": {"layers": [1, 3, 1, 1], "num_classes": 10},
    "unet": {"width": 4},
    "vit": {
        "image_size": 32,
        "patch_size": 8,
        "num_layers": 4,
        "num_heads": 4,
        "hidden_dim": 32,
        "mlp_dim": 64,
        "num_classes": 10,
    },
}

READER = """
import importlib, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nnc", "torchvision", "yaml", "networkx"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Blocked())
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
import torch

for file in sorted(folder.glob("*.py")):
    class_name, state, inputs, expected = torch.load(file.with_suffix(".pt"), weights_only=True)
    model = getattr(importlib.import_module(file.stem), class_name)().eval()
    model.load_state_dict(state)
    found = model(*inputs)
    found = list(found.values()) if isinstance(found, dict) else [found]
    assert all(map(torch.equal, found, expected)), file.stem
    print(file.stem)
try:
    import nnc
except ImportError:
    print("nnc is not here")
"""


def test_emitted_files_need_torch_alone(tmp_path: Path) -> None:
    names = [*SMALL, *ARGS]
    for name in names:
        torch.manual_seed(0)
        model = module(name, **ARGS.get(name, {})).eval()
        found = origin(model)
        assert found is not None
        inputs = sample(model, H=16, W=16)
        result = model(*inputs)
        outputs = list(result.values()) if isinstance(result, dict) else [result]
        saved = (found.emitted.class_name, model.state_dict(), inputs, outputs)
        (tmp_path / f"net_{name}.py").write_text(found.emitted.text)
        torch.save(saved, tmp_path / f"net_{name}.pt")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [*sorted(f"net_{n}" for n in names), "nnc is not here"]

"""Loads a trained model in Python, uses it as the `nn.Module` that it is, and saves it again.

python examples/use_model.py out/demo/run/model.safetensors out/demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import nnc

artifact, out = Path(sys.argv[1]), Path(sys.argv[2])
model = nnc.load(artifact).eval()
print(model)

digits = np.load(Path(__file__).parent / "data" / "digits" / "digits.npz")
images = (torch.from_numpy(digits["test_images"]).float().unsqueeze(1) - 4.9) / 6.0  # (N, 1, 8, 8)
labels = torch.from_numpy(digits["test_labels"])
with torch.inference_mode():
    accuracy = (model(images).argmax(1) == labels).float().mean().item()
print(f"{len(model.state_dict())} tensors, test accuracy {accuracy:.4f}")

again = nnc.save(model, out / "again.safetensors")
copy = nnc.load(again).eval()
assert torch.equal(copy(images), model(images)), "saved, loaded, the same"
np.save(out / "digits.npy", digits["test_images"][:8])
print(f"saved {again}, and the first test digits, {digits['test_labels'][:8].tolist()}, as {out / 'digits.npy'}")

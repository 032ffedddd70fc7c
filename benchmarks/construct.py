"""Spec → module in a warm process, against torchvision's own constructor.

python benchmarks/construct.py [repeats]
"""

from __future__ import annotations

import sys

import torch
import torchvision
from harness import interleave, table

import nnc

torch.set_num_threads(1)

if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for name, layers in {"resnet50": [3, 4, 6, 3], "resnet152": [3, 8, 36, 3]}.items():
        make = getattr(torchvision.models, name)
        contestants = {
            f"torchvision.models.{name}()": lambda make=make: make(),
            f"nnc.load, {name}": lambda layers=layers: nnc.load("zoo:resnet", layers=layers),
        }
        print(
            table(
                "Spec → module",
                interleave(contestants, repeats=repeats),
                base=f"torchvision.models.{name}()",
                goal="≤ ×1.10",
            )
        )
    with torch.device("meta"):
        contestants = {
            "torchvision on meta": lambda: torchvision.models.resnet50(),
            "nnc.load on meta": lambda: nnc.load("zoo:resnet"),
        }
        rows = interleave(contestants, repeats=repeats)
    print(
        table("The same without initialization: resnet50", rows, base="torchvision on meta", goal="shown, not promised")
    )

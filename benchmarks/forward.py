"""Forward, and forward + backward, of compiled modules against hand-written ones with the same weights.

python benchmarks/forward.py [repeats]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
import torchvision
from harness import interleave, table
from torch import Tensor, nn

import nnc

torch.set_num_threads(1)


class HandWritten(nn.Module):
    """The 20-layer MLP as a person writes it."""

    def __init__(self, width: int = 64, depth: int = 20) -> None:
        super().__init__()
        for i in range(depth):
            setattr(self, f"fc{i}", nn.Linear(width, width))
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.fc0(x))
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        x = self.act(self.fc3(x))
        x = self.act(self.fc4(x))
        x = self.act(self.fc5(x))
        x = self.act(self.fc6(x))
        x = self.act(self.fc7(x))
        x = self.act(self.fc8(x))
        x = self.act(self.fc9(x))
        x = self.act(self.fc10(x))
        x = self.act(self.fc11(x))
        x = self.act(self.fc12(x))
        x = self.act(self.fc13(x))
        x = self.act(self.fc14(x))
        x = self.act(self.fc15(x))
        x = self.act(self.fc16(x))
        x = self.act(self.fc17(x))
        x = self.act(self.fc18(x))
        return self.act(self.fc19(x))


def sequential(width: int = 64, depth: int = 20) -> nn.Module:
    return nn.Sequential(*(layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())))


def spec(width: int = 64, depth: int = 20) -> dict[str, object]:
    layers: dict[str, object] = {}
    for i in range(depth):
        layers[f"fc{i}"] = f"Linear({width})"
        layers[f"act{i}"] = "ReLU()" if i == 0 else {"use": "act0"}
    return {"nnc": 1, "name": "mlp20", "inputs": {"x": ["B", width]}, "layers": layers}


def listed(width: int = 64, depth: int = 20) -> dict[str, object]:
    layers = [part for _ in range(depth) for part in (f"Linear({width})", "ReLU")]
    return {"nnc": 1, "name": "mlp20", "inputs": {"x": ["B", width]}, "layers": layers}


def backward(model: nn.Module, x: Tensor) -> Callable[[], None]:
    def step() -> None:
        model.zero_grad(set_to_none=True)
        model(x).sum().backward()

    return step


def compare(title: str, base: str, models: dict[str, nn.Module], x: Tensor, repeats: int, inner: int) -> None:
    first = models[base]
    for model in models.values():
        model.load_state_dict(dict(zip(model.state_dict(), first.state_dict().values(), strict=True)))
        model.eval()

    with torch.no_grad():
        want = first(x)
        assert all(torch.equal(m(x), want) for m in models.values())
        rows = interleave({n: lambda m=m: m(x) for n, m in models.items()}, repeats=repeats, inner=inner)
    print(table(f"{title}: forward", rows, base=base, goal="≤ ×1.02"))
    rows = interleave({n: backward(m, x) for n, m in models.items()}, repeats=repeats, inner=inner)
    print(table(f"{title}: forward + backward", rows, base=base, goal="≤ ×1.02"))


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    torch.manual_seed(0)
    mlps = {"hand-written": HandWritten(), "nnc": nnc.load(spec())}
    compare("20-layer MLP, batch 1", "hand-written", mlps, torch.randn(1, 64), repeats, 200)
    lists = {"nn.Sequential": sequential(), "nnc": nnc.load(listed())}
    compare("the same as a list, batch 1", "nn.Sequential", lists, torch.randn(1, 64), repeats, 200)
    nets = {
        "torchvision resnet18": torchvision.models.resnet18(),
        "nnc": nnc.load("zoo:resnet", block="BasicBlock", layers=[2, 2, 2, 2]),
    }
    compare(
        "resnet18, batch 1, 224×224", "torchvision resnet18", nets, torch.randn(1, 3, 224, 224), max(7, repeats // 3), 1
    )

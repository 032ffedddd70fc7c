"""The loops that people write: the tutorial's, and the best that we know.

python benchmarks/train_by_hand.py LOOP SAMPLES FOLDER [channels_last]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, io, transforms
from torchvision.models import resnet18, resnet50
from turns import Stopwatch, take_turns


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.fc3(x)


def lenet_tutorial(samples: int, folder: str, watch: Stopwatch, layout: str) -> Iterator[float]:
    """The tutorial's own: `DataLoader`, `ToTensor`, SGD."""
    data = datasets.MNIST(folder, train=True, transform=transforms.ToTensor())
    loader = DataLoader(data, batch_size=64, shuffle=True)
    model, loss_fn = LeNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    model.train()
    while True:
        total = 0.0
        for x, y in loader:
            loss = watch.timed("forward", lambda x=x, y=y: loss_fn(model(x), y))()
            optimizer.zero_grad()
            watch.timed("backward", loss.backward)()
            watch.timed("optimizer", optimizer.step)()
            total += loss.item() * len(x)
        yield total / len(data)


def in_memory(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    watch: Stopwatch,
) -> Iterator[float]:
    """Everything is a tensor already; the loss is read once an epoch."""
    loss_fn = nn.CrossEntropyLoss()
    model.train()
    while True:
        total = torch.zeros(())
        order = torch.randperm(len(images))
        for at in range(0, len(images), batch_size):
            rows = order[at : at + batch_size]
            x, y = images.index_select(0, rows), labels.index_select(0, rows)
            loss = watch.timed("forward", lambda x=x, y=y: loss_fn(model(x), y))()
            optimizer.zero_grad(set_to_none=True)
            watch.timed("backward", loss.backward)()
            watch.timed("optimizer", optimizer.step)()
            total += loss.detach() * len(rows)
        yield float(total) / len(images)


def lenet_memory(samples: int, folder: str, watch: Stopwatch, layout: str) -> Iterator[float]:
    data = datasets.MNIST(folder, train=True)
    model = LeNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return in_memory(model, data.data[:, None].float() / 255, data.targets, optimizer, 64, watch)


def resnet_memory(samples: int, folder: str, watch: Stopwatch, layout: str) -> Iterator[float]:
    arrays = np.load(f"{folder}/train.npz")
    images = torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2).contiguous().float() / 255
    images = (images - 0.5) / 0.25
    model = resnet18(num_classes=10)
    if layout == "channels_last":
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return in_memory(model, images, torch.from_numpy(arrays["label"]), optimizer, 32, watch)


class Files(Dataset[tuple[Tensor, int]]):
    """Decoded by torchvision itself, which is faster than through Pillow."""

    def __init__(self, folder: str) -> None:
        self.samples = datasets.ImageFolder(f"{folder}/images").samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        return (io.decode_image(path, io.ImageReadMode.RGB).float() / 255 - 0.5) / 0.25, label


def resnet_jpeg(samples: int, folder: str, watch: Stopwatch, layout: str) -> Iterator[float]:
    data = Files(folder)
    loader = DataLoader(data, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True)
    model, loss_fn = resnet18(num_classes=10), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    model.train()
    while True:
        total = torch.zeros(())
        for x, y in loader:
            loss = watch.timed("forward", lambda x=x, y=y: loss_fn(model(x), y))()
            optimizer.zero_grad(set_to_none=True)
            watch.timed("backward", loss.backward)()
            watch.timed("optimizer", optimizer.step)()
            total += loss.detach() * len(x)
        yield float(total) / len(data)


def resnet50_gpu(samples: int, folder: str, watch: Stopwatch, layout: str) -> Iterator[float]:
    """bf16, channels_last, compiled, fused: what the performance guides say, with the data on the GPU."""
    arrays = np.load(f"{folder}/train.npz")
    images = torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2).contiguous().cuda().float() / 255
    images = ((images - 0.5) / 0.25).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(arrays["label"]).cuda()
    model = resnet50(num_classes=10).cuda().to(memory_format=torch.channels_last).train()
    compiled, loss_fn = torch.compile(model), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    while True:
        total = torch.zeros((), device="cuda")
        order = torch.randperm(len(images), device="cuda")
        for at in range(0, len(images), 128):
            rows = order[at : at + 128]
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss = loss_fn((compiled if len(rows) == 128 else model)(images[rows]), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        yield float(total) / len(images)


Loop = Callable[[int, str, Stopwatch, str], Iterator[float]]
LOOPS: dict[str, Loop] = {
    "lenet-tutorial": lenet_tutorial,
    "lenet-memory": lenet_memory,
    "resnet-memory": resnet_memory,
    "resnet-jpeg": resnet_jpeg,
    "resnet50-gpu": resnet50_gpu,
}

if __name__ == "__main__":
    name, samples, folder, layout = [*sys.argv[1:], ""][:4]
    torch.manual_seed(0)
    watch = Stopwatch()
    count = 8000 if name.startswith("lenet") else int(samples)
    take_turns(LOOPS[name](int(samples), folder, watch, layout), count, watch)

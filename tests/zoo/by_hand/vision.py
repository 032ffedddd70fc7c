"""MLP-Mixer, PointNet, and the temporal convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["TCN", "Mixer", "PointNet"]


class Mlp(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class MixerBlock(nn.Module):
    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp_tokens = Mlp(tokens, dim // 2)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp_channels = Mlp(dim, 4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.mlp_channels(self.norm2(x))
        return out


class Mixer(nn.Module):
    """image (N, 3, S, S) → logits (N, classes)."""

    def __init__(self, image_size: int, patch: int, dim: int, depth: int, num_classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"proj": nn.Conv2d(3, dim, patch, stride=patch)})
        self.blocks = nn.Sequential(*(MixerBlock((image_size // patch) ** 2, dim) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem["proj"](image).flatten(2).transpose(1, 2)
        x = self.norm(self.blocks(x)).mean(dim=1)
        logits: Tensor = self.head(x)
        return logits


def _point_mlp(inputs: int, sizes: Sequence[int]) -> nn.ModuleDict:
    layers: list[nn.Module] = []
    for size in sizes:
        layers += [nn.Conv1d(inputs, size, 1), nn.BatchNorm1d(size), nn.ReLU()]
        inputs = size
    return nn.ModuleDict({"mlp": nn.Sequential(*layers)})


class TNet(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k
        self.features = _point_mlp(k, [64, 128, 1024])
        self.fc = nn.Sequential(
            nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU(),
            nn.Linear(512, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, k * k),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        cloud = self.features["mlp"](x).amax(dim=2)
        matrix: Tensor = self.fc(cloud).view(-1, self.k, self.k) + torch.eye(self.k)
        return matrix


class PointNet(nn.Module):
    """points (N, 3, P) → logits (N, classes)."""

    def __init__(self, feature_transform: bool, dropout: float, num_classes: int) -> None:
        super().__init__()
        self.transform = TNet(3)
        self.low = _point_mlp(3, [64])
        if feature_transform:
            self.feature_tnet = TNet(64)
        self.high = _point_mlp(64, [128, 1024])
        self.classifier = nn.Sequential(
            nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU(),
            nn.Linear(512, 256), nn.Dropout(dropout), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, num_classes),
        )  # fmt: skip

    def forward(self, points: Tensor) -> Tensor:
        x = torch.bmm(self.transform(points), points)
        x = self.low["mlp"](x)
        if hasattr(self, "feature_tnet"):
            x = torch.bmm(self.feature_tnet(x), x)
        cloud = self.high["mlp"](x).amax(dim=2)
        logits: Tensor = self.classifier(cloud)
        return logits


class TemporalBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.padding = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.dropout1 = nn.Dropout(dropout)
        self.conv2 = nn.Conv1d(outputs, outputs, kernel, dilation=dilation)
        self.dropout2 = nn.Dropout(dropout)
        self.downsample = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropout1(F.relu(self.conv1(F.pad(x, (self.padding, 0)))))
        h = self.dropout2(F.relu(self.conv2(F.pad(h, (self.padding, 0)))))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class TCN(nn.Module):
    """x (N, in_channels, T) → logits (N, classes), of the last step."""

    def __init__(
        self, in_channels: int, width: int, levels: int, kernel: int, dropout: float, num_classes: int
    ) -> None:
        super().__init__()
        blocks = [TemporalBlock(width if n else in_channels, width, kernel, 2**n, dropout) for n in range(levels)]
        self.tcn = nn.ModuleDict({"network": nn.Sequential(*blocks)})
        self.linear = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.tcn["network"](x)[:, :, -1])
        return logits

"""Networks that compute with frequencies, by hand: the Fourier neural operator as its authors wrote it, and FNet."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.by_hand.transformers import BertOutput

__all__ = ["FNO", "FNet"]


class SpectralConv2d(nn.Module):
    """Real images (N, C, H, W) → the same: the lowest frequencies times weights, the others 0."""

    def __init__(self, channels: int, modes: int) -> None:
        super().__init__()
        self.modes = modes
        shape = (channels, channels, modes, modes)
        self.weights1 = nn.Parameter(torch.rand(shape, dtype=torch.cfloat) / channels**2)
        self.weights2 = nn.Parameter(torch.rand(shape, dtype=torch.cfloat) / channels**2)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        m = self.modes
        x_ft = torch.fft.rfft2(x)
        out_ft = torch.zeros(n, c, h, w // 2 + 1, dtype=torch.cfloat)
        out_ft[:, :, :m, :m] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, :m, :m], self.weights1)
        out_ft[:, :, -m:, :m] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, -m:, :m], self.weights2)
        return torch.fft.irfft2(out_ft, s=(h, w))


class FourierLayer(nn.Module):
    def __init__(self, channels: int, modes: int, activated: bool) -> None:
        super().__init__()
        self.conv = SpectralConv2d(channels, modes)
        self.w = nn.Conv2d(channels, channels, 1)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x) + self.w(x)
        return F.gelu(out) if self.activated else out


class FNO(nn.Module):
    """(N, H, W, in_channels) → (N, H, W, out_channels)."""

    def __init__(self, in_channels: int, out_channels: int, width: int, modes: int, depth: int) -> None:
        super().__init__()
        self.fc0 = nn.Linear(in_channels, width)
        self.layers = nn.Sequential(*(FourierLayer(width, modes, i < depth - 1) for i in range(depth)))
        self.fc1 = nn.Linear(width, 128)
        self.fc2 = nn.Linear(128, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.fc0(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class FNetEmbeddings(nn.Module):
    def __init__(self, dim: int, vocabulary: int, positions: int, segment_types: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, dim, padding_idx=3)
        self.position_embeddings = nn.Embedding(positions, dim)
        self.token_type_embeddings = nn.Embedding(segment_types, dim)
        self.LayerNorm = nn.LayerNorm(dim, eps=1e-12)
        self.projection = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1])
        x = self.word_embeddings(tokens) + self.position_embeddings(positions) + self.token_type_embeddings(segments)
        out: Tensor = self.dropout(self.projection(self.LayerNorm(x)))
        return out


class FNetFourier(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output = nn.ModuleDict({"LayerNorm": nn.LayerNorm(dim, eps=1e-12)})

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.output["LayerNorm"](x + torch.fft.fft2(x, dim=(-2, -1)).real)
        return out


class FNetLayer(nn.Module):
    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.fourier = FNetFourier(dim)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, 4 * dim)})
        self.output = BertOutput(4 * dim, dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.fourier(x)
        out: Tensor = self.output(F.gelu(self.intermediate["dense"](mixed), approximate="tanh"), mixed)
        return out


class FNet(nn.Module):
    """tokens, segments (N, T) → hidden states (N, T, dim), and the first one's, pooled (N, dim)."""

    def __init__(
        self, dim: int, depth: int, vocabulary: int, positions: int = 512, segment_types: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embeddings = FNetEmbeddings(dim, vocabulary, positions, segment_types, dropout)
        self.encoder = nn.ModuleDict({"layer": nn.Sequential(*(FNetLayer(dim, dropout) for _ in range(depth)))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(dim, dim)})

    def forward(self, tokens: Tensor, segments: Tensor) -> dict[str, Tensor]:
        x = self.encoder["layer"](self.embeddings(tokens, segments))
        return {"last_hidden_state": x, "pooler_output": torch.tanh(self.pooler["dense"](x[:, 0]))}

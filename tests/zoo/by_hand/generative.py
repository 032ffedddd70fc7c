"""Networks that make images: autoencoders, DCGAN's two, and the diffusion model's U-Net."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["VAE", "Autoencoder", "DiffusionUNet", "discriminator", "generator"]


class Autoencoder(nn.Module):
    """image (N, 1, 28, 28) → the same again, and the code (N, latent)."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(98 * width, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 98 * width),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        code = self.encoder(image)
        return {"reconstruction": self.decoder(code), "code": code}


class VAE(nn.Module):
    """pytorch/examples, vae/main.py: image (N, pixels) → reconstruction, mean and log-variance (N, latent)."""

    def __init__(self, pixels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(pixels, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, pixels)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        h1 = F.relu(self.fc1(image))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        mu, logvar = self.encode(image)
        return {"reconstruction": self.decode(self.reparameterize(mu, logvar)), "mu": mu, "logvar": logvar}


class _Main(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x)
        return out


def generator(nz: int, ngf: int, nc: int) -> nn.Module:
    """DCGAN tutorial: noise (N, nz, 1, 1) → image (N, nc, 64, 64)."""
    return _Main(
        nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(ngf * 8),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf * 4),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf * 2),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def discriminator(ndf: int, nc: int) -> nn.Module:
    """DCGAN tutorial: image (N, nc, 64, 64) → probability (N, 1, 1, 1)."""
    return _Main(
        nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 2),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 4),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 8),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    )


class TimeEmbedding(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.SiLU(), nn.Linear(4 * dim, 4 * dim))

    def forward(self, time: Tensor) -> Tensor:
        half = self.dim // 2
        frequencies = torch.exp(torch.arange(half) * (-math.log(10000) / half))
        angles = time[:, None] * frequencies
        out: Tensor = self.mlp(torch.cat([angles.sin(), angles.cos()], dim=1))
        return out


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_proj = nn.Linear(embedding, outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.drop = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_proj(F.silu(embedded))[:, :, None, None]
        h = self.conv2(self.drop(F.silu(self.norm2(h))))
        out: Tensor = h + (self.shortcut(x) if hasattr(self, "shortcut") else x)
        return out


class Attention(nn.Module):
    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.num_heads, c // self.num_heads, height * width)
        q, k, v = qkv.transpose(3, 4).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(n, c, height, width)
        out: Tensor = x + self.proj(h)
        return out


class Up(nn.Module):
    def __init__(self, inputs: int, skip: int, outputs: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.res = ResBlock(inputs + skip, outputs, embedding, dropout)

    def forward(self, x: Tensor, skip: Tensor, embedded: Tensor) -> Tensor:
        x = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        out: Tensor = self.res(torch.cat([x, skip], dim=1), embedded)
        return out


class DiffusionUNet(nn.Module):
    """image (N, channels, H, W), time (N,) → the noise in it (N, channels, H, W)."""

    def __init__(self, channels: int, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        e = 4 * width
        self.embedded = TimeEmbedding(width)
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.res1 = ResBlock(width, width, e, dropout)
        self.down1 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.res2 = ResBlock(width, 2 * width, e, dropout)
        self.down2 = nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1)
        self.res3 = ResBlock(2 * width, 4 * width, e, dropout)
        self.attention = Attention(4 * width, num_heads)
        self.middle = ResBlock(4 * width, 4 * width, e, dropout)
        self.up2 = Up(4 * width, 2 * width, 2 * width, e, dropout)
        self.up1 = Up(2 * width, width, width, e, dropout)
        self.norm = nn.GroupNorm(8, width)
        self.noise = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        embedded = self.embedded(time)
        h1 = self.res1(self.stem(image), embedded)
        h2 = self.res2(self.down1(h1), embedded)
        h3 = self.res3(self.down2(h2), embedded)
        h = self.middle(self.attention(h3), embedded)
        h = self.up2(h, h2, embedded)
        h = self.up1(h, h1, embedded)
        noise: Tensor = self.noise(F.silu(self.norm(h)))
        return noise

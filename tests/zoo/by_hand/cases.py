"""Which spec is compared with which hand-written network, on what inputs: narrow, so that the comparison is quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from tests.zoo.by_hand import fourier, generative, recurrent, transformers, vision

__all__ = ["CASES", "HandCase"]

Inputs = Callable[[], tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True)
class HandCase:
    """One spec with small arguments, which `by_hand` takes too, and its inputs at two sizes or more."""

    spec: str
    by_hand: Callable[..., nn.Module]
    args: Mapping[str, Any]
    inputs: tuple[Inputs, ...]

    @property
    def name(self) -> str:
        return self.spec + "".join(f"-{k}={v}" for k, v in self.args.items() if isinstance(v, bool))


def words(*shape: int, below: int = 50) -> Tensor:
    return torch.randint(0, below, shape)


def images(*shape: int) -> Inputs:
    return lambda: (torch.rand(shape),)


def noise(*shape: int) -> Inputs:
    return lambda: (torch.randn(shape),)


def sentences(count: int, length: int) -> Inputs:
    """Tokens, a mask that ends each sentence elsewhere, and segments."""

    def drawn() -> tuple[Tensor, ...]:
        ends = torch.arange(length) % length >= torch.arange(count).unsqueeze(1) % length
        return words(count, length), ends.flip(1).long(), (torch.arange(length) > length // 2).long().expand(count, -1)

    return drawn


def state(time: int, count: int, layers: int, dim: int) -> Inputs:
    return lambda: (words(time, count), torch.randn(layers, count, dim), torch.randn(layers, count, dim))


def captioning(dim: int, **args: Any) -> nn.Module:
    """The encoder is torchvision's ResNet, whose last layer gives `dim` numbers instead of classes."""
    return recurrent.Captioning(torchvision.models.resnet18(num_classes=dim), dim=dim, **args)


_ALL = [
    HandCase(
        "char_rnn", recurrent.CharRNN, {"letters": 7, "hidden_size": 16, "num_classes": 5},
        tuple(lambda n=n: (torch.randn(n, 7), torch.randn(n, 16)) for n in (1, 3)),
    ),
    HandCase(
        "word_language_model", recurrent.WordLanguageModel,
        {"vocabulary": 50, "dim": 12, "num_layers": 2, "dropout": 0.2}, (state(9, 2, 2, 12), state(1, 3, 2, 12)),
    ),
    HandCase(
        "seq2seq", recurrent.Seq2Seq,
        {"source_words": 50, "target_words": 60, "dim": 12, "num_layers": 2, "dropout": 0.1},
        (lambda: (words(2, 9), words(2, 5)), lambda: (words(1, 1), words(1, 4))),
    ),
    HandCase(
        "captioning", captioning, {"vocabulary": 50, "dim": 12, "hidden": 16, "num_layers": 2},
        (lambda: (torch.rand(2, 3, 33, 33), words(2, 5)), lambda: (torch.rand(2, 3, 33, 45), words(2, 1))),
    ),
    HandCase("autoencoder", generative.Autoencoder, {"width": 4, "latent": 6}, (images(2, 1, 28, 28), images(1, 1, 28, 28))),
    HandCase("vae", generative.VAE, {"pixels": 60, "hidden": 20, "latent": 4}, (images(3, 60), images(1, 60))),
    HandCase("dcgan_generator", generative.generator, {"nz": 10, "ngf": 4, "nc": 3}, (noise(2, 10, 1, 1), noise(3, 10, 1, 1))),
    HandCase("dcgan_discriminator", generative.discriminator, {"ndf": 4, "nc": 3}, (images(2, 3, 64, 64), images(3, 3, 64, 64))),
    HandCase(
        "gpt2", transformers.GPT2, {"dim": 24, "depth": 2, "num_heads": 3, "vocabulary": 50, "context": 1024},
        (lambda: (words(2, 11),), lambda: (words(1, 1),)),
    ),
    HandCase(
        "bert", transformers.Bert, {"dim": 24, "depth": 2, "num_heads": 3, "vocabulary": 50},
        (sentences(2, 11), sentences(3, 4)),
    ),
    HandCase(
        "fnet", fourier.FNet, {"dim": 24, "depth": 2, "vocabulary": 50},
        (lambda: (words(2, 11), words(2, 11, below=4)), lambda: (words(3, 1), words(3, 1, below=4))),
    ),
    HandCase(
        "fno", fourier.FNO, {"in_channels": 3, "out_channels": 2, "width": 6, "modes": 3, "depth": 3},
        (noise(2, 7, 4, 3), noise(1, 12, 9, 3)),
    ),
    HandCase(
        "mixer", vision.Mixer, {"image_size": 32, "patch": 8, "dim": 24, "depth": 2},
        (images(2, 3, 32, 32), images(1, 3, 32, 32)),
    ),
    HandCase(
        "tcn", vision.TCN, {"in_channels": 3, "width": 6, "levels": 3, "kernel": 3, "dropout": 0.1, "num_classes": 5},
        (noise(2, 3, 40), noise(1, 3, 1)),
    ),
    *(
        HandCase(
            "pointnet", vision.PointNet, {"feature_transform": both, "dropout": 0.3, "num_classes": 10},
            (noise(3, 3, 50), noise(2, 3, 17)),
        )
        for both in (True, False)
    ),
    HandCase(
        "diffusion_unet", generative.DiffusionUNet, {"channels": 3, "width": 16, "num_heads": 2, "dropout": 0.1},
        tuple(lambda n=n, h=h, w=w: (torch.randn(n, 3, h, w), torch.rand(n) * 1000) for n, h, w in ((2, 16, 16), (1, 12, 20))),
    ),
]  # fmt: skip

CASES: dict[str, HandCase] = {case.name: case for case in _ALL}

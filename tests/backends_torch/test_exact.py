"""Emitted networks equal hand-written ones: the same keys in the same order, and with the same weights the same numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models import ResNet, VisionTransformer

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text
from tests.backends_torch.networks import compiled, module, sample


def same(ours: nn.Module, theirs: nn.Module, *inputs: Tensor) -> None:
    """In training mode, with equal random draws, and in eval mode; gradients too."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        torch.manual_seed(1)
        first = ours(*inputs)
        torch.manual_seed(1)
        second = theirs(*inputs)
        assert torch.equal(first, second)
        if training:
            first.sum().backward()
            second.sum().backward()
            for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
                assert (a.grad is None) == (b.grad is None), name
                assert a.grad is None or torch.equal(a.grad, b.grad), name


@pytest.mark.parametrize(
    ("block", "widths"),
    [("BasicBlock", {}), ("Bottleneck", {}), ("Bottleneck", {"groups": 32, "width_per_group": 4})],
)
def test_resnet_is_torchvisions(block: str, widths: dict[str, int]) -> None:
    ours = module("resnet", block=block, layers=[2, 1, 4, 1], num_classes=10, **widths)
    theirs = ResNet(getattr(torchvision.models.resnet, block), [2, 1, 4, 1], num_classes=10, **widths)
    same(ours, theirs, torch.randn(2, 3, 32, 32))


def test_vision_transformer_is_torchvisions() -> None:
    args = {
        "image_size": 32,
        "patch_size": 8,
        "num_layers": 2,
        "num_heads": 4,
        "hidden_dim": 32,
        "mlp_dim": 64,
        "num_classes": 10,
    }
    ours = module("vit", dropout=0.1, attention_dropout=0.1, **args)
    theirs = VisionTransformer(32, 8, 2, 4, 32, 64, dropout=0.1, attention_dropout=0.1, num_classes=10)
    same(ours, theirs, torch.randn(2, 3, 32, 32))


@pytest.mark.parametrize(
    ("name", "args", "theirs"),
    [
        ("alexnet", {}, torchvision.models.alexnet),
        ("vgg", {}, torchvision.models.vgg16),
        ("vgg", {"convs": [1, 1, 2, 2, 2], "batch_norm": True}, torchvision.models.vgg11_bn),
        ("resnet", {"layers": [3, 8, 36, 3]}, torchvision.models.resnet152),
        ("vit", {}, torchvision.models.vit_b_16),
    ],
)
def test_large_ones_have_torchvisions_keys_and_shapes(
    name: str, args: dict[str, Any], theirs: Callable[..., nn.Module]
) -> None:
    ours = build(compiled(name, **args).graph, device="meta")
    with torch.device("meta"):
        other = theirs()
    mine, his = ours.state_dict(), other.state_dict()
    assert [(k, v.shape) for k, v in mine.items()] == [(k, v.shape) for k, v in his.items()]


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(1568, 64),
        )
        self.fc = nn.Linear(64, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.fc(torch.abs(self.encoder(left) - self.encoder(right)))


class First(nn.Module):
    """The first of a network's outputs."""

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, *inputs: Tensor) -> Tensor:
        return next(iter(self.of(*inputs).values()))


def test_shared_encoder_is_one_module() -> None:
    ours = module("siamese")
    same(First(ours), First(Named(Siamese())), *sample(ours))


class Named(nn.Module):
    """Gives its network's output a name, and the network's keys no prefix."""

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        for name, child in of.named_children():
            self.add_module(name, child)
        self.call = type(of).forward

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        return {"out": self.call(self, *inputs)}  # type: ignore[arg-type]  # the children are the network's


class Windows(nn.Module):
    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.shift = shift
        self.qkv = nn.Linear(16, 48)

    def forward(self, x: Tensor) -> Tensor:
        B, H, W, C = x.shape
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = x.reshape(B, H // 4, 4, W // 4, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, C)
        q, k, v = self.qkv(x).chunk(3, -1)
        x = F.softmax(q @ k.transpose(-2, -1) * C**-0.5, -1) @ v
        return x.reshape(B, H // 4, W // 4, 4, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)


class WindowsNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = Windows(), Windows(2), Windows()

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x)))


@pytest.mark.parametrize("height", [4, 8])
def test_sizes_are_read_at_run_time(height: int) -> None:
    same(module("windows"), WindowsNet(), torch.randn(2, height, 8, 16))


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.positions = nn.Parameter(torch.randn(1, 64, 16))
        self.register_buffer("mask", torch.tril(torch.ones(64, 64)), persistent=False)
        self.scale = nn.Parameter(torch.zeros(16), requires_grad=False)
        self.encoder = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.decoder = nn.Linear(16, 50, bias=False)
        self.decoder.weight = self.embed.weight
        self.mask: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        T = tokens.shape[1]
        x = self.embed(tokens) * (1 + self.scale) + self.positions[:, :T]
        return self.decoder(self.encoder(x)) * self.mask[:T, :1]


def test_tied_and_stored_tensors() -> None:
    ours = module("language")
    same(ours, Language(), *sample(ours))
    assert ours.decoder.weight is ours.embed.weight
    assert not ours.scale.requires_grad
    assert "mask" not in ours.state_dict()
    assert torch.equal(ours.get_buffer("mask"), torch.tril(torch.ones(64, 64)))


class Auxiliary(nn.Module):
    class Head(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.p = p
            self.fc = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(F.dropout(x.mean([2, 3]), self.p, self.training))

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.aux1 = self.Head(0.5)
        self.conv = nn.Conv2d(8, 8, 3)
        self.aux2 = self.Head(0.1)
        self.last = nn.Conv2d(8, 16, 3)
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        heads = [self.aux1(x)] if self.training else []
        x = self.conv(x)
        heads += [self.aux2(x)] if self.training else []
        return torch.stack([self.fc(self.last(x).mean([2, 3])), *heads])


class Stacked(nn.Module):
    """All outputs of a network in one tensor."""

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor) -> Tensor:
        found = self.of(x)
        return torch.stack(list(found.values())) if isinstance(found, dict) else found


def test_auxiliary_outputs_are_computed_in_training_only() -> None:
    ours = module("auxiliary")
    same(Stacked(ours), Stacked(Auxiliary()), torch.randn(2, 3, 16, 16))
    assert list(ours.train()(torch.randn(2, 3, 8, 8))) == ["logits", "aux1", "aux2"]
    assert list(ours.eval()(torch.randn(2, 3, 8, 8))) == ["logits"]


def test_a_function_in_a_list_registers_nothing() -> None:
    ours = module("lists")
    keys = [k for k in ours.state_dict() if k.endswith("weight")]
    assert keys == ["body.0.weight", "body.2.0.0.weight", "body.2.1.0.weight", "body.4.weight"]
    x = torch.randn(2, 3, 8, 8)
    body = ours.body
    by_hand = F.relu(body.get_submodule("0")(x))
    for layer in body.get_submodule("2"):
        by_hand = F.relu(layer.get_submodule("0")(by_hand))
    assert torch.equal(ours(x), body.get_submodule("4")(by_hand.flatten(1)))


def test_a_size_that_no_input_tells_is_handed_over() -> None:
    ours = module("inline")
    x, y = torch.randn(2, 3, 9, 12), torch.randn(2, 8, 9, 12)
    conv = ours.conv(x)
    found = ours(x, y)
    assert torch.equal(found["mixed"], F.interpolate(conv, (9, 12)) + y)
    assert torch.equal(found["counted"], (conv / 108).mean([2, 3]))


def test_a_module_called_again_keeps_its_parameters() -> None:
    ours = module("pairs")
    assert [k for k in ours.state_dict() if k.endswith("weight")] == ["pair.a.weight", "pair.b.weight"]
    (x,) = sample(ours)
    pair = ours.pair
    total = pair.a(x) + pair.b(x)
    assert torch.equal(ours(x), pair.a(pair.b(total)))


def test_tensors_made_in_a_forward() -> None:
    ours = module("made").eval()
    (x,) = sample(ours, T=5)
    out, (h, _) = ours.lstm(x + ours.position(torch.arange(5)))
    assert torch.equal(ours(x), ours.fc(torch.cat([h[0], out[:, -1]], 1)))


def test_a_group_called_again_sees_the_sizes_of_its_surroundings() -> None:
    text = """
        nnc: 1
        inputs: {x: [B, T, 8], y: [B, S, 8]}
        layers:
          mix: {from: x, layers: {a: Linear(8), out: a / T}}
          again: {use: mix, from: y}
        outputs: {first: mix, second: again}
        """
    ours = build(compile_text(textwrap.dedent(text), name="again.yaml").graph)
    x, y = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    assert torch.equal(ours(x, y)["second"], ours.mix.a(y) / 3)


def test_shared_structures_share_a_class() -> None:
    ours = module("groups")
    assert type(ours.stage0) is type(ours.stage1) is type(ours.stage2)
    blocks = module("resnet", block="BasicBlock", layers=[2, 2, 2, 2])
    assert type(blocks.layer1[0]) is type(blocks.layer4[1]) is not type(blocks.layer2[0])

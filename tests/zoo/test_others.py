"""Shipped specs that torchvision lacks, against the same network written by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import nnc
from nnc.compiler.driver import compile_file
from nnc.specs import find
from tests.zoo.unet_by_hand import UNet


def copy_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Keys may differ where a person would nest otherwise; order and shapes may not."""
    pairs = list(zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict({k: b for (k, _), b in pairs})


@pytest.mark.parametrize("bilinear", [False, True])
def test_unet(bilinear: bool) -> None:
    torch.manual_seed(0)
    theirs = UNet(width=8, bilinear=bilinear)
    ours = nnc.load("zoo:unet", width=8, bilinear=bilinear)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for training in (False, True):
        ours.train(training)
        theirs.train(training)
        for height, width in [(32, 48), (37, 51), (16, 16)]:
            x = torch.randn(2, 3, height, width)
            assert torch.equal(ours(x), theirs(x))


class ByHand(nn.Module):
    """Embedding, a recurrent layer, and a linear layer on what `pick` takes of its results."""

    def __init__(self, rnn: nn.Module, features: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(128, 64)
        self.rnn = rnn
        self.fc = nn.Linear(features, 18)


class Last(ByHand):
    def forward(self, tokens: Tensor) -> Tensor:
        output, _ = self.rnn(self.embed(tokens))
        out: Tensor = self.fc(output[:, -1])
        return out


class Hidden(ByHand):
    def forward(self, tokens: Tensor) -> Tensor:
        _, (h, _) = self.rnn(self.embed(tokens))
        out: Tensor = self.fc(h[-1])
        return out


class BothDirections(ByHand):
    def forward(self, tokens: Tensor) -> Tensor:
        _, (h, _) = self.rnn(self.embed(tokens))
        out: Tensor = self.fc(torch.cat([h[-2], h[-1]], dim=1))
        return out


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("rnn", lambda: Last(nn.RNN(64, 128, batch_first=True), 128)),
        ("lstm", lambda: Hidden(nn.LSTM(64, 128, 2, batch_first=True, dropout=0.1), 128)),
        ("bilstm", lambda: BothDirections(nn.LSTM(64, 128, batch_first=True, bidirectional=True), 256)),
    ],
)
def test_recurrent_classifiers(name: str, theirs: object) -> None:
    assert callable(theirs)
    torch.manual_seed(0)
    hand = theirs()
    ours = nnc.load(f"zoo:{name}")
    copy_weights(ours, hand)
    tokens = torch.randint(0, 128, (3, 11))
    assert torch.equal(ours.eval()(tokens), hand.eval()(tokens))


def test_siamese_shares_its_encoder() -> None:
    model = nnc.load("zoo:siamese")
    assert [k for k in model.state_dict() if not k.startswith(("encoder.", "fc."))] == []
    left, right = torch.randn(2, 2, 1, 28, 28)
    out = model(left, right)
    assert list(out) == ["logit", "left", "right"]
    assert torch.equal(out["right"], model.encoder(right))
    assert torch.equal(out["logit"], model.fc((model.encoder(left) - model.encoder(right)).abs()))


def test_mlp_and_lenet() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 1, 28, 28)
    mlp = nnc.load("zoo:mlp", hidden=[32], dropout=0.5)
    by_hand = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10))
    copy_weights(mlp, by_hand)
    assert torch.equal(mlp.eval()(x), by_hand.eval()(x))
    lenet = nnc.load("zoo:lenet5")
    hand = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    copy_weights(lenet, hand)
    assert torch.equal(lenet(x), hand(x))


def test_unet_requires_sixteen() -> None:
    solution = compile_file(find("unet")).solution
    assert solution is not None
    assert sorted(r.text for r in solution.requirements) == ["H >= 16", "W >= 16"]

"""torchvision's blocks from a spec: layers as arguments, features as a mapping, bit for bit torchvision's own."""

from __future__ import annotations

import textwrap

import torch
import torchvision.ops
from torch import nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text


def module(text: str) -> nn.Module:
    return build(compile_text(textwrap.dedent(text), name="net.yaml").graph).eval()


def test_feature_pyramid() -> None:
    model = module("""
        nnc: 1
        inputs: {c3: [B, 8, H, W], c4: [B, 16, 8, 8], c5: [B, 32, 4, 4]}
        layers:
          fpn: {type: FeaturePyramidNetwork(6), from: [c3, c4, c5]}
          p4: fpn[1] * 1
        outputs: {p3: fpn.0, p4: p4, p5: fpn.2}
        """)
    theirs = torchvision.ops.FeaturePyramidNetwork([8, 16, 32], 6).eval()
    assert list(model.fpn.state_dict()) == list(theirs.state_dict())
    model.fpn.load_state_dict(theirs.state_dict())
    features = [torch.randn(2, 8, 15, 17), torch.randn(2, 16, 8, 8), torch.randn(2, 32, 4, 4)]
    ours, expected = model(*features), theirs(dict(zip("abc", features, strict=True)))
    assert all(torch.equal(a, b) for a, b in zip(ours.values(), expected.values(), strict=True))


def test_a_block_hands_on_the_layer_it_is_given() -> None:
    model = module("""
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        blocks:
          Stage:
            inputs: {x: [B, C, H, W]}
            args: {width: , act: ReLU, norm: BatchNorm2d}
            layers:
              conv: Conv2dNormActivation(width, norm_layer=norm, activation_layer=act)
              se: SqueezeExcitation(2, scale_activation="Hardsigmoid")
        layers:
          first: Stage(4)
          second: Stage(8, act="Hardswish")
          third: Stage(8, act="SiLU", norm=null)
        """)
    act = torchvision.ops.Conv2dNormActivation
    stages = [
        (act(3, 4), torchvision.ops.SqueezeExcitation(4, 2, scale_activation=nn.Hardsigmoid)),
        (
            act(4, 8, activation_layer=nn.Hardswish),
            torchvision.ops.SqueezeExcitation(8, 2, scale_activation=nn.Hardsigmoid),
        ),
        (
            act(8, 8, activation_layer=nn.SiLU, norm_layer=None),
            torchvision.ops.SqueezeExcitation(8, 2, scale_activation=nn.Hardsigmoid),
        ),
    ]
    x = torch.randn(2, 3, 9, 9)
    expected = x
    for stage, (conv, se) in zip(model.children(), stages, strict=True):
        stage.conv.load_state_dict(conv.state_dict())
        stage.se.load_state_dict(se.state_dict())
        expected = se.eval()(conv.eval()(expected))
    assert torch.equal(model(x), expected)

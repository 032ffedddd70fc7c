"""Networks that the tests of the torch backend share: shipped specs, and small ones of which each has something special."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nnc.compiler.backends.torch.build import build, origin
from nnc.compiler.driver import Compilation, compile_file, compile_text
from nnc.compiler.types.dim import evaluate
from nnc.compiler.types.dtype import DType

__all__ = ["SMALL", "SPECS", "compiled", "module", "sample"]

SPECS = Path(__file__).parents[2] / "specs"

SMALL: dict[str, str] = {
    # Auxiliary outputs, which only training computes; a block whose two calls differ in a constant of its `forward`.
    "auxiliary": """
        inputs: {x: [B, 3, H, W]}
        blocks:
          Head:
            args: {classes: , p: 0.5}
            layers:
              pool: mean([2, 3])
              drop: dropout(p)
              fc: Linear(classes)
        layers:
          stem: Conv2d(8, 3)
          act: relu
          aux1: {type: Head, classes: 10, from: act}
          conv: {type: Conv2d, out_channels: 8, kernel_size: 3, from: act}
          aux2: Head(10, 0.1)
          last: {type: Conv2d, out_channels: 16, kernel_size: 3, from: conv}
          pool: mean([2, 3])
          fc: Linear(10)
        outputs:
          logits: fc
          aux1: {from: aux1, mode: train}
          aux2: {from: aux2, mode: train}
        """,
    # Functions inside lists: no nn.Sequential can run them.
    "lists": """
        inputs: {x: [B, 3, 8, 8]}
        layers:
          body:
            - Conv2d(8, 3, padding=1)
            - relu
            - repeat: 2
              layers:
                - Conv2d(8, 3, padding=1)
                - relu
            - flatten(1)
            - Linear(10)
        """,
    # Groups of one structure share a class; a size in an expression.
    "groups": """
        inputs: {x: [B, T, 32]}
        layers:
          stage${s}:
            for: s in range(3)
            layers:
              norm: LayerNorm
              up: Linear(32 * 2**s)
              act: gelu
              down: Linear(32)
              out: down * 0.5 + norm
              scaled: out / T
          pooled: mean(1)
        """,
    # Arithmetic on free sizes; numbered results.
    "windows": """
        inputs: {x: [B, H, W, 16]}
        dims: {H: {multiple_of: 4}, W: {multiple_of: 4}}
        blocks:
          Windows:
            inputs: {x: [B, H, W, C]}
            args: {window: , shift: 0}
            layers:
              shifted: {if: shift > 0, expr: "roll(x, [-shift, -shift], [1, 2])"}
              split: reshape(shifted, B, H // window, window, W // window, window, C)
              parts: reshape(permute(split, 0, 1, 3, 2, 4, 5), -1, window * window, C)
              qkv: Linear(3 * C)
              three: chunk(qkv, 3, -1)
              attended: softmax(three.0 @ transpose(three.1, -2, -1) * C ** -0.5, -1) @ three.2
              back: reshape(attended, B, H // window, W // window, window, window, C)
              out: reshape(permute(back, 0, 1, 3, 2, 4, 5), B, H, W, C)
        layers:
          a: Windows(4)
          b: Windows(4, 2)
          c: Windows(4)
        """,
    # Tied weights, stored tensors, a mask made of constructors.
    "language": """
        inputs: {tokens: {shape: [B, T], dtype: int64}}
        dims: {T: {max: 64}}
        args: {vocabulary: 50, dim: 16}
        layers:
          embed: Embedding(vocabulary, dim)
          positions: Parameter(randn([1, 64, dim]))
          mask: Buffer(tril(ones([64, 64])), persistent=False)
          scale: Parameter([dim], requires_grad=False)
          embedded: embed * (1 + scale) + positions[:, :T]
          encoder: TransformerEncoderLayer(4, 32, batch_first=True)
          decoder: Linear(vocabulary, bias=False)
          out: decoder * mask[:T, :1]
        tie: {decoder.weight: embed.weight}
        """,
    # A group that sees the sizes and values around it, once where no input of its own tells them.
    "inline": """
        inputs: {x: [B, 3, H, W], y: [B, 8, H, W]}
        dims: {H: {min: 3}, W: {min: 3}}
        layers:
          conv: {type: Conv2d, out_channels: 8, kernel_size: 3, stride: 2, from: x}
          mix:
            from: conv
            layers:
              up: interpolate(size=[H, W], mode="nearest")
              sum: up + y
          count:
            from: conv
            layers:
              scaled: conv / (H * W)
              small: mean([2, 3])
        outputs: {mixed: mix, counted: count}
        """,
    # A block with two outputs; a module called again.
    "pairs": """
        inputs: {x: [B, 4, 8, 8]}
        blocks:
          Pair:
            layers:
              a: Conv2d(4, 1)
              b: {type: Conv2d, out_channels: 4, kernel_size: 3, padding: 1, from: x}
            outputs: {low: a, high: b}
        layers:
          pair: Pair
          sum: pair.low + pair.high
          again: {use: pair, from: sum}
          inner: {use: pair.a, from: again.high}
        """,
    # Names that Python cannot spell, and names that mean something in the emitted source.
    "names": """
        inputs: {x: [B, F, 8], torch: [B, F, 8]}
        blocks:
          nn:
            inputs: {F: [B, T, C]}
            args: {width: , range: 1}
            layers: {Tensor: Linear(width), nn: Linear(C * range), out: nn + T}
          OrderedDict: {layers: {super: relu, getattr: gelu}}
        layers:
          nn: {type: nn(8), from: x}
          other: nn(4)
          OrderedDict: OrderedDict
          __mangled: Linear(8)
          "block1-0":
            layers: {"0": Linear(8), "f{x}1": Linear(8), "f{x}2": Linear(8), "f{x}3": Linear(8), "λ": Linear(8)}
          "a b": Linear(8)
          λ: Linear(8)
          added: λ + torch
          self: Linear(2)
        """,
    # Tensors made in a forward; a layer with a state.
    "made": """
        inputs: {x: [B, T, 16]}
        dims: {T: {max: 20}}
        layers:
          steps: arange(T)
          position: Embedding(20, 16)
          positioned: x + position
          start: zeros([1, B, 16])
          lstm: {type: LSTM, hidden_size: 16, batch_first: true, from: {input: positioned, h_0: start, c_0: start}}
          last: cat([lstm.h_n[0], lstm.output[:, -1]], 1)
          fc: Linear(3)
        """,
}


def compiled(name: str, **args: Any) -> Compilation:
    """A small network, or a shipped one with arguments."""
    if name not in SMALL:
        return compile_file(SPECS / f"{name}.yaml", args=args)
    return compile_text(f"nnc: 1\nname: {name}{textwrap.dedent(SMALL[name])}", name=f"{name}.yaml", args=args)


def module(name: str, **args: Any) -> nn.Module:
    found = compiled(name, **args)
    assert found.ok, found.problems.sorted()
    return build(found.graph)


def sample(model: nn.Module, seed: int = 0, **sizes: int) -> list[Tensor]:
    """Inputs for a model that was built here; free sizes are those given, else 8."""
    found = origin(model)
    assert found is not None
    generator = torch.Generator().manual_seed(seed)
    inputs = []
    for value in found.graph.inputs:
        given = {s.name: sizes.get(s.name, 8) for d in value.type.shape if not isinstance(d, int) for s in d.symbols}
        shape = [evaluate(d, given) for d in value.type.shape]
        if value.type.dtype is DType.int64:
            inputs.append(torch.randint(0, 20, shape, generator=generator))
        else:
            inputs.append(torch.randn(shape, generator=generator))
    return inputs

"""Names that Python, torch or the generated code have uses of their own for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.language.hand import Case, Hand, case

__all__ = ["CASES"]

Linear = nn.Linear

LONG = "z" * 100

NAMES: list[Case] = [
    case(
        "keywords, builtins, modules, and names of generated code",
        """
        layers:
          class: Linear(8)
          list: Linear(8)
          print: Linear(8)
          torch: Linear(8)
          nn: Linear(8)
          F: Linear(8)
          add: Linear(8)
          relu_1: Linear(8)
          block1-0: Linear(8)
          "0": Linear(8)
          Tensor: Linear(8)
          super: Linear(8)
          None: Linear(8)
          größe: Linear(8)
          size: Linear(8)
          end: relu(F + x) + relu(nn + torch) + relu(add - relu_1) + size
        """,
        lambda: Hand(names, {n: Linear(8, 8) for n in PLAIN}),
    ),
    case(
        "names in blocks and of blocks",
        """
        inputs: {input: [B, 8], self_: [B, 8]}
        blocks:
          Linear2: {args: {lambda_: 2, forward_: 3}, layers: {def: Linear(lambda_), import: Linear(forward_)}}
          Module: {layers: {x1: Linear2(), x_1: Linear2(), return: relu}}
          Tensor: {layers: {a: Module()}}
          Net: {layers: {Net: Tensor()}}
        layers:
          len: {type: Net(), from: input}
          "LONG": {type: Net(), from: self_}
          isinstance: len - LONG
        """.replace("LONG", LONG),
        lambda: Hand(lambda m, a, b: m.len(a) - m[LONG](b), {"len": net(), LONG: net()}),
        ([2, 8], [2, 8]),
    ),
]
PLAIN: list[str] = [
    "class",
    "list",
    "print",
    "torch",
    "nn",
    "F",
    "add",
    "relu_1",
    "block1-0",
    "0",
    "Tensor",
    "super",
    "None",
    "größe",
    "size",
]


def names(m: Hand, x: torch.Tensor) -> torch.Tensor:
    v = {"x": x}
    for name in PLAIN:
        v[name] = x = m[name](x)
    return F.relu(v["F"] + v["x"]) + F.relu(v["nn"] + v["torch"]) + F.relu(v["add"] - v["relu_1"]) + v["size"]


def net() -> nn.Module:
    def two(n: int) -> nn.Module:
        return Hand(lambda m, x: m["import"](m["def"](x)), {"def": Linear(n, 2), "import": Linear(2, 3)})

    inner = Hand(lambda m, x: F.relu(m.x_1(m.x1(x))), x1=two(8), x_1=two(3))
    return Hand(lambda m, x: m.Net(x), Net=Hand(lambda m, x: m.a(x), a=inner))


CASES = [*NAMES]

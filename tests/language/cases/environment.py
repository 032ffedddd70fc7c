"""What blocks see of their file, and what they hide."""

from __future__ import annotations

from torch import nn

from tests.language.hand import Case, Hand, case

__all__ = ["CASES"]


def cell(width: int, wide: int) -> nn.Module:
    members = {"fc": nn.Linear(8, wide), "scale": nn.LayerNorm(wide), "out": nn.Linear(wide, width)}
    return Hand(lambda m, x: m.out(m.scale(m.fc(x)) * 0.5), members)


CASES: list[Case] = [
    case(
        "a block sees the file's arguments and its let:, and an entry of such a name hides it from there on",
        """
        inputs: {x: [B, 8]}
        args: {width: 8, scale: 0.5, norm: LayerNorm}
        let: {wide: width * 2, half: scale}
        blocks:
          Cell:
            layers:
              fc: Linear(wide)
              scale: norm()
              out: {type: Linear(width), from: scale * half}
        layers: {a: Cell, b: Cell}
        """,
        lambda: Hand(lambda m, x: m.b(m.a(x)), a=cell(8, 16), b=cell(8, 16)),
    ),
    case(
        "a network in a network: blocks of one name, arguments of one name",
        """
        inputs: {x: [B, 8]}
        args: {width: 8}
        blocks:
          Cell: {layers: [Linear(width), ReLU]}
          Net:
            inputs: {x: [B, width_in]}
            args: {width: 3}
            blocks:
              Cell: {let: {twice: width * 2}, layers: [Linear(twice)]}
            layers: {first: Cell, second: Linear(width_in)}
        layers: {a: Cell, b: Net, c: Net(2)}
        """,
        lambda: Hand(
            lambda m, x: m.c(m.b(m.a(x))),
            a=nn.Sequential(nn.Linear(8, 8), nn.ReLU()),
            b=net(6),
            c=net(4),
        ),
    ),
    case(
        "a running count over nested repeats is a sum over the table",
        """
        inputs: {x: [B, 8]}
        args: {layers: [2, 1], rate: 0.0}
        let: {total: sum(layers)}
        layers:
          stage${s}:
            for: s, n in enumerate(layers)
            repeat: n
            type: Linear(8 + (sum(layers[:s]) + i) * 8 // total)
        """,
        lambda: staged(),
    ),
]


def net(wide: int) -> nn.Module:
    first = nn.Sequential(nn.Linear(8, wide))
    return Hand(lambda m, x: m.second(m.first(x)), first=first, second=nn.Linear(wide, 8))


def staged() -> nn.Module:
    stage0 = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 10))
    return Hand(lambda m, x: m.stage1(m.stage0(x)), stage0=stage0, stage1=nn.Sequential(nn.Linear(10, 13)))

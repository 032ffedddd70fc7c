"""Loops, conditions' scopes and what inline layers see: `repeat`, `for`, `each`, `let`, captures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.language.hand import Case, Hand, Last, case

__all__ = ["CASES"]

Seq, Linear = nn.Sequential, nn.Linear


def _each(turns: nn.Module, x: Tensor, *beside: Tensor) -> Tensor:
    for turn in turns.children():
        x = turn(x, *beside)
    return x


def _mix() -> nn.Module:
    return Hand(lambda m, x, y, z: m.a(x) + m.b(y * z), a=Linear(8, 8), b=Linear(4, 8))


def _joined() -> nn.Module:
    return Hand(lambda m, x, y: m.out(torch.cat([m.fc(x), y], 1)), fc=Linear(8, 8), out=Linear(12, 8))


LOOPS: list[Case] = [
    case(
        "repeat of a mapping",
        """
        layers:
          body:
            repeat: 2
            layers:
              fc: Linear(8)
              act: relu
              out: act + fc * (i + 1)
        """,
        lambda: Hand(
            lambda m, x: m.body(x),
            body=Seq(*(Hand(lambda m, x, i=i: F.relu(m.fc(x)) + m.fc(x) * (i + 1), fc=Linear(8, 8)) for i in range(2))),
        ),
    ),
    case(
        "repeat with something beside the flow",
        """
        inputs: {x: [B, 8], memory: [B, 4]}
        blocks:
          Mix:
            inputs: {x: [B, C], memory: [B, M], again: [B, M]}
            layers:
              a: {type: Linear(C), from: x}
              b: {type: Linear(C), from: memory * again}
              out: a + b
        layers:
          body: {repeat: 2, type: Mix, from: [x, memory, "memory + 1"]}
          same: {repeat: 2, type: Mix, from: {x: body, memory: memory, again: "memory + 1"}}
          named:
            repeat: 2
            from: {flow: same, m: 2 * memory}
            layers:
              fc: {type: Linear(8), from: flow}
              out: {type: Linear(8), from: "cat([fc, m], 1)"}
        """,
        lambda: Hand(
            lambda m, x, y: _each(m.named, _each(m.same, _each(m.body, x, y, y + 1), y, y + 1), 2 * y),
            body=Seq(_mix(), _mix()),
            same=Seq(_mix(), _mix()),
            named=Seq(_joined(), _joined()),
        ),
        ([2, 8], [2, 4]),
    ),
    case(
        "repeat of zero passes through",
        "layers: {a: {repeat: 0, type: Linear(4)}, b: Linear(2)}",
        lambda: Hand(lambda m, x: m.b(x), a=Seq(), b=Linear(8, 2)),
    ),
    case(
        "for in a list",
        """
        layers:
          body:
            - for: w in [4, 6]
              type: Linear(w)
            - relu
            - for: n, w in zip([1, 2], [3, 5])
              repeat: n
              type: Linear(w)
        """,
        lambda: Hand(
            lambda m, x: m.body(x),
            body=Seq(Linear(8, 4), Linear(4, 6), Last(F.relu), Seq(Linear(6, 3)), Seq(Linear(3, 5), Linear(5, 5))),
        ),
    ),
    case(
        "each in each in repeat",
        """
        layers:
          body:
            repeat: 2
            layers:
              - each: a in [4, 5]
                layers:
                  - Linear(a)
                  - each: b in range(2)
                    layers:
                      - Linear(a + b + i)
                      - relu
        """,
        lambda: Hand(
            lambda m, x: m.body(x),
            body=Seq(
                Seq(
                    Linear(8, 4),
                    Linear(4, 4),
                    Last(F.relu),
                    Linear(4, 5),
                    Last(F.relu),
                    Linear(5, 5),
                    Linear(5, 5),
                    Last(F.relu),
                    Linear(5, 6),
                    Last(F.relu),
                ),
                Seq(
                    Linear(6, 4),
                    Linear(4, 5),
                    Last(F.relu),
                    Linear(5, 6),
                    Last(F.relu),
                    Linear(6, 5),
                    Linear(5, 6),
                    Last(F.relu),
                    Linear(6, 7),
                    Last(F.relu),
                ),
            ),
        ),
    ),
    case(
        "each in a mapping with templated keys",
        """
        layers:
          loop:
            each: s, w in enumerate([4, 6])
            layers:
              fc${s}: Linear(w)
              act${s}: relu
          out: act1 * 2
        """,
        lambda: Hand(lambda m, x: F.relu(m.fc1(F.relu(m.fc0(x)))) * 2, fc0=Linear(8, 4), fc1=Linear(4, 6)),
    ),
    case(
        "each of a block's entries, disabled in between",
        """
        blocks:
          Stack:
            args: {widths: , skip: 1}
            layers:
              ignored:
                each: j, w in enumerate(widths)
                layers:
                  fc${j}: {if: j != skip, type: Linear(w)}
                  act${j}: relu
        layers:
          a: "Stack([4, 5, 6])"
          b: "Stack([4, 5, 6], skip=0)"
        """,
        lambda: Hand(
            lambda m, x: m.b(m.a(x)),
            a=Hand(lambda m, x: F.relu(m.fc2(F.relu(F.relu(m.fc0(x))))), fc0=Linear(8, 4), fc2=Linear(4, 6)),
            b=Hand(lambda m, x: F.relu(m.fc2(F.relu(m.fc1(F.relu(x))))), fc1=Linear(6, 5), fc2=Linear(5, 6)),
        ),
    ),
    case(
        "let in repeat, for, group, list",
        """
        args: {dim: 8}
        layers:
          a:
            let: {half: dim // 2}
            repeat: 2
            type: Linear(half + i)
          b${k}:
            for: k in range(2)
            let: {w: k + 3}
            layers: [Linear(w), {let: {v: w * 2}, type: Linear(v)}]
        """,
        lambda: Hand(
            lambda m, x: m.b1(m.b0(m.a(x))),
            a=Seq(Linear(8, 4), Linear(4, 5)),
            b0=Seq(Linear(5, 3), Linear(3, 6)),
            b1=Seq(Linear(6, 4), Linear(4, 8)),
        ),
    ),
    case(
        "a template of text and several parts",
        """
        layers:
          s${a}_${b}-x:
            for: a, b in [[1, "p"], [2, "q"]]
            type: Linear(a + 1)
        """,
        lambda: Hand(lambda m, x: m["s2_q-x"](m["s1_p-x"](x)), {"s1_p-x": Linear(8, 2), "s2_q-x": Linear(2, 3)}),
    ),
    case(
        "repeat of a list of lists",
        """
        layers:
          - repeat: 2
            layers:
              - [Linear(4), relu]
              - - - Linear(8)
        """,
        lambda: Seq(
            Seq(
                Seq(Seq(Linear(8, 4), Last(F.relu)), Seq(Seq(Linear(4, 8)))),
                Seq(Seq(Linear(8, 4), Last(F.relu)), Seq(Seq(Linear(4, 8)))),
            )
        ),
    ),
]

CAPTURES: list[Case] = [
    case(
        "values and sizes from two levels out",
        """
        inputs: {x: [B, T, 8]}
        layers:
          a: Linear(6)
          outer:
            layers:
              c: Linear(6)
              inner:
                layers:
                  fc: Linear(6)
                  out: fc * a + c / T + expand(mean(a, [0, 1]), B, T, 6)
              end: inner + a
        """,
        lambda: Hand(
            lambda m, x: m.outer(m.a(x)),
            a=Linear(8, 6),
            outer=Hand(
                lambda m, a: (
                    (m.inner["fc"](m.c(a)) * a + m.c(a) / a.shape[1] + a.mean([0, 1]).expand(a.shape[0], a.shape[1], 6))
                    + a
                ),
                c=Linear(6, 6),
                inner=Hand(lambda m, x: x, fc=Linear(6, 6)),
            ),
        ),
        ([2, 3, 8],),
        ([1, 1, 8],),
    ),
    case(
        "a list sees values around it",
        """
        layers:
          a: Linear(8)
          b: [Linear(8), "x + a", {repeat: 2, layers: [Linear(8), "relu(a) * i"]}]
        """,
        lambda: Hand(
            lambda m, x: F.relu(m.a(x)) * 1,
            a=Linear(8, 8),
            b=Seq(Linear(8, 8), Last(F.relu), Seq(Seq(Linear(8, 8)), Seq(Linear(8, 8)))),
        ),
    ),
    case(
        "named inputs of a group",
        """
        inputs: {x: [B, 8], y: [B, 4]}
        layers:
          mix:
            from: {left: x, right: y}
            layers:
              l: {type: Linear(3), from: left}
              r: {type: Linear(3), from: right}
              out: l - r
          end: relu
        """,
        lambda: Hand(
            lambda m, x, y: F.relu(m.mix["l"](x) - m.mix["r"](y)), mix=Hand(lambda m: 0, l=Linear(8, 3), r=Linear(4, 3))
        ),
        ([2, 8], [2, 4]),
    ),
]

CASES = [*LOOPS, *CAPTURES]

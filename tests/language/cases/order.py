"""Switched-off entries, file order against execution, aliases; types, arguments and their defaults."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.language.hand import Case, Hand, Last, case

__all__ = ["CASES"]

Seq, Linear = nn.Sequential, nn.Linear


def _called_on_values() -> nn.Module:
    def mix() -> nn.Module:
        return Hand(lambda m, left, right: left + m.r(right), r=Linear(4, 8))

    def run(m: Hand, x: Tensor, y: Tensor) -> Tensor:
        a = m["a"](y)
        d = m["d"](m["b"](a, y) + m["c"](a * 2, y))
        return m["f"](torch.cat([m["e"](d[:, :4]), x], 1))  # type: ignore[no-any-return]  # a layer's result

    return Hand(run, a=Linear(4, 8), b=mix(), c=mix(), d=Linear(8, 8), e=Linear(4, 8), f=nn.ReLU())


ORDER: list[Case] = [
    case(
        "layers called on values",
        """
        inputs: {x: [B, 8], y: [B, 4]}
        args: {kind: Linear}
        blocks:
          Mix:
            inputs: {left: [B, C], right: [B, R]}
            args: {features: 8}
            layers: {r: Linear(features)(right), out: left + r}
        layers:
          a: Linear(8)(y)
          b: Mix(8)(a, y)
          c: Mix()(right=y, left=a * 2)
          d: kind(8)(b + c)
          e: {if: true, type: "Linear(8)(d[:, :4])"}
          f: ReLU()(cat([e, x], 1))
        """,
        _called_on_values,
        ([2, 8], [2, 4]),
    ),
    case(
        "outputs with a condition",
        """
        args: {on: false}
        layers:
          a: Linear(4)
          b: {if: on, type: Linear(3)}
          c: {if: not on, type: Linear(2)(a)}
        outputs: {a: a, b: {from: b, if: on}, c: {from: c, if: not on, mode: train}}
        """,
        lambda: Hand(
            lambda m, x: {"a": m.a(x)} | ({"c": m.c(m.a(x))} if m.training else {}), a=Linear(8, 4), c=Linear(4, 2)
        ),
    ),
    case(
        "disabled entries at both ends",
        """
        args: {on: false}
        layers:
          first: {if: on, type: Linear(3)}
          a: Linear(4)
          list:
            - {if: on, type: Linear(3)}
            - Linear(5)
            - {if: "not on", type: Linear(6)}
            - {if: on, layers: [Linear(3)]}
          empty: [{if: on, type: Linear(3)}]
          group:
            layers:
              f: {if: on, type: Linear(3)}
              g: Linear(7)
              h: {if: on, layers: {x: Linear(2)}}
          skipped: {if: on, repeat: 3, type: Linear(9)}
          last: {if: on, type: Linear(3)}
        """,
        lambda: Hand(
            lambda m, x: m.group(m.list(m.a(x))),
            a=Linear(8, 4),
            list=Seq(Linear(4, 5), Linear(5, 6)),
            empty=Seq(),
            group=Hand(lambda m, x: m.g(x), g=Linear(6, 7)),
        ),
    ),
    case(
        "disabled with from",
        """
        layers:
          a: Linear(4)
          b: {if: false, type: Linear(3), from: x}
          c: relu
          d: {if: false, from: a, layers: [Linear(3)]}
        outputs: {b: b, c: c, d: d}
        """,
        lambda: Hand(lambda m, x: {"b": x, "c": F.relu(x), "d": m.a(x)}, a=Linear(8, 4)),
    ),
    case(
        "entries out of order across groups",
        """
        layers:
          norm: {type: LayerNorm, from: deep}
          deep:
            from: first
            layers:
              out: late + early
              early: {type: Linear(4), from: first}
              late: {type: Linear(4), from: early}
            outputs: out
          first: {type: Linear(8), from: x}
          end: norm * 2
        """,
        lambda: Hand(
            lambda m, x: m.norm(m.deep(m.first(x))) * 2,
            norm=nn.LayerNorm(4),
            deep=Hand(lambda m, x: m.late(m.early(x)) + m.early(x), early=Linear(8, 4), late=Linear(4, 4)),
            first=Linear(8, 8),
        ),
    ),
    case(
        "aliases",
        """
        layers:
          same: x
          fc: Linear(4)
          alias: fc
          next: relu
          end: same[:, :4] + alias + next
        outputs: {end: end, x: x, alias: alias}
        """,
        lambda: Hand(
            lambda m, x: {"end": x[:, :4] + m.fc(x) + F.relu(m.fc(x)), "x": x, "alias": m.fc(x)}, fc=Linear(8, 4)
        ),
    ),
    case("an alias as the only and last entry", "layers: {same: x}", lambda: Hand(lambda m, x: x)),
    case(
        "a forward reference past the flow",
        """
        layers:
          b: {type: Linear(4), from: a}
          c: relu
          a: {type: Linear(8), from: x}
          d: Linear(3)
        outputs: {c: c, d: d}
        """,
        lambda: Hand(
            lambda m, x: {"c": F.relu(m.b(m.a(x))), "d": m.d(m.a(x))}, b=Linear(8, 4), a=Linear(8, 8), d=Linear(8, 3)
        ),
    ),
]

TYPES: list[Case] = [
    case(
        "types as arguments",
        """
        inputs: {x: [B, 8, L]}
        args: {norm: BatchNorm1d, act: relu, other: "GroupNorm(2)", head: Head}
        blocks:
          Head: {inputs: {x: [B, C, L]}, args: {act: ReLU, n: 2}, layers: {a: act(), c: "Conv1d(n * C, 1)"}}
          Unit:
            args: {norm: , act: GELU, head: }
            layers: {n: norm(), a: {type: $act}, h: "head(act='Tanh', n=3)"}
        layers:
          n1: norm()
          a1: act()
          n2: other(eps=0.1)
          a2: {type: $act}
          n3: {type: $norm, eps: 0.2}
          a3: act
          unit: Unit(other, head=head)
          sum: act(unit) - act(unit + 1)
          two: [norm(), act(), "other()"]
        """,
        lambda: Hand(
            lambda m, x: m.two(
                (lambda u: F.relu(u) - F.relu(u + 1))(m.unit(F.relu(m.n3(F.relu(m.n2(F.relu(m.n1(x)))))))),
            ),
            n1=nn.BatchNorm1d(8),
            n2=nn.GroupNorm(2, 8, eps=0.1),
            n3=nn.BatchNorm1d(8, eps=0.2),
            unit=Hand(
                lambda m, x: m.h(m.a(m.n(x))),
                n=nn.GroupNorm(2, 8),
                a=nn.GELU(),
                h=Hand(lambda m, x: m.c(m.a(x)), a=nn.Tanh(), c=nn.Conv1d(8, 24, 1)),
            ),
            two=Seq(nn.BatchNorm1d(24), Last(F.relu), nn.GroupNorm(2, 24)),
        ),
        ([2, 8, 5],),
    ),
    case(
        "defaults from other arguments and from the pattern",
        """
        inputs: {x: [B, T, 8]}
        args: {dim: 4, widths: "${[dim, dim * 2]}", deep: "${len(widths)}"}
        blocks:
          Unit:
            inputs: {x: [..., C]}
            args: {ratio: 2, hidden: "${ratio * C}", out: "${hidden + 1 if ratio > 1 else C}"}
            layers: {up: Linear(hidden), down: Linear(out)}
        layers:
          a: Unit()
          b: Unit(1)
          c: {type: Unit, out: "${widths[-1]}", hidden: $dim}
          d: {repeat: deep, type: "Unit(hidden=3, out=widths[i])"}
        """,
        lambda: Hand(
            lambda m, x: m.d(m.c(m.b(m.a(x)))),
            a=unit(8, 16, 17),
            b=unit(17, 17, 17),
            c=unit(17, 4, 8),
            d=Seq(unit(8, 3, 4), unit(4, 3, 8)),
        ),
        ([2, 3, 8],),
    ),
    case(
        "arguments given from outside",
        """
        args: {n: 3, act: relu, sizes: [4, 5]}
        layers:
          body${s}: {for: s in sizes, type: Linear(s)}
          end: act()
        """,
        lambda: Hand(lambda m, x: torch.tanh(m.body2(m.body6(x))), body6=Linear(8, 6), body2=Linear(6, 2)),
        ([2, 8],),
        sizes=[6, 2],
        act="tanh",
    ),
]


def unit(before: int, hidden: int, out: int) -> nn.Module:
    return Hand(lambda m, x: m.down(m.up(x)), up=Linear(before, hidden), down=Linear(hidden, out))


CASES = [*ORDER, *TYPES]

"""One module twice, one parameter twice, parameters and buffers of one's own, outputs with names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.language.hand import Case, Hand, Last, case

__all__ = ["CASES"]

Seq, Linear = nn.Sequential, nn.Linear

SHARING: list[Case] = [
    case(
        "use of a layer, a list, a group on another batch and rank",
        """
        inputs: {x: [B, 8], y: [N, T, 8]}
        layers:
          fc: {type: Linear(4), from: x}
          enc: {from: x, layers: [Linear(6), relu, {repeat: 2, type: Linear(6)}]}
          grp: {from: x, layers: {a: Linear(5), out: a * 2}}
          fc2: {use: fc, from: y}
          enc2: {use: enc, from: y}
          grp2: {use: grp, from: y}
        outputs: {a: fc, b: enc, c: grp, d: fc2, e: enc2, f: grp2}
        """,
        lambda: Hand(
            lambda m, x, y: {"a": m.fc(x), "b": m.enc(x), "c": m.grp(x), "d": m.fc(y), "e": m.enc(y), "f": m.grp(y)},
            fc=Linear(8, 4),
            enc=Seq(Linear(8, 6), Last(F.relu), Seq(Linear(6, 6), Linear(6, 6))),
            grp=Hand(lambda m, x: m.a(x) * 2, a=Linear(8, 5)),
        ),
        ([2, 8], [3, 4, 8]),
    ),
    case(
        "use of a block and of a path into it",
        """
        inputs: {x: [B, 3, H, W], y: [B, 3, S, S]}
        dims: {H: {min: 3}, W: {min: 3}, S: {min: 5}}
        blocks:
          Two:
            inputs: {x: [B, C, H, W]}
            args: {width: }
            layers: {conv: "Conv2d(width, 3)", act: relu}
        layers:
          one: {type: Two(4), from: x}
          two: {use: one, from: y}
          three: {use: one.conv, from: y}
          deep: {from: x, layers: {inner: {layers: [Two(5)]}}}
          again: {use: deep.inner.0.conv, from: y}
        outputs: {a: one, b: two, c: three, d: deep, e: again}
        """,
        lambda: Hand(
            lambda m, x, y: {
                "a": m.one(x),
                "b": m.one(y),
                "c": m.one["conv"](y),
                "d": m.deep(x),
                "e": m.deep["inner"][0]["conv"](y),
            },
            one=Hand(lambda m, x: F.relu(m.conv(x)), conv=nn.Conv2d(3, 4, 3)),
            deep=Hand(
                lambda m, x: m.inner(x), inner=Seq(Hand(lambda m, x: F.relu(m.conv(x)), conv=nn.Conv2d(3, 5, 3)))
            ),
        ),
        ([2, 3, 5, 6], [2, 3, 7, 7]),
    ),
    case(
        "use of an LSTM, of one use, inside a block and a repeat",
        """
        inputs: {x: [B, T, 8], y: [B, S, 8]}
        blocks:
          Twice:
            layers:
              fc: Linear(6)
              back: Linear(8)
              fc2: {use: fc}
              act: relu
              back2: {use: back}
        layers:
          lstm: {type: "LSTM(5, batch_first=True)", from: x}
          second: {use: lstm, from: y}
          third: {use: second, from: x}
          body: {from: x, repeat: 2, layers: {a: Twice(), b: {use: a}, out: a + b}}
        outputs: {o: second.output, h: lstm.h_n, c: third.c_n, body: body}
        """,
        lambda: Hand(
            lambda m, x, y: {"o": m.lstm(y)[0], "h": m.lstm(x)[1][0], "c": m.lstm(x)[1][1], "body": m.body(x)},
            lstm=nn.LSTM(8, 5, batch_first=True),
            body=Seq(
                *(
                    Hand(
                        lambda m, x: m.a(x) + m.a(m.a(x)),
                        a=Hand(lambda m, x: m.back(F.relu(m.fc(m.back(m.fc(x))))), fc=Linear(8, 6), back=Linear(6, 8)),
                    )
                    for _ in range(2)
                )
            ),
        ),
        ([2, 3, 8], [2, 4, 8]),
    ),
    case(
        "use of a group with named inputs, in any order",
        """
        inputs: {x: [B, 8], y: [B, 4]}
        layers:
          mix:
            from: {left: x, right: y}
            layers:
              l: {type: Linear(3), from: left}
              r: {type: Linear(3), from: right}
              out: l - r
          again: {use: mix, from: {right: "y + 1", left: x}}
          third: {use: mix, from: [x, y - 1]}
        outputs: {a: mix, b: again, c: third}
        """,
        lambda: Hand(
            lambda m, x, y: {"a": m.mix(x, y), "b": m.mix(x, y + 1), "c": m.mix(x, y - 1)},
            mix=Hand(lambda m, x, y: m.l(x) - m.r(y), l=Linear(8, 3), r=Linear(4, 3)),
        ),
        ([2, 8], [2, 4]),
    ),
    case(
        "use of a group that sees sizes and values around it",
        """
        inputs: {x: [B, T, 8], y: [B, S, 8]}
        layers:
          bias: mean(x, 1, keepdim=true)
          grp: {from: x, layers: {fc: Linear(8), out: fc * T + bias}}
          again: {use: grp, from: y}
        outputs: {a: grp, b: again}
        """,
        lambda: Hand(
            lambda m, x, y: {
                "a": m.grp(x) * x.shape[1] + x.mean(1, True),
                "b": m.grp(y) * x.shape[1] + x.mean(1, True),
            },
            grp=Hand(lambda m, x: m.fc(x), fc=Linear(8, 8)),
        ),
        ([2, 3, 8], [2, 5, 8]),
    ),
    case(
        "use on another dtype",
        """
        inputs: {a: {shape: [B], dtype: int64}, b: {shape: [B], dtype: int32}}
        layers:
          embed: {type: "Embedding(10, 4)", from: a}
          other: {use: embed, from: b}
          out: embed - other
        """,
        lambda: Hand(lambda m, a, b: m.embed(a) - m.embed(b), embed=nn.Embedding(10, 4)),
        (torch.tensor([1, 2]), torch.tensor([3, 4], dtype=torch.int32)),
    ),
    case(
        "tie across nested modules",
        """
        inputs: {t: {shape: [B, T], dtype: int64}}
        blocks:
          Head: {args: {n: }, layers: {fc: "Linear(n, bias=False)"}}
        layers:
          embed: ['Embedding(9, 4)', relu]
          head: {layers: {inner: {layers: [Head(9)]}}}
        tie: {head.inner.0.fc.weight: embed.0.weight}
        """,
        lambda: tied(
            Hand(
                lambda m, t: m.head(m.embed(t)),
                embed=Seq(nn.Embedding(9, 4), Last(F.relu)),
                head=Hand(lambda m, x: m.inner(x), inner=Seq(Hand(lambda m, x: m.fc(x), fc=Linear(4, 9, bias=False)))),
            ),
            "head.inner.0.fc.weight",
            "embed.0.weight",
        ),
        (torch.tensor([[1, 2]]),),
    ),
    case(
        "tie in a block",
        """
        blocks:
          Auto:
            args: {n: }
            layers: {up: "Linear(n, bias=False)", mid: "Linear(n, bias=False)", down: "Linear(n, bias=False)"}
            tie: {down.weight: mid.weight}
        layers:
          a: Auto(8)
          b: Auto(4)
          c: Auto(4)
        """,
        lambda: Hand(lambda m, x: m.c(m.b(m.a(x))), a=auto(8, 8), b=auto(8, 4), c=auto(4, 4)),
    ),
]

STORED: list[Case] = [
    case(
        "a Parameter and a Buffer at every place",
        """
        blocks:
          Scale:
            inputs: {x: [..., C]}
            args: {start: 1.0}
            layers:
              weight: Parameter(full([C], start))
              table: Buffer(arange(C), persistent=False)
              out: x * weight + table
        layers:
          p: Parameter(ones([8]))
          a: Scale()
          body:
            repeat: 2
            layers:
              w: Parameter(zeros([8]) + i)
              c: Buffer(ones([8]) * 3)
              out: w * c + a
          grp: {layers: {w: "Parameter([8])", out: x + w * p}, from: {x: body}}
          w${k}: {for: k in range(2), type: 'Parameter([8])'}
          end: grp + w0 - w1
        """,
        lambda: Hand(
            lambda m, x: m.grp(m.a(x) + 3.0) + m["p"] * 0,
            p=nn.Parameter(torch.ones(8)),
            a=Hand(lambda m, x: x * m["weight"] + torch.arange(8), weight=nn.Parameter(torch.ones(8))),
            body=Seq(*(Hand(lambda m, x: x, w=nn.Parameter(torch.zeros(8)), c=torch.ones(8)) for _ in "ab")),
            grp=Hand(lambda m, x: x, w=nn.Parameter(torch.zeros(8))),
            w0=nn.Parameter(torch.zeros(8)),
            w1=nn.Parameter(torch.zeros(8)),
        ),
    ),
    case(
        "a Parameter in a list and as first and last",
        """
        layers:
          - Parameter([3])
          - Linear(8)
          - Buffer(ones([8]))
          - relu
          - "Parameter([2, 2], requires_grad=False)"
        """,
        lambda: Hand(
            lambda m, x: F.relu(m["1"](x)),
            {
                "0": nn.Parameter(torch.zeros(3)),
                "1": Linear(8, 8),
                "2": torch.ones(8),
                "4": nn.Parameter(torch.zeros(2, 2)),
            },
        ),
    ),
]

OUTPUTS: list[Case] = [
    case(
        "outputs of groups, blocks, nets; train only",
        """
        blocks:
          Two:
            layers: {a: Linear(4), b: {type: Linear(5), from: x}}
            outputs: {left: a, right: {from: b, mode: train}}
        layers:
          two: Two()
          use_left: two.left * 2
          grp:
            from: x
            layers: {u: relu, v: {expr: sigmoid(x)}}
            outputs: {u: u, v: v}
          last: {type: Linear(3), from: grp.v}
        outputs: {l: use_left, r: {from: two.right, mode: train}, u: grp.u, last: last}
        """,
        lambda: Hand(
            lambda m, x: {
                "l": m.two["a"](x) * 2,
                **({"r": m.two["b"](x)} if m.training else {}),
                "u": F.relu(x),
                "last": m.last(torch.sigmoid(x)),
            },
            two=Hand(lambda m, x: x, a=Linear(8, 4), b=Linear(8, 5)),
            grp=Seq(),
            last=Linear(8, 3),
        ),
    ),
]


def tied(module: nn.Module, target: str, source: str) -> nn.Module:
    owner, _, name = target.rpartition(".")
    module.get_submodule(owner).register_parameter(name, module.get_parameter(source))
    return module


def auto(before: int, n: int) -> nn.Module:
    layers = {"up": Linear(before, n, bias=False), "mid": Linear(n, n, bias=False), "down": Linear(n, n, bias=False)}
    return tied(Hand(lambda m, x: m.down(m.mid(m.up(x))), layers), "down.weight", "mid.weight")


CASES = [*SHARING, *STORED, *OUTPUTS]

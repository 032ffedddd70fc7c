"""Specs and the modules they mean."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.language.hand import Case, Hand, Last, case

__all__ = ["CASES"]

Seq, Linear = nn.Sequential, nn.Linear

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
          embed: [Embedding(9, 4), relu]
          head: {layers: {inner: {layers: [Head(9)]}}}
        tie: {head.inner.0.fc.weight: embed.0.weight}
        """.replace("[Embedding(9, 4), relu]", "['Embedding(9, 4)', relu]"),
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
          w${k}: {for: k in range(2), type: Parameter, shape: [8]}
          end: grp + w0 - w1
        """.replace(
            "w${k}: {for: k in range(2), type: Parameter, shape: [8]}",
            "w${k}: {for: k in range(2), type: 'Parameter([8])'}",
        ),
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


ORDER: list[Case] = [
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
        args: {norm: BatchNorm1d, act: relu, other: "GroupNorm(2)", group: 4, head: Head, last: "softmax(1)"}
        blocks:
          Head: {inputs: {x: [B, C, ...]}, args: {act: ReLU, n: 2}, layers: {a: act(), c: "Conv1d(n * C, 1)"}}
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
        """.replace("inputs: {x: [B, C, ...]}", "inputs: {x: [B, C, L]}")
        .replace(', last: "softmax(1)"', "")
        .replace(", group: 4", ""),
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
          body: {for: s in sizes, type: Linear(s)}
          end: act()
        """.replace("body:", "body${s}:"),
        lambda: Hand(lambda m, x: torch.tanh(m.body2(m.body6(x))), body6=Linear(8, 6), body2=Linear(6, 2)),
        ([2, 8],),
        sizes=[6, 2],
        act="tanh",
    ),
]


def unit(before: int, hidden: int, out: int) -> nn.Module:
    return Hand(lambda m, x: m.down(m.up(x)), up=Linear(before, hidden), down=Linear(hidden, out))


PATTERNS: list[Case] = [
    case(
        "dots, places, numbers, expressions",
        """
        inputs: {x: [B, 2, T, 8], y: [B, 2, T, 16]}
        blocks:
          Any: {inputs: {x: [_, 2, ..., C]}, layers: {fc: Linear(C * 3)}}
          Pair: {inputs: {x: [..., C], y: [..., 2 * C]}, layers: {a: {type: Linear(C), from: y}, out: a + x}}
          Front: {inputs: {x: [B, ...]}, layers: {out: "reshape(x, B, -1)"}}
          Square: {inputs: {x: [N, N]}, layers: {out: "x + transpose(x, 0, 1)"}}
        layers:
          any: {type: Any(), from: x}
          pair: {type: Pair(), from: [x, y]}
          swapped: {type: Pair(), from: {y: y, x: x}}
          front: Front()
          square: {type: Square(), from: "front @ transpose(front, 0, 1)"}
        outputs: {any: any, pair: pair, front: front, square: square}
        """,
        lambda: Hand(
            lambda m, x, y: (
                lambda f: {
                    "any": m.any["fc"](x),
                    "pair": m.pair["a"](y) + x,
                    "front": f,
                    "square": f @ f.T + (f @ f.T).T,
                }
            )((m.swapped["a"](y) + x).reshape(x.shape[0], -1)),
            any=Hand(lambda m: 0, fc=Linear(8, 24)),
            pair=Hand(lambda m: 0, a=Linear(16, 8)),
            swapped=Hand(lambda m: 0, a=Linear(16, 8)),
        ),
        ([2, 2, 3, 8], [2, 2, 3, 16]),
        ([1, 2, 1, 8], [1, 2, 1, 16]),
    ),
    case(
        "sizes of two inputs are tied",
        """
        inputs: {q: [B, T, 8], k: [B, S, 8], s: [B, T, S]}
        blocks:
          Attend:
            inputs: {q: [B, T, C], k: [B, S, C], bias: [B, T, S]}
            layers:
              w: softmax(q @ transpose(k, 1, 2) / C + bias, -1)
              out: w @ k / S
        layers:
          a: {type: Attend, from: [q, k, s]}
          b: {type: Attend, from: {bias: "s @ transpose(s, 1, 2)", q: q, k: a}}
        """,
        lambda: Hand(lambda m, q, k, s: attend(q, attend(q, k, s), s @ s.transpose(1, 2)) * 1),
        ([2, 3, 8], [2, 4, 8], [2, 3, 4]),
    ),
    case(
        "sizes as values",
        """
        inputs: {x: [B, T, 8], y: [B, T, 8]}
        layers:
          pos: arange(T) + T
          b: reshape(x, B * T, -1)
          c: reshape(b, [B, T, 2, 8 // 2])
          d: c * reshape(pos, 1, T, 1, 1)
          e: expand(mean(d, 0, keepdim=true), B, T, 2, 4) / (B * T)
          f: e[:, T // 2:, -1, ::2] + zeros([B, ceildiv(T, 2), 2])
          g: cat([x[:, :1], y[:, 1:]], 1) if T is_known else x
          ones: "ones([B, T, 1]) * B"
        outputs: {f: f, e: e, ones: ones}
        """.replace("          g: cat([x[:, :1], y[:, 1:]], 1) if T is_known else x\n", "").replace(
            "inputs: {x: [B, T, 8], y: [B, T, 8]}", "inputs: {x: [B, T, 8]}"
        ),
        lambda: Hand(lambda m, x: sizes(x)),
        ([2, 3, 8],),
        ([1, 4, 8],),
    ),
]


def attend(q: torch.Tensor, k: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.softmax(q @ k.transpose(1, 2) / 8 + bias, -1) @ k / k.shape[1]


def sizes(x: torch.Tensor) -> dict[str, torch.Tensor]:
    b, t, _ = x.shape
    d = x.reshape(b, t, 2, 4) * (torch.arange(t) + t).reshape(1, t, 1, 1)
    e = d.mean(0, keepdim=True).expand(b, t, 2, 4) / (b * t)
    return {"f": e[:, t // 2 :, -1, ::2] + 0, "e": e, "ones": torch.ones(b, t, 1) * b}


RESULTS: list[Case] = [
    case(
        "chunk, split, unbind, topk, max",
        """
        layers:
          parts: chunk(2, 1)
          a: parts.0 - parts[1]
          same: cat(parts, 1)
          thirds: {type: split, split_size_or_sections: [3, 5], dim: 1, from: x}
          b: thirds[-1] * 2
          each: unbind(reshape(x, -1, 2, 4), 1)
          c: stack(each, 0)
          top: topk(x, 3)
          d: top.values * top.indices
          most: max(x, 1)
          e: most.values + most.indices
          whole: max(x)
          f: x - whole
        outputs: {a: a, same: same, b: b, c: c, d: d, e: e, f: f, i: top.indices}
        """.replace("each: unbind", "every: unbind").replace("stack(each", "stack(every"),
        lambda: Hand(
            lambda m, x: {
                "a": x[:, :4] - x[:, 4:],
                "same": x,
                "b": x[:, 3:] * 2,
                "c": torch.stack(x.reshape(-1, 2, 4).unbind(1)),
                "d": x.topk(3).values * x.topk(3).indices,
                "e": x.max(1).values + x.max(1).indices,
                "f": x - x.max(),
                "i": x.topk(3).indices,
            }
        ),
    ),
    case(
        "attention and LSTM with optional inputs",
        """
        inputs: {x: [B, T, 8], h: [1, B, 6], c: [1, B, 6], pad: {shape: [B, T], dtype: bool}}
        layers:
          att: {type: "MultiheadAttention(2, batch_first=True)", from: {query: x, key: x, value: x, key_padding_mask: pad}}
          att2: {type: MultiheadAttention, num_heads: 4, batch_first: true, from: [x, x, x], call: {need_weights: false}}
          lstm: {type: "LSTM(6, batch_first=True)", from: {input: att.attn_output, hx: [h, c]}}
        outputs: {a: att.attn_output, w: att.attn_output_weights, o: lstm.output, n: lstm.c_n, b: att2.attn_output}
        """.replace("hx: [h, c]", "h_0: h, c_0: c"),
        lambda: Hand(
            lambda m, x, h, c, pad: (
                lambda a, l: {
                    "a": a[0],
                    "w": a[1],
                    "o": l[0],
                    "n": l[1][1],
                    "b": m.att2(x, x, x, need_weights=False)[0],
                }
            )(m.att(x, x, x, key_padding_mask=pad), m.lstm(m.att(x, x, x, key_padding_mask=pad)[0], (h, c))),
            att=nn.MultiheadAttention(8, 2, batch_first=True),
            att2=nn.MultiheadAttention(8, 4, batch_first=True),
            lstm=nn.LSTM(8, 6, batch_first=True),
        ),
        ([2, 3, 8], [1, 2, 6], [1, 2, 6], torch.tensor([[False, False, True], [False, True, True]])),
    ),
    case(
        "comparison, where, bool and integer tensors, scalars",
        """
        inputs: {x: [B, 8], n: {shape: [B], dtype: int64}, m: {shape: [B, 8], dtype: bool}}
        layers:
          pos: x > 0
          both: pos & m
          not_: "~both"
          a: where(both, x, 2 * x - 1)
          b: masked_fill(x, not_, -1e9)
          c: n // 2 + n % 3
          d: n / 2
          e: "1 - 2 ** -x"
          f: (x <= 0.5) | (x != x)
          g: -x ** 2
          h: n[:, None] * x
          i: x[..., 0] + x[:, -1]
          j: x[:, 1:-1:3]
        outputs: {both: both, not_: not_, a: a, b: b, c: c, d: d, e: e, f: f, g: g, h: h, i: i, j: j}
        """,
        lambda: Hand(
            lambda m, x, n, k: {
                "both": (x > 0) & k,
                "not_": ~((x > 0) & k),
                "a": torch.where((x > 0) & k, x, 2 * x - 1),
                "b": x.masked_fill(~((x > 0) & k), -1e9),
                "c": n // 2 + n % 3,
                "d": n / 2,
                "e": 1 - 2**-x,
                "f": (x <= 0.5) | (x != x),
                "g": -(x**2),
                "h": n[:, None] * x,
                "i": x[..., 0] + x[:, -1],
                "j": x[:, 1:-1:3],
            }
        ),
        ([2, 8], torch.tensor([5, 9]), torch.rand(2, 8) > 0.5),
    ),
]

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
          0: Linear(8)
          Tensor: Linear(8)
          super: Linear(8)
          None: Linear(8)
          größe: Linear(8)
          size: Linear(8)
          B: Linear(8)
          end: relu(F + x) + relu(nn + torch) + relu(add - relu_1) + size
        """.replace("          B: Linear(8)\n", "").replace("          0: Linear(8)\n", '          "0": Linear(8)\n'),
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
          "%s": {type: Net(), from: self_}
          isinstance: len - %s
        """
        % ("z" * 100, "z" * 100),
        lambda: Hand(lambda m, a, b: m.len(a) - m["z" * 100](b), {"len": net(), "z" * 100: net()}),
        ([2, 8], [2, 8]),
    ),
]
PLAIN = [
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


CASES = [*LOOPS, *CAPTURES, *SHARING, *STORED, *OUTPUTS, *ORDER, *TYPES, *PATTERNS, *RESULTS, *NAMES]

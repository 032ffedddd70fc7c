"""Input patterns, sizes as values, layers with several results, tensor expressions."""

from __future__ import annotations

import torch
from torch import nn

from tests.language.hand import Case, Hand, case

__all__ = ["CASES"]

Linear = nn.Linear

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
        "sizes that a block requires to be equal",
        """
        inputs: {x: [B, T, 8], y: [B, S, 8], z: [B, 2 * S, 8]}
        blocks:
          Add: {inputs: {x: [B, T, C], y: [B, T, C]}, layers: {fc: {type: Linear(C), from: y}, out: x + fc * T}}
          Half: {inputs: {x: [B, T, C], z: [B, 2 * T, C]}, layers: {out: "x + z[:, :T]"}}
        layers:
          a: {type: Add(), from: [x, x]}
          b: {use: a, from: [x, y]}
          c: {type: Half(), from: [x, z]}
          d: {type: Half(), from: [y, z]}
          group: {from: x, layers: {e: {type: Add(), from: [x, y]}}}
        outputs: [a, b, c, d, group]
        """,
        lambda: Hand(
            lambda m, x, y, z: {
                "a": m.a(x, x),
                "b": m.a(x, y),
                "c": x + z[:, : x.shape[1]],
                "d": y + z[:, : x.shape[1]],
                "group": m.group(x, y),
            },
            a=Hand(lambda m, x, y: x + m.fc(y) * 3, fc=Linear(8, 8)),
            group=Hand(lambda m, x, y: m.e(x, y), e=Hand(lambda m, x, y: x + m.fc(y) * 3, fc=Linear(8, 8))),
        ),
        ([2, 3, 8], [2, 3, 8], [2, 6, 8]),
    ),
    case(
        "sizes as values",
        """
        inputs: {x: [B, T, 8]}
        layers:
          pos: arange(T) + T
          b: reshape(x, B * T, -1)
          c: reshape(b, [B, T, 2, 8 // 2])
          d: c * reshape(pos, 1, T, 1, 1)
          e: expand(mean(d, 0, keepdim=true), B, T, 2, 4) / (B * T)
          f: e[:, T // 2:, -1, ::2] + zeros([B, ceildiv(T, 2), 2])
          ones: "ones([B, T, 1]) * B"
        outputs: {f: f, e: e, ones: ones}
        """,
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
          every: unbind(reshape(x, -1, 2, 4), 1)
          c: stack(every, 0)
          top: topk(x, 3)
          d: top.values * top.indices
          most: max(x, 1)
          e: most.values + most.indices
          whole: max(x)
          f: x - whole
        outputs: {a: a, same: same, b: b, c: c, d: d, e: e, f: f, i: top.indices}
        """,
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
          lstm: {type: "LSTM(6, batch_first=True)", from: {input: att.attn_output, h_0: h, c_0: c}}
        outputs: {a: att.attn_output, w: att.attn_output_weights, o: lstm.output, n: lstm.c_n, b: att2.attn_output}
        """,
        lambda: Hand(
            lambda m, x, h, c, pad: (
                lambda a, r: {
                    "a": a[0],
                    "w": a[1],
                    "o": r[0],
                    "n": r[1][1],
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

CASES = [*PATTERNS, *RESULTS]

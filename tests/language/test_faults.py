"""Every construct misused: one fault is one error, at the word that is wrong, with what to do about it.

The expectation stands beside the mistake, as in `tests/expectations.py`.
"""

from __future__ import annotations

import pytest

from nnc.compiler.driver import compile_text
from tests.expectations import compare
from tests.language.hand import spec_text

UNIT = """
blocks:
  Unit:
    inputs: {x: [B, C]}
    args: {n: , k: 2}
    layers: {fc: Linear(n)}
"""
HEADS = """
blocks:
  Two:
    layers: {main: Linear(3), aux: {type: Linear(3), from: x}}
    outputs: {main: main, aux: {from: aux, mode: train}}
"""

FAULTS = {
    # loops
    "one key for every turn": """
        layers:
          a:  # error: [duplicate-entry-name] "every turn of the loop has the same key, `a`"
            for: i in range(2)
            type: Linear(8)
        """,
    "a loop that cannot be read": """
        layers:
          a${i}:
            for: i range(3)  # error: [unexpected-token] "expected `in`"
            type: Linear(8)
          b: {type: Linear(3), from: a0}
          c: a1 + b
          d: {use: a2}
        """,
    "a loop over an unknown name": """
        layers:
          a${i}:
            for: i in range(n)  # error: [unknown-name] "nothing is called `n`"
            type: Linear(8)
          b: {type: Linear(3), from: a0}
          c: a1 + b
          d: {use: a2}
        """,
    "each with the other kind of layers": """
        layers:
          a:
            each: i in [1, 2]  # error: [bad-key] "must be a mapping, not a list"
            layers: [Linear(i)]
        """,
    "each over items of another length": """
        layers:
          a:
            each: i, j in [1]  # error: [not-iterable] "2 names are to be bound"
            layers: {"b${i}": Linear(j)}
          c: b1 + 2
        """,
    "repeat of a free size": "layers: {a: {repeat: B, type: Linear(8)}}  # error: [free-size] \"B is a free size\"",
    # outputs
    "every output switched off": """
        layers: {a: Linear(8)}  # error: [no-input] "every output is switched off"
        outputs: {y: {from: a, if: false}}
        """,
    "an output's condition on a free size": """
        layers: {a: Linear(8)}
        outputs: {x: x, y: {from: a, if: B > 3}}  # error: [undecidable-condition] "depends on a free size"
        """,
    # ranks
    "an image without a dimension": """
        inputs: {x: [B, 3, W]}
        layers:
          a: Conv2d(8, 3)  # error: [free-size] "with one it is (N, C, H, W)"
        """,
    # arguments in torch's own order
    "channels by position": """
        inputs: {x: [B, 3, H, W]}
        layers:
          a: Conv2d(3, 6, 5)  # warning: [inferred-by-position] "in_channels is inferred, and not written"
          b: BatchNorm2d(3)  # warning: [inferred-by-position] "num_features is inferred, and not written"
          c: Conv2d(3, 64, 3, padding=32)  # warning: [inferred-by-position] "in_channels is inferred, and not written"
        """,
    "channels by position where the window does not fit": """
        inputs: {x: [B, 7, 8, 8]}
        layers:
          a: Conv2d(7, 16, 3)  # error: [shape-mismatch] "a window of 16 does not fit into 8"
        """,
    "features by position": """
        inputs: {x: [B, T, 10]}
        layers:
          a: LSTM(10, 20)  # warning: [inferred-by-position] "input_size is inferred, and not written"
          b: TransformerEncoderLayer(10, 2)(a.output)  # warning: [inferred-by-position] "d_model is inferred, and not written"
          c: LayerNorm(10)  # warning: [inferred-by-position] "normalized_shape is inferred, and not written"
          d: RMSNorm(eps=1)
          e: Linear(10)
          f: GroupNorm(2, 10)(transpose(e, 1, 2))  # warning: [inferred-by-position] "num_channels is inferred, and not written"
        """,
    "what is meant as it stands": """
        inputs: {x: [B, 64, H, W]}
        layers:
          a: Conv2d(64, 3, 2, 1)
          b: Conv2d(64, 8, 8)
          c: Conv2d(64, 31, padding=15, groups=64)
          d: ConvTranspose2d(64, 4, 2, 1)
          e: BatchNorm2d(1e-3)
          f: transpose(flatten(e, 2), 1, 2)
          g: LSTM(64, 2)
          h: TransformerEncoderLayer(8, 64)(g.output)
        """,
    # functions as methods, and with Python's prefixes
    "methods one after the other": """
        inputs: {x: [B, T, 4]}
        layers:
          a: x.transpose(1, 2).reshape(B, -1)  # error: [not-a-layer] "write `reshape(transpose(x, 1, 2), B, -1)`"
        """,
    "a function of torch and a method": """
        layers:
          a: torch.relu(x).sum()  # error: [not-a-layer] "functions stand in front, write `sum(relu(x))`"
        """,
    "a function of torch.fft": "layers: {a: torch.fft.rfft(x)}  # error: [unknown-layer] \"write `fft.rfft`\"",
    "a function of numpy": "layers: {a: np.sqrt(x)}  # error: [unknown-layer] \"write `sqrt`\"",
    "a root of a free size": """
        layers:
          a: x / sqrt(B)  # error: [bad-operation] "`full([], B)` is a tensor of it"
          b: x / sqrt(full([], B))
          c: masked_fill(b, b > 0, float("-inf"))
        """,
    "tensors that stand in no list": "layers: {a: \"cat(x, x)\"}  # error: [argument-type] \"tensors stand in a list\"",
    "a function that wants a weight": "layers: {a: conv2d}  # error: [missing-argument] \"the layer `Conv2d` has one\"",
    "a layer in lower case": "layers: {a: identity}  # error: [unknown-name] \"did you mean `Identity`\"",
    "a prefix without a call": "layers: {a: torch.relu}  # error: [unknown-name] \"without a prefix\"",
    "several names for one entry": """
        inputs: {x: [B, 3, 4]}
        layers:
          q, k, v: unbind(x, 1)
          out: q * k  # error: [unknown-name] "its results are `parts.0`"
        """,
    # layers called on values
    "a value among the arguments of a layer": """
        layers: {a: LayerNorm(x)}  # error: [argument-type] "in a second pair of parentheses: `LayerNorm(…)(x)`"
        """,
    "a tensor among the settings of a call": """
        inputs: {x: [B, T, 8], m: {shape: [T, T], dtype: bool}}
        layers:
          a:
            type: MultiheadAttention(2, batch_first=True)
            from: [x, x, x]
            call: {attn_mask: m}  # error: [unknown-argument] "from: {query: …, key: …, value: …, attn_mask: …}"
          b: a.attn_output
        """,
    "a name as plain data": """
        inputs: {x: [B, 4, H, W]}
        layers:
          a: MaxPool2d(2, return_indices=True)
          b:
            type: MaxUnpool2d(2)
            from: [a.output, a.indices]
            call: {output_size: [H, W]}  # error: [argument-type] "a computed value is written `$H`"
        """,
    "an argument's name as plain data": """
        args: {width: 8}
        layers:
          a: {type: Linear, out_features: width}  # error: [argument-type] "a computed value is written `$width`"
        """,
    "a layer called on nothing": "layers: {a: \"Linear(8)()\"}  # error: [keys-do-not-go-together] \"called on are missing\"",
    "values by position and by name": """
        layers:
          a: Bilinear(4)(x, input2=x)  # error: [keys-do-not-go-together] "by position or by name, not both"
          b: Identity  # of `a` nothing is known
        """,
    "settings of the call": """
        layers:
          a: {type: "GRU(8)(x, on=True)", call: {on: true}}  # error: [keys-do-not-go-together] "keywords of `forward` stand"
          b: MultiheadAttention(1)(x, x, x, need_weight=False)  # error: [unknown-argument] "did you mean `need_weights`"
        """,
    "values twice": """
        layers:
          a: {type: Linear(8)(x), from: x}  # error: [keys-do-not-go-together] "stand in `type:` already"
        """,
    "a parameter called on a value": """
        layers:
          a: Parameter([8])(x)  # error: [keys-do-not-go-together] "takes no values"
          b: x + a
        """,
    "a layer called on a value goes on": """
        layers:
          a: Linear(8)(x) + x  # error: [unexpected-token] "stands alone in its entry"
        """,
    "a layer called in an expression": """
        layers:
          a: relu(Linear(8)(x))  # error: [unexpected-token] "only a name can be called"
        """,
    "a layer called on a misspelt value": """
        layers:
          first: Linear(8)
          b: Linear(8)(frist)  # error: [unknown-reference] "did you mean `first`?"
        """,
    # sharing
    "use with another size": """
        inputs: {x: [B, 8], y: [B, 9]}
        layers:
          a: {type: Linear(8), from: x}
          b: {use: a, from: y}  # error: [shared-mismatch] "its in_features is 8, here it would be 9"
          c: a + b
        """,
    "use of a normalization without weights on another size": """
        inputs: {x: [B, 8, L], y: [B, 6, L]}
        layers:
          a: {type: "GroupNorm(2, affine=False)", from: x}
          b: {use: a, from: y}  # error: [shared-mismatch] "its num_channels is 8, here it would be 6"
        outputs: [a, b]
        """,
    "use of what stands around": """
        layers:
          a: Linear(8)
          b: {layers: [{use: a}]}  # error: [unknown-reference] "`a` stands around this `layers:`"
        """,
    "use of what is switched off": """
        layers:
          a: {if: false, type: Linear(8)}
          b: {use: a}  # error: [not-a-layer] "`a` is switched off by `if:`"
        """,
    "use of a group without one of its inputs": """
        inputs: {x: [B, 8], y: [B, 4]}
        layers:
          mix: {from: {left: x, right: y}, layers: {r: {type: Linear(8), from: right}, out: left + r}}
          again: {use: mix, from: {left: x}}  # error: [wiring-count] "also needs `right`"
          end: mix + again
        """,
    "use of a group with a misspelt input": """
        inputs: {x: [B, 8], y: [B, 4]}
        layers:
          mix: {from: {left: x, right: y}, layers: {r: {type: Linear(8), from: right}, out: left + r}}
          again: {use: mix, from: {left: x, rigth: y}}  # error: [unknown-parameter] "did you mean `right`?"
          end: mix + again
        """,
    "a tie with itself": """
        layers: {a: Linear(8)}
        tie: {a.weight: a.weight}  # error: [shared-mismatch] "one parameter already"
        """,
    "ties in a circle": """
        layers: {a: Linear(8), b: Linear(8)}
        tie:
          a.weight: b.weight
          b.weight: a.weight  # error: [shared-mismatch] "`b.weight` and `a.weight` are one parameter already"
        """,
    # results
    "a result of training at other times": f"""{HEADS}
layers: {{two: Two()}}
outputs: {{main: two.main, aux: two.aux}}  # error: [training-only] "`two.aux` exists only while training"
""",
    "a result of training in a sum": f"""{HEADS}
layers:
  two: Two()
  sum: two.main + two.aux  # error: [training-only] "`two.aux` exists only while training"
""",
    "outputs without a name": "layers: {a: relu}  # error: [no-input] \"names nothing\"\noutputs: {}",
    "one result under a name": """
        layers:
          a: {type: MultiheadAttention(2), from: [x, x, x], call: {need_weights: false}}
          b: a + x  # error: [several-results] "say `a.attn_output`"
        """,
    "call: of a block": f"{UNIT}layers: {{a: {{type: Unit(3), call: {{u: 1}}}}}}  # error: [unknown-argument] \"is a block\"",
    "from: that nothing takes": """
        layers:
          a: relu
          b: {from: a, expr: x + 1}  # warning: [unused-entry] "nothing here takes"
          c: a + b
        """,
    "a name that no expression can say": """
        layers:
          a-1: Linear(8)
          b: relu
          c: {type: relu, from: a-1}  # error: [unknown-name] "an expression cannot say `a-1`"
        """,
    # types and arguments
    "an argument named as the input": """
        blocks:
          Unit:
            args: {x: 3}  # error: [name-used-twice] "a block without `inputs:` takes one tensor, `x`"
            layers: {fc: Linear(x)}
        layers: {a: Unit()}
        """,
    "a number that is called": """
        args: {norm: 3}
        layers: {a: norm()}  # error: [ambiguous-name] "`norm` is the number 3 here"
        """,
    "a block without its argument": f"{UNIT}layers: {{a: Unit()}}  # error: [missing-argument] \"needs `n`\"",
    "a negative shape": "layers: {p: 'Parameter([-1])', out: x}  # error: [argument-type] \"this is [-1]\"",
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_one_error(name: str) -> None:
    text = spec_text(FAULTS[name])
    assert compare(text, compile_text(text).problems.sorted()) == []

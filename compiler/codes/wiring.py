"""NNC06: wiring, from value to value."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0601",
        "unknown-reference",
        "`from:`, `use:`, `tie:` or `outputs:` names something that is not there.",
        """A reference names an input or an entry of the same section; inside a block only its own. A part of an
        entry is written with a dot, `encoder.conv1`.""",
        """
        nnc: 1
        inputs: {image: [B, 16]}
        layers:
          fc: {type: Linear(10), from: imaeg}
        """,
        """
        nnc: 1
        inputs: {image: [B, 16]}
        layers:
          fc: {type: Linear(10), from: image}
        """,
    ),
    define(
        "NNC0602",
        "cycle",
        "Entries wait for each other.",
        """Entries may stand in any order, but each must be computable before what uses it. A value that returns to
        an earlier layer is a recurrence: use RNN, LSTM or GRU, or write the steps out with `repeat:`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          a: {type: Linear(16), from: b}
          b: {type: Linear(16), from: a}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          a: {type: Linear(16), from: x}
          b: {type: Linear(16), from: a}
        """,
    ),
    define(
        "NNC0603",
        "no-input",
        "Nothing flows into a layer.",
        """Without `from:` an entry takes the value of the one before it, and the first takes the input. Where there
        are several inputs, or nothing comes before, `from:` must say which value is meant.""",
        """
        nnc: 1
        inputs: {left: [B, 16], right: [B, 16]}
        layers:
          fc: Linear(10)
          sum: fc + right + left
        """,
        """
        nnc: 1
        inputs: {left: [B, 16], right: [B, 16]}
        layers:
          fc: {type: Linear(16), from: left}
          sum: fc + right
        """,
    ),
    define(
        "NNC0604",
        "several-results",
        "A value has several results, and one is needed.",
        """An LSTM gives `output`, `h_n` and `c_n`, MultiheadAttention gives `attn_output` and its weights, `chunk`
        gives parts by number. Say which: `lstm.output`, `parts.0`.""",
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          lstm: LSTM(32, batch_first=True)
          fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          lstm: LSTM(32, batch_first=True)
          fc: {type: Linear(10), from: lstm.output}
        """,
    ),
    define(
        "NNC0605",
        "unknown-result",
        "A value has no result of this name or number.",
        """Results have torch's documented names. A layer with one result is that tensor itself and has no parts.""",
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          lstm: LSTM(32, batch_first=True)
          fc: {type: Linear(10), from: lstm.ouput}
        """,
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          lstm: LSTM(32, batch_first=True)
          fc: {type: Linear(10), from: lstm.output}
        """,
    ),
    define(
        "NNC0606",
        "unused-entry",
        "Nothing uses an entry or an input.",
        """A warning. The entry is computed, its parameters are saved, and no output depends on it: often a `from:`
        is missing, or an output. Remove the entry, or use it.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          hidden: Linear(32)
          fc: {type: Linear(10), from: x}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          hidden: Linear(32)
          fc: {type: Linear(10), from: hidden}
        """,
    ),
    define(
        "NNC0607",
        "wiring-count",
        "A layer gets too many tensors, or too few.",
        """The notes name the tensors that the layer takes. Several are given as a list, `from: [a, b]`, or by name,
        `from: {query: a, key: b, value: b}`.""",
        """
        nnc: 1
        inputs: {x: [B, 16], y: [B, 16]}
        layers:
          fc: {type: Linear(10), from: [x, y]}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16], y: [B, 16]}
        layers:
          both: cat([x, y], 1)
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0608",
        "unknown-parameter",
        "`from:` names an input that the layer does not have.",
        """In `from: {name: value}` the names are those of the layer's inputs: torch's names of the arguments of
        `forward`, or the `inputs:` of a block.""",
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          attention: {type: MultiheadAttention(2), from: {query: x, kye: x, value: x}}
          out: attention.attn_output
        """,
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers:
          attention: {type: MultiheadAttention(2), from: {query: x, key: x, value: x}}
          out: attention.attn_output
        """,
    ),
    define(
        "NNC0609",
        "training-only",
        "A value is always computed, from a result that exists only while training.",
        """An output of a block with `mode: train` is there while the module is in training mode, and missing after
        `model.eval()`. What uses it must be an output with `mode: train` too, or lead to nothing but such outputs.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Two:
            layers: {main: Linear(4), aux: {type: Linear(4), from: x}}
            outputs: {main: main, aux: {from: aux, mode: train}}
        layers:
          two: Two()
        outputs: {main: two.main, aux: two.aux}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Two:
            layers: {main: Linear(4), aux: {type: Linear(4), from: x}}
            outputs: {main: main, aux: {from: aux, mode: train}}
        layers:
          two: Two()
        outputs: {main: two.main, aux: {from: two.aux, mode: train}}
        """,
    ),
)

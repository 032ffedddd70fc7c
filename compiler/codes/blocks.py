"""NNC07: blocks, their arguments, loops and the names of entries."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0701",
        "missing-block-argument",
        "An argument of the network has no default and is not given.",
        """An argument written without a value must be given by whoever builds the network: `--set width=32` on the
        command line, `nnc.load("net.yaml", width=32)` in Python. Or give it a default.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {width: }
        layers:
          fc: Linear(width)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {width: 32}
        layers:
          fc: Linear(width)
        """,
    ),
    define(
        "NNC0702",
        "pattern-mismatch",
        "What flows in does not fit an input's shape.",
        """The shape in a block's `inputs:` is a pattern: it fixes the number of dimensions, binds names to sizes,
        and a name that stands twice must have one size. `...` stands for any leading dimensions and `_` for one of
        any size.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Stem:
            inputs: {x: [B, C, H, W]}
            layers:
              conv: Conv2d(C, 3)
        layers:
          stem: Stem
        """,
        """
        nnc: 1
        inputs: {x: [B, 16, 32, 32]}
        blocks:
          Stem:
            inputs: {x: [B, C, H, W]}
            layers:
              conv: Conv2d(C, 3)
        layers:
          stem: Stem
        """,
    ),
    define(
        "NNC0703",
        "recursive-block",
        "Blocks contain each other without an end.",
        """A block may use itself with other arguments, under an `if:` that ends it. Here it never ends, or not
        within the depth that networks are given.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Tower:
            layers:
              fc: Linear(16)
              rest: Tower
        layers:
          tower: Tower
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Tower:
            layers:
              fc: Linear(16)
              act: ReLU
        layers:
          tower: {type: Tower, repeat: 3}
        """,
    ),
    define(
        "NNC0704",
        "too-large",
        "The network would be larger than what is built.",
        """Repeats, loops and blocks inside blocks multiply. A network is built within fixed bounds on its layers
        and on the steps it takes to write them out.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          tower: {type: Linear(16), repeat: 10**9}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          tower: {type: Linear(16), repeat: 10}
        """,
    ),
    define(
        "NNC0705",
        "duplicate-entry-name",
        "Two entries get the same name.",
        """A templated key gives each turn of a loop its own name, so it must depend on the loop; and an entry
        cannot have the name of an input, an argument or a dimension, or a reference would be ambiguous.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc${i // 2}: {for: i in range(4), type: Linear(16)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc${i}: {for: i in range(4), type: Linear(16)}
        """,
    ),
    define(
        "NNC0706",
        "bad-key",
        "An entry's key cannot be the name of a module.",
        """torch separates the names of nested modules with dots, so a name holds none and is not empty. Nested
        modules are written as an entry with `layers:`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head.fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head:
            layers:
              fc: Linear(10)
        """,
    ),
    define(
        "NNC0707",
        "not-iterable",
        "A loop runs over something that is no list.",
        """`for:` and `each:` take a list: an argument that holds one, `range(n)`, `enumerate(list)`, `zip(a, b)`.
        To do something n times, write `for: i in range(n)` or `repeat: n`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc${i}: {for: i in 4, type: Linear(16)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc${i}: {for: i in range(4), type: Linear(16)}
        """,
    ),
    define(
        "NNC0708",
        "shared-mismatch",
        "A module or parameter that is used twice does not fit its second place.",
        """`use:` calls a module again with the parameters that it has, so its second input must have the sizes that
        its first had; `tie:` makes two parameters one, so their shapes must be equal.""",
        """
        nnc: 1
        inputs: {tokens: {shape: [B, T], dtype: int64}}
        layers:
          embed: Embedding(100, 8)
          decoder: Linear(99)
        tie: {decoder.weight: embed.weight}
        """,
        """
        nnc: 1
        inputs: {tokens: {shape: [B, T], dtype: int64}}
        layers:
          embed: Embedding(100, 8)
          decoder: Linear(100, bias=False)
        tie: {decoder.weight: embed.weight}
        """,
    ),
    define(
        "NNC0709",
        "unknown-argument-set",
        "A value was given for an argument or a dimension that the network does not have.",
        """`--set name=value` takes the names in the spec's `args:`, `--size name=value` those of its free
        dimensions. In Python they are keyword arguments.""",
    ),
)

"""NNC03: names and calls."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0301",
        "unknown-layer",
        "There is no layer or function of this name.",
        """Layers have the names of torch.nn's classes (`Conv2d`), functions those of torch and torch.nn.functional
        (`flatten`), and blocks the names that `blocks:` gives them. Upper case is a layer, lower case a function.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Liner(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0302",
        "unknown-argument",
        "The layer, function or block has no argument of this name.",
        """Arguments have torch's own names; those of a block are the ones in its `args:`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10, bais=False)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10, bias=False)
        """,
    ),
    define(
        "NNC0303",
        "missing-argument",
        "An argument that has no default is not given.",
        """What torch's constructor requires must be written, but for the sizes that come from what flows in, such
        as `in_features` and `num_features`.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          conv: Conv2d(64)
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          conv: Conv2d(64, 3)
        """,
    ),
    define(
        "NNC0304",
        "too-many-arguments",
        "More arguments are given by position than there are.",
        """Positions are those of torch's `Lazy` classes: without the inferred sizes. `Linear(10)` has 10 outputs;
        `Conv2d(64, 3)` has 64 output channels and a kernel of 3.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          act: ReLU(True, False)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          act: ReLU(True)
        """,
    ),
    define(
        "NNC0305",
        "argument-type",
        "An argument has a value of the wrong kind.",
        """The message says what the argument must be: a whole number, a pair of sizes, true or false, one of
        several words. Text stands in quotes inside a call, so that `"same"` is a word and `same` a name.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10.5)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0306",
        "duplicate-argument",
        "An argument is given twice.",
        """An argument is given by position or by name, once. The label shows the first of the two.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10, out_features=10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0307",
        "unknown-name",
        "Nothing has this name here.",
        """An expression sees the arguments, the dimensions that input shapes name, the names of `let:` and of the
        loops around it, and the inputs and entries beside it. A block sees its own only: what it needs from outside
        is an argument.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {width: 32}
        layers:
          fc: Linear(widht)
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
        "NNC0308",
        "not-a-layer",
        "Something that is no layer is used as one, or a layer where it cannot stand.",
        """A layer with parameters or a state needs an entry of its own, whose name is the name of its parameters;
        inside a tensor expression stand functions, in lower case, and entries by their names.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          y: relu(Linear(16))
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(16)
          y: relu(fc)
        """,
    ),
    define(
        "NNC0309",
        "reserved-name",
        "An entry has a name that torch keeps for itself.",
        """Entries become attributes of an nn.Module, which has attributes such as `forward`, `train` and
        `parameters` already. Choose another name.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          forward: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          forward_fc: Linear(10)
        """,
    ),
    define(
        "NNC0310",
        "not-a-tensor",
        "A value that is no tensor stands where a tensor is needed.",
        """Entries hold tensors, and functions of tensors take tensors. A number that several entries use gets its
        name in `args:` or `let:`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          width: 16 * 2
          fc: {type: Linear(10), from: x}
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
        "NNC0311",
        "ambiguous-name",
        "A name is both a value here and a function.",
        """An entry `act: relu` calls the function on the value that flows in, unless an entry named `relu` stands
        before it. With parentheses, `relu()`, it is the function; another name for the entry makes it clear too.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          relu: ReLU
          fc: Linear(10)
          act: relu
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          relu: ReLU
          fc: Linear(10)
          act: relu()
        """,
    ),
    define(
        "NNC0312",
        "outside-code",
        "A layer comes from Python code that is not loaded.",
        """A spec imports no Python. What layers and functions can say is a block: its tensor expressions know torch's
        functions by name.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: mylib.Centered()
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: x - mean(x)
        """,
    ),
    define(
        "NNC0313",
        "newer-torch",
        "A layer, a function or an argument came later than the torch that is installed.",
        """`nnc layers NAME` says since which version torch has it. It is found where a network is built; the check does
        not ask which torch is installed.""",
    ),
    define(
        "NNC0314",
        "inferred-by-position",
        "Arguments stand in the order of torch's own constructor, which begins with what is inferred here.",
        """A warning. Positional arguments are those of torch's `Lazy*` class: what can be inferred is not written. So
        `Conv2d(3, 6, 5)` is 3 channels, a kernel of 6 and a stride of 5, and `BatchNorm2d(64)` an eps of 64. Leave the first
        number out; if the call means what it says, write the others by keyword.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          conv: Conv2d(3, 6, 5)
          bn: BatchNorm2d
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          conv: Conv2d(6, 5)
          bn: BatchNorm2d
        """,
    ),
)

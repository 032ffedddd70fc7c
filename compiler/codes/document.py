"""NNC02, the document: sections, keys and the form of their values."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0201",
        "wrong-value",
        "A value is not of the kind that its key takes.",
        """Every key takes one kind of value: a text, a number, a list, a mapping. A computed value is written `${…}` in
        a mapping; `if`, `for`, `repeat`, `let` and call strings are expressions already.""",
        """
        nnc: 1
        inputs: [x]
        layers: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0202",
        "unknown-key",
        "There is no key of this name here.",
        """A misspelled key would otherwise be a setting that silently does nothing. `metadata:` holds whatever other
        tools want to keep in the file.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layer: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0203",
        "missing-key",
        "A key that must be there is not.",
        """A spec needs `nnc:` (the version of the language), `inputs:` and `layers:`, unless it `extends` another. A
        block needs `layers:`.""",
        """
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0204",
        "language-version",
        "The file is written in a version of the language that this nnc does not read.",
        """`nnc: 1` is the only version so far. A file in a later one may mean something else by the same keys, so
        nothing of it is read.""",
        """
        nnc: 2
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0206",
        "nothing-to-do",
        "An entry does not say what is done.",
        """The mapping form of a layer has `type:` (a layer or a function), `expr:` (a tensor expression), `use:` (an
        existing layer, called again) or `layers:` (layers inside this one).""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head: {from: x}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head: {from: x, type: Linear(10)}
        """,
    ),
    define(
        "NNC0207",
        "keys-do-not-go-together",
        "Two keys of an entry exclude each other.",
        """An entry does one thing: `type`, `expr`, `use`, `each` or `layers`. Some control keys belong to some of them
        only: `args` to `type`, `call` to `type` and `use`, `outputs` to `layers`; what `each` writes into the parent
        has no `from` and no `repeat` of its own, and a Parameter or Buffer takes no input.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: {type: Linear(10), expr: x + 1}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: {type: Linear(10), from: x}
        """,
    ),
    define(
        "NNC0208",
        "empty-entry",
        "An entry has a name but no layer.",
        """Only in a file that `extends` another does an entry without a value mean something: `fc: ~` removes the entry
        of that name.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          hidden: Linear(32)
          act:
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          hidden: Linear(32)
          act: relu
        """,
    ),
    define(
        "NNC0209",
        "reserved-argument",
        "A block's argument has the name of a control key.",
        """In the mapping form of a layer, arguments stand beside the control keys: `{type: Block, planes: 64, from:
        x}`. So no argument of a block is called `type`, `from`, `if`, `for`, `repeat`, `let`, `use`, `layers`,
        `outputs`, `args`, `expr`, `call`, `each` or `after`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Head:
            args: {repeat: 2}
            layers: {fc: Linear(repeat)}
        layers: {head: Head()}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Head:
            args: {classes: 2}
            layers: {fc: Linear(classes)}
        layers: {head: Head()}
        """,
    ),
    define(
        "NNC0210",
        "bad-name",
        "A name cannot be written in an expression.",
        """Inputs, arguments, dimensions, blocks, outputs and local names are letters, digits and `_`, do not begin with
        a digit, and are no word of the expression language or of Python. (Layers may be called almost anything.)""",
        """
        nnc: 1
        inputs: {the-image: [B, 16]}
        layers: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {the_image: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0211",
        "name-used-twice",
        "An input and an argument have the same name.",
        "Both are known in the same expressions, so a name can stand for one of them only.",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {x: 3}
        layers: {fc: Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {classes: 3}
        layers: {fc: Linear(classes)}
        """,
    ),
    define(
        "NNC0212",
        "not-a-type",
        "`type:` holds something else than a layer's name or a call of one.",
        """`type:` is `Conv2d`, `Conv2d(64, 3)`, `$norm` (an argument that holds a type). A tensor expression stands
        under `expr:`, or is written without a mapping.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          y: {type: x + 1}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          y: {expr: x + 1}
        """,
    ),
    define(
        "NNC0213",
        "mixed-value",
        "A value is partly text and partly computed.",
        "`layer${i}` is for keys. The value of an argument is a literal, or wholly one `${…}`.",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        args: {n: 3}
        layers:
          conv: {type: Conv2d, out_channels: "1${n}", kernel_size: 3}
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        args: {n: 3}
        layers:
          conv: {type: Conv2d, out_channels: "${10 + n}", kernel_size: 3}
        """,
    ),
    define(
        "NNC0214",
        "dots-twice",
        "A shape has `...` more than once.",
        "`...` stands for any number of dimensions: two of them could be divided in several ways.",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Head:
            inputs: {x: [..., C, ...]}
            layers: {fc: Linear(10)}
        layers: {head: Head()}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        blocks:
          Head:
            inputs: {x: [..., C]}
            layers: {fc: Linear(10)}
        layers: {head: Head()}
        """,
    ),
    define(
        "NNC0215",
        "named-list-item",
        "An item of a list of layers has a name.",
        """A list of layers is an nn.Sequential: its items are called 0, 1, 2, … as in the state_dict. Layers with names
        stand in a mapping.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          - fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0216",
        "unnamed-output",
        "An output in a list is not simply the name of a layer.",
        "Outputs have names. In a list they are those of the layers; a part or an expression needs a name of its own.",
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers: {lstm: LSTM(32)}
        outputs: [lstm.output]
        """,
        """
        nnc: 1
        inputs: {x: [B, T, 16]}
        layers: {lstm: LSTM(32)}
        outputs: {output: lstm.output, state: lstm.h_n}
        """,
    ),
    define(
        "NNC0217",
        "not-trusted",
        "The spec would run Python code, and nobody has said that it is trusted.",
        """`imports: {mylib: ./my_data.py}` names Python files below the spec's folder, whose classes `data:` may use as
        datasets and transforms: `train: mylib.Recordings(root="audio")`. A spec may come from anyone, so this needs `--trust`
        (`trust=True` in Python), every time. Look at the files first: they can do whatever you can. Layers of one's own are
        blocks, and import nothing.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        imports: {mylib: ./my_layers.py}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers: {fc: Linear(10)}
        """,
    ),
    define(
        "NNC0218",
        "missing-file",
        "A spec that another one names is not there, or is not what is needed.",
        """`extends:`, `include:` and a spec as a layer name a file beside this one, or `zoo:` and the name of one that
        ships with nnc. What `include:` names must have `blocks:`.""",
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          backbone: {type: "zoo:resnet81", num_classes: 10}
        """,
        """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          backbone: {type: "zoo:resnet18", num_classes: 10}
        """,
    ),
    define(
        "NNC0219",
        "refused-reference",
        "A spec names another file that it may not name, or that cannot stand there.",
        """A spec comes from anywhere, so what it may have read is bounded: specs beside it or below, by relative paths, and
        those that ship with nnc. A text or a dict has no folder, and names `zoo:` specs only.""",
        """
        nnc: 1
        extends: ../../secret.yaml
        """,
        """
        nnc: 1
        extends: zoo:lenet5
        """,
    ),
    define(
        "NNC0220",
        "endless-files",
        "Files need each other in a circle, or are too many.",
        "A spec is made of at most 64 files, which name each other at most 12 deep.",
    ),
    define(
        "NNC0221",
        "nothing-to-change",
        "A file that extends another changes what is not there.",
        """A change that had no effect would be noticed by nobody. An entry is named as in the file that is extended, an
        entry within a list or mapping of layers by its path: `features.3`.""",
        """
        extends: zoo:lenet5
        layers: {fcc: ~}
        """,
        """
        extends: zoo:lenet5
        layers: {fc: Linear(26)}
        """,
    ),
)

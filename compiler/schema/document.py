"""The grammar of a spec, as tables: every key with what stands under it and what an editor says about it.

`check.py` walks a document with these tables, `publish.py` makes the JSON Schema for editors of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nnc.compiler.ops.registry import REQUIRED, Argument, OpDef
from nnc.compiler.schema import sections
from nnc.compiler.schema.data_section import DATA
from nnc.compiler.schema.grammar import Choice, Key, Layer, Leaf, Listing, Part, Record, Ref, Table, computable
from nnc.compiler.schema.settings import ANYTHING, TEXT
from nnc.compiler.schema.train_section import LOSS_MAPPING, TRAIN
from nnc.compiler.types.dtype import DType

__all__ = [
    "ACTIONS", "BLOCK", "COMPLETE", "CONTROLS", "DEFINITIONS", "DOCUMENT", "LISTED", "STORED", "STORED_CONTROLS",
    "VERSION", "op_record",
]  # fmt: skip

VERSION = 1

# -- values and expressions --------------------------------------------------------------------------------------------

_TEXT = {"type": "string", "minLength": 1}

EXPRESSION = Leaf("an expression", {"type": ["string", "number", "boolean"]})
CONDITION = Leaf("a condition such as `stride != 1`", {"anyOf": [_TEXT, {"type": "boolean"}]})
COUNT = Leaf("a whole number, or an expression for one", {"anyOf": [{"type": "integer", "minimum": 0}, _TEXT]})
LOOP = Leaf("a loop such as `i in range(3)`", _TEXT)
REFERENCE = Leaf("the name of a value", _TEXT)
MODULE_PATH = Leaf(
    "the name of a layer such as `encoder` or `encoder.conv1`", {"type": "string", "pattern": r"^[^.\s]+(\.[^.\s]+)*$"}
)
PARAMETER_PATH = Leaf(
    "the name of a parameter such as `embed.weight`", {"type": "string", "pattern": r"^[^.\s]+(\.[^.\s]+)*$"}
)
DEFINED = Leaf("a value or an expression", {})

# -- inputs, arguments, dimensions, outputs ----------------------------------------------------------------------------

DIMENSION = Leaf(
    "a size (an integer ≥ 1), the name of one, or an expression", {"anyOf": [{"type": "integer", "minimum": 1}, _TEXT]}
)
SHAPE = Listing("a list of sizes such as [B, 3, H, W]", DIMENSION)
DTYPE = Leaf("a dtype such as int64", {"enum": [d.value for d in DType]})

_INPUT = "a shape such as [B, 3, H, W], or `{shape: […], dtype: int64}`"
INPUT = Choice(
    _INPUT,
    scalar=Leaf(_INPUT, {"type": "null"}),
    listing=SHAPE,
    mapping=Record(
        "a mapping with `shape:` and `dtype:`",
        {
            "shape": Key(
                SHAPE,
                "Sizes by axis: a number, a name that binds or must match, an expression; in a block also `...`, `_`.",
            ),
            "dtype": Key(DTYPE, "The element type; float32 unless said."),
        },
    ),
)
INPUTS = Table("a mapping from a name to a shape", INPUT, names="identifier")
ARGS = Table("a mapping from a name to a default", DEFINED, names="identifier")
LET = Table("a mapping from a name to an expression", DEFINED, names="identifier")

VARIANTS = Table(
    "a mapping from a name to the arguments it sets",
    Table("a mapping from an argument to its value", DEFINED),
    names="identifier",
)

_SIZE = Leaf("an integer ≥ 1", {"type": "integer", "minimum": 1})
PROMISE = Choice(
    "a size, or `{min: …, max: …, multiple_of: …}`",
    scalar=_SIZE,
    mapping=Record(
        "a mapping with `min:`, `max:`, `multiple_of:`",
        {
            "min": Key(_SIZE, "The smallest size that will come."),
            "max": Key(_SIZE, "The largest size that will come."),
            "multiple_of": Key(_SIZE, "Every size that will come is divisible by it."),
            "value": Key(_SIZE, "The only size that will come."),
        },
    ),
)
DIMS = Table("a mapping from a dimension to what is promised of it", PROMISE, names="identifier")

OUTPUT = Choice(
    "a reference to a value, or `{from: …, mode: train}`",
    scalar=REFERENCE,
    mapping=Record(
        "a mapping with `from:`",
        {
            "from": Key(REFERENCE, "The value that comes out."),
            "mode": Key(
                Leaf('"train"', {"enum": ["train"]}), "`train`: comes out in training mode only (an auxiliary head)."
            ),
            "if": Key(CONDITION, "Not met: this output is not there."),
        },
        required=("from",),
    ),
)
OUTPUTS = Choice(
    "a reference to a value, a list of names, or a mapping from a name to a value",
    scalar=REFERENCE,
    listing=Listing("a list of names", REFERENCE, least=1),
    mapping=Table("a mapping from a name to a value", OUTPUT, names="identifier"),
)
TIE = Table("a mapping from a parameter to the one it shares", PARAMETER_PATH)

# -- layers ------------------------------------------------------------------------------------------------------------

LAYER = Layer()
LISTED = Listing("a list of layers", LAYER)
BODY = Choice(
    "a mapping of named layers, or a list of layers",
    listing=LISTED,
    mapping=Table("a mapping of named layers", LAYER, names="layer"),
)

CONTROLS: Mapping[str, Key] = {
    "type": Key(
        Leaf("a layer's name such as `Conv2d`, or a call", _TEXT),
        "A layer of torch.nn, a function of torch, or a block of this file: its name, or a call with arguments.",
    ),
    "args": Key(Listing("a list of arguments", DEFINED), "Arguments by position."),
    "expr": Key(EXPRESSION, "A tensor expression over the values above: `relu(bn3 + downsample)`."),
    "use": Key(MODULE_PATH, "Calls an existing layer again, with the same parameters."),
    "layers": Key(
        Ref("body"), "Layers inside this one: a list is an nn.Sequential, a mapping a module with named children."
    ),
    "each": Key(LOOP, "A loop whose entries (`layers:`) stand in the parent as if written there."),
    "from": Key(
        Choice(
            "a value's name, a list of them, or a mapping by the layer's parameter names",
            scalar=REFERENCE,
            listing=Listing("a list of values' names", REFERENCE, least=1),
            mapping=Table("a mapping from a parameter to a value's name", REFERENCE, names="identifier"),
        ),
        "What flows in. Without it, the previous entry's value.",
    ),
    "if": Key(
        CONDITION,
        "Not met: in a mapping the entry passes its input through, in a list it is removed; it owns no keys.",
    ),
    "for": Key(LOOP, "One entry per turn of the loop; the key is templated: `layer${i}`."),
    "repeat": Key(COUNT, "An nn.Sequential of that many, with the index `i`."),
    "let": Key(LET, "Local names."),
    "call": Key(
        Table("a mapping from a keyword to a value", DEFINED, names="identifier"),
        "Keywords of `forward`: `{need_weights: false}`.",
    ),
    "outputs": Key(OUTPUTS, "What comes out of these layers; by default the last one's value."),
    "after": Key(REFERENCE, "In a file that `extends` another: the entry behind which this one is placed."),
    "before": Key(REFERENCE, "In a file that `extends` another: the entry before which this one is placed."),
}

_WITH_ALL = ("if", "for", "let", "after", "before")


def _mapping_form(action: str, *controls: str, rest: Part | None = None) -> Record:
    return Record("a mapping", {k: CONTROLS[k] for k in (action, *controls, *_WITH_ALL)}, rest=rest)


# What an entry does, and the control keys that go with it. A `type` whose arguments are not known here takes any others
# too: a block, or a type that an argument holds.
ACTIONS: Mapping[str, Record] = {
    "type": _mapping_form("type", "args", "from", "repeat", "call", rest=DEFINED),
    "expr": _mapping_form("expr", "from", "repeat"),
    "use": _mapping_form("use", "from", "call"),
    "each": _mapping_form("each", "layers"),
    "layers": _mapping_form("layers", "from", "repeat", "outputs"),
}

_FLAG = Leaf("true or false", computable({"type": "boolean"}), code="NNC0305")
_DTYPE = Key(Leaf(DTYPE.words, computable(DTYPE.schema), code="NNC0305"), "The element type.")
STORED_CONTROLS = ("type", "args", *_WITH_ALL)
STORED: Mapping[str, Record] = {
    name: Record(
        "a mapping",
        {k: CONTROLS[k] for k in STORED_CONTROLS} | keys,
        owner=name,
        noun="argument",
        code="NNC0302",
    )
    for name, keys in {
        "Parameter": {"dtype": _DTYPE, "requires_grad": Key(_FLAG, "Whether training changes it.")},
        "Buffer": {"dtype": _DTYPE, "persistent": Key(_FLAG, "Whether it stands in the state_dict.")},
    }.items()
}


def op_record(op: OpDef) -> Record:
    """The mapping form of one op: control keys, and its arguments under torch's names."""
    keys = dict(ACTIONS["type"].keys) | {a.name: Key(_argument(a), _hover(a)) for a in op.arguments if not a.variadic}
    return Record("a mapping", keys, owner=op.name, noun="argument", code="NNC0302")


def _argument(argument: Argument) -> Leaf:
    return Leaf(argument.kind.words, computable(argument.kind.schema), code="NNC0305")


def _hover(argument: Argument) -> str:
    said = argument.kind.words[:1].upper() + argument.kind.words[1:]
    if argument.inferred:
        return f"{said}. Inferred from what flows in: need not be written."
    if argument.default is REQUIRED:
        return f"{said}. Required."
    return f"{said}. Default: {argument.default!r}."


# -- blocks and the whole ----------------------------------------------------------------------------------------------

BLOCK = Record(
    "a mapping with `layers:`",
    {
        "description": Key(TEXT, "What it is, for readers."),
        "inputs": Key(
            INPUTS,
            "A pattern: checks the rank, binds names to the sizes that flow in. By default one input `x` of any shape.",
        ),
        "args": Key(
            replace(ARGS, names="argument"),
            "Arguments with their defaults; without a default the argument must be given.",
        ),
        "let": Key(LET, "Names for known values."),
        "blocks": Key(Ref("blocks"), "Blocks of its own: such a block sees these, and nothing of the file around it."),
        "layers": Key(BODY, "A mapping is named submodules, a list an nn.Sequential."),
        "outputs": Key(OUTPUTS, "What comes out; by default the last layer's value."),
        "tie": Key(TIE, "Parameters that are one: `{decoder.weight: embed.weight}`."),
        "init": Key(sections.INIT, "Initial values, given at the end of the block's constructor."),
    },
    required=("layers",),
    owner="a block",
)

DOCUMENT = Record(
    "a mapping with `nnc:`, `inputs:` and `layers:`",
    {
        "nnc": Key(
            Leaf(f"{VERSION}", {"type": "integer", "const": VERSION}, code="NNC0204"), "The version of this language."
        ),
        "name": Key(
            Leaf("a text of at most 100 characters", {"type": "string", "minLength": 1, "maxLength": 100}),
            "The network's name.",
        ),
        "description": Key(TEXT, "What it is, for readers."),
        "extends": Key(
            sections.EXTENDS, "Another spec that this one changes: entries of the same name replace, `fc: ~` removes."
        ),
        "include": Key(sections.INCLUDE, "Files whose `blocks:` may be used here."),
        "imports": Key(
            sections.IMPORTS, "Python files with datasets and transforms of your own; refused without --trust."
        ),
        "inputs": Key(INPUTS, "Names, shapes and dtypes of the tensors that flow in: `{x: [B, 3, H, W]}`."),
        "args": Key(ARGS, "Arguments with their defaults: `--set num_classes=10`."),
        "variants": Key(
            VARIANTS,
            "Ready-made settings of the arguments under names of their own: `resnet18: {layers: [2, 2, 2, 2]}`.",
        ),
        "dims": Key(DIMS, "What the caller promises of free dimensions: `{H: {multiple_of: 32}}`."),
        "let": Key(LET, "Names for known values: expressions over the arguments. Blocks see them too."),
        "blocks": Key(Ref("blocks"), "Layers of your own. They see the file's `args:` and `let:`."),
        "layers": Key(BODY, "The network: a mapping is named submodules, a list an nn.Sequential."),
        "outputs": Key(OUTPUTS, "What comes out; by default the last layer's value."),
        "tie": Key(TIE, "Parameters that are one: `{decoder.weight: embed.weight}`."),
        "init": Key(
            sections.INIT,
            "Initial values, by layer type or name, with torch.nn.init's functions; the rest keeps torch's own.",
        ),
        "weights": Key(sections.WEIGHTS, "A file of weights to load."),
        "freeze": Key(sections.FREEZE, "Parameters that training leaves alone, as globs over their names."),
        "data": Key(DATA, "The data to train and test with."),
        "train": Key(TRAIN, "How to train."),
        "metadata": Key(Table("a mapping", ANYTHING), "Anything, for other tools."),
    },
    owner="a spec",
)

# A file that extends no other must have these.
COMPLETE = replace(DOCUMENT, required=("nnc", "inputs", "layers"))
BLOCKS = Table("a mapping from a name to a block", BLOCK, names="identifier")
DEFINITIONS: Mapping[str, Part] = {"body": BODY, "blocks": BLOCKS, "loss": LOSS_MAPPING, "outputs": OUTPUTS}

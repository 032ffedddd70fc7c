"""The form of the sections beside the network other than `data:` and `train:`: `init:`, `weights:`, `freeze:`, `imports:`, and
building on other files. To add a key, add a line."""

from __future__ import annotations

from nnc.compiler.schema.grammar import Choice, Key, Leaf, Listing, Part, Record, Table
from nnc.compiler.schema.settings import CALL, GLOBS, TEXT

__all__ = ["EXTENDS", "FREEZE", "IMPORTS", "INCLUDE", "INIT", "WEIGHTS"]

INIT = Listing(
    'a list of rules such as `{match: Conv2d, weight: kaiming_normal_(mode="fan_out")}`',
    Record(
        "a mapping with `match:`",
        {"match": Key(GLOBS, "A layer's type, or globs over names.")},
        required=("match",),
        rest=Choice(
            "an initializer of torch.nn.init, such as `zeros_`, or a number",
            scalar=Leaf(
                "an initializer of torch.nn.init, such as `zeros_`, or a number", {"type": ["string", "number"]}
            ),
            mapping=CALL.mapping,
        ),
    ),
)

WEIGHTS = Choice(
    "a file's path, the name of torchvision's weights, or a mapping with `file:`",
    scalar=TEXT,
    mapping=Record(
        "a mapping with `file:`",
        {
            "file": Key(
                TEXT, "A .safetensors file, a checkpoint of tensors (.pt), or torchvision's name: `IMAGENET1K_V2`."
            ),
            "strict": Key(
                Leaf("true or false", {"type": "boolean"}),
                "Whether everything must fit; with `false` what fits is loaded, and the rest is reported.",
            ),
            "rename": Key(
                Table("a mapping from a prefix, or a pattern with stars, to another", Leaf("a text", {"type": "string"})),
                "Prefixes of the file's names, or patterns, and what stands there in the network: `{\"module.\": \"\"}`, "
                "`{\"encoder.layer.*.**\": \"blocks.*.**\"}`.",
            ),
        },
        required=("file",),
    ),
)  # fmt: skip

FREEZE = Choice(
    "a glob such as `features.*`, a list of them, or a mapping with `match:`",
    scalar=TEXT,
    listing=GLOBS.listing,
    mapping=Record(
        "a mapping with `match:`",
        {
            "match": Key(GLOBS, "Globs over names of parameters or of modules."),
            "except": Key(GLOBS, "Globs over names of those among them that are trained all the same."),
            "statistics": Key(
                Leaf("true or false", {"type": "boolean"}),
                "Whether normalization layers without a trainable parameter keep their running statistics too; true unless said.",
            ),
        },
        required=("match",),
    ),
)
IMPORTS: Part = Table("a mapping from a name to a file", TEXT, names="identifier")
INCLUDE: Part = Choice(
    "a file's path, or a list of them", scalar=TEXT, listing=Listing("a list of paths", TEXT, least=1)
)
EXTENDS = TEXT

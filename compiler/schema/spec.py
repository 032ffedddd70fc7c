"""The spec as written, in typed form: what `read.py` makes of a located tree, and what the elaborator walks.

Both spellings end here: `Conv2d(64, 3)` and `{type: Conv2d, out_channels: 64, kernel_size: 3}` differ only in
positional arguments. Literal values are `Literal` expressions, `${…}` and `$name` are parsed ones; nothing is evaluated
yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.expr.tree import Expr, Keyword, Targets
from nnc.compiler.records import record
from nnc.compiler.source.tree import Tree

__all__ = [
    "Action", "ArgDecl", "BlockDecl", "Body", "EntryDecl", "Formula", "Group", "InputDecl", "LayerCall", "Loop",
    "OutputDecl", "PromiseDecl", "Removal", "Reuse", "Spec", "Splice", "StoredDecl", "Template", "TieDecl", "VariantDecl",
    "Wiring",
]  # fmt: skip


@record(frozen=True, slots=True)
class Template:
    """A key, perhaps with `${…}` in it: text and expressions in turn. `layer${s + 1}` is ("layer", <s + 1>)."""

    parts: tuple[str | Expr, ...]
    span: Span

    @property
    def literal(self) -> str | None:
        """The key itself where nothing is computed."""
        if len(self.parts) == 1:
            (only,) = self.parts
            return only if isinstance(only, str) else None
        texts = [p for p in self.parts if isinstance(p, str)]
        return "".join(texts) if len(texts) == len(self.parts) else None


@record(frozen=True, slots=True)
class Loop:
    """`for: s, n in enumerate(layers)`: one or several targets, or groups of them, over an iterable; also the head of `each:`."""

    targets: Targets
    iterable: Expr
    span: Span


@record(frozen=True, slots=True)
class Wiring:
    """`from:`: exactly one of a single expression, a list, or a mapping by the parameter's name. `carried`: the first of
    several is what flows from one turn of a `repeat:` to the next."""

    span: Span
    single: Expr | None = None
    several: tuple[Expr, ...] | None = None
    by_name: tuple[Keyword, ...] | None = None
    carried: bool = False


@record(frozen=True, slots=True)
class LayerCall:
    """A layer by its type: `Conv2d(64, 3)`, `BatchNorm2d`, `Bottleneck(planes)`, `norm()`, `{type: relu}`,
    `mylib.Layer()`. `callee` is a Name or Attribute: a block, an op of the catalogue, or an argument that holds a type;
    or a Literal text that names another spec (`./backbone.yaml`, `zoo:resnet50`)."""

    callee: Expr
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@record(frozen=True, slots=True)
class Formula:
    """A tensor expression: `relu(bn3 + downsample)`, `flatten(1)`, `x`. A function called with no tensor among its
    arguments takes the value that flows in as its first one."""

    expression: Expr
    span: Span


@record(frozen=True, slots=True)
class Group:
    """`layers:` inside an entry: a list is a Sequential, a mapping a group of named submodules."""

    body: Body
    span: Span


@record(frozen=True, slots=True)
class Reuse:
    """`use: encoder` (or `encoder.conv1`): calls an existing module again."""

    target: str
    span: Span


@record(frozen=True, slots=True)
class Splice:
    """`each: c, n in stages` with `layers:`: the entries, per turn of the loop, stand in the parent as if written
    there."""

    loop: Loop
    body: Body
    span: Span


@record(frozen=True, slots=True)
class StoredDecl:
    """`Parameter([1, 1, dim])`, `Parameter(zeros([1, dim]), requires_grad=False)`, `Buffer(arange(10),
    persistent=False)`."""

    kind: str  # "parameter" | "buffer"
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@record(frozen=True, slots=True)
class Removal:
    """`fc: ~` in a file that extends another: takes out the entry of that name."""

    span: Span


Action = LayerCall | Formula | Group | Removal | Reuse | Splice | StoredDecl


@record(frozen=True, slots=True)
class EntryDecl:
    """One entry of a `layers:` mapping or list (then `key` is None). `broken`: a fault in it was reported; its value is
    unknown and whatever depends on it stays quiet."""

    key: Template | None
    action: Action | None
    span: Span
    condition: Expr | None = None
    loop: Loop | None = None
    repeat: Expr | None = None
    let: tuple[Keyword, ...] = ()
    source: Wiring | None = None
    call: tuple[Keyword, ...] = ()
    broken: bool = False
    after: str | None = None  # in a file that extends another: the entry behind which this one is placed
    before: str | None = None  # … or before which


@record(frozen=True, slots=True)
class OutputDecl:
    """`outputs: {logits: fc}` or `{aux: {from: aux_head, mode: train}}`; the name is "" for the shorthand `outputs:
    fc`."""

    name: str
    source: Expr
    span: Span
    train_only: bool = False
    condition: Expr | None = None  # `if:` of it; where it is not met, the output is not there


@record(frozen=True, slots=True)
class TieDecl:
    """`tie: {decoder.weight: embed.weight}`: the left parameter becomes the right one."""

    target: str
    source: str
    target_span: Span
    source_span: Span


@record(frozen=True, slots=True)
class Body:
    """A `layers:` section. Without `outputs`, its value is the last entry's."""

    entries: tuple[EntryDecl, ...]
    listed: bool
    span: Span
    outputs: tuple[OutputDecl, ...] | None = None
    ties: tuple[TieDecl, ...] = ()


@record(frozen=True, slots=True)
class InputDecl:
    """`x: [B, 3, H, W]` or `{shape: […], dtype: int64}`. A shape item is an expression: a name binds or matches, `...`
    (a Literal holding Ellipsis, once) stands for any leading dimensions, `_` for one of any size. `shape` None: any
    tensor."""

    name: str
    shape: tuple[Expr, ...] | None
    dtype: str | None
    span: Span
    shape_span: Span


@record(frozen=True, slots=True)
class ArgDecl:
    """`default` None: the argument must be given. A default may compute with arguments before it."""

    name: str
    default: Expr | None
    span: Span


@record(frozen=True, slots=True)
class PromiseDecl:
    """`dims: {H: {multiple_of: 32, min: 64, max: 512}}` or `{H: 224}` (`value`)."""

    name: str
    span: Span
    minimum: int | None = None
    maximum: int | None = None
    multiple_of: int | None = None
    value: int | None = None


@record(frozen=True, slots=True)
class BlockDecl:
    """A `blocks:` entry. Without `inputs` it has one, `x`, of any shape. With `own` blocks it is a network by itself,
    which sees nothing of the file around it."""

    name: str
    inputs: tuple[InputDecl, ...]
    args: tuple[ArgDecl, ...]
    body: Body
    span: Span  # of its name
    init: Tree | None = None  # its rules, as they are written
    let: tuple[ArgDecl, ...] = ()
    own: Mapping[str, BlockDecl] | None = None


@record(frozen=True, slots=True)
class VariantDecl:
    """`resnet18: {block: BasicBlock}` under `variants:`: values that some of the arguments have in it. `removed`: in a file
    that extends another, `resnet18: ~` takes it out."""

    name: str
    settings: tuple[ArgDecl, ...]  # each with its value as the default
    span: Span  # of its name
    removed: bool = False


@record(frozen=True, slots=True)
class Spec:
    """A whole file. `sections` keeps what other parts read, as located trees: init, weights, freeze, imports, include,
    extends, data, train, metadata."""

    source: Source
    name: str
    inputs: tuple[InputDecl, ...]
    args: tuple[ArgDecl, ...]
    dims: tuple[PromiseDecl, ...]
    blocks: Mapping[str, BlockDecl]
    body: Body
    span: Span
    let: tuple[ArgDecl, ...] = ()  # names for known values, which blocks see too
    variants: Mapping[str, VariantDecl] = field(default_factory=dict)
    sections: Mapping[str, Tree] = field(default_factory=dict)

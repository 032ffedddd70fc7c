"""Located tree → `Spec`. Runs after the schema check: what the check refused is known from `broken` and said no more.

A fault in an entry stays with the entry (`EntryDecl.broken`); a fault in what everything rests on (inputs, arguments,
the head of a block) ends the compilation here, when all entries have been read and their own faults reported.
"""

from __future__ import annotations

from pathlib import PurePath

from nnc.compiler.diagnostics import Problems, Source
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.tree import Expr, Literal
from nnc.compiler.schema.check import Broken, block_names
from nnc.compiler.schema.entries import EntryReader
from nnc.compiler.schema.spec import ArgDecl, BlockDecl, Body, InputDecl, PromiseDecl, Spec, VariantDecl
from nnc.compiler.schema.values import read_expression, read_value
from nnc.compiler.schema.variants import report_unknown_settings
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree

__all__ = ["SECTIONS", "read_spec"]

# What other parts read, handed on as it stands.
SECTIONS = ("description", "extends", "include", "imports", "init", "weights", "freeze", "data", "train", "metadata")

_FOUNDATIONS = ("name", "inputs", "args", "let", "variants", "dims", "blocks", "outputs", "tie", "layers")


def read_spec(tree: Tree, source: Source, broken: Broken, problems: Problems) -> Spec | None:
    """The typed spec; None where what everything rests on is at fault. Faults of expressions are reported (NNC04xx)."""
    if not isinstance(tree, Mapping):
        return None
    reader = _SpecReader(tree, broken, problems)
    inputs, args, dims = reader.inputs(tree.get("inputs")), reader.args(tree.get("args")), reader.dims(tree.get("dims"))
    variants = {str(e.key.value): reader.variant(e, args) for e in _entries(tree.get("variants"))}
    let, blocks = reader.let(tree.get("let")), reader.blocks(tree.get("blocks"))
    layers = tree.entry("layers")
    body = reader.body(tree, layers)
    foundations = [tree, *(v for k in _FOUNDATIONS if (v := tree.get(k)) is not None)]
    if reader.unsound or any(node.span in broken for node in foundations):
        return None
    return Spec(
        source=source,
        name=_name(tree, source),
        inputs=inputs,
        args=args,
        dims=dims,
        blocks=blocks,
        body=body,
        span=layers.key.content if layers is not None else tree.entries[0].key.content,
        let=let,
        variants=variants,
        sections={k: v for k in SECTIONS if (v := tree.get(k)) is not None},
    )


def _name(tree: Mapping, source: Source) -> str:
    """The name that the file gives, else that of the file."""
    written = tree.get("name")
    if isinstance(written, Scalar) and isinstance(written.value, str):
        return written.value
    stem = PurePath(source.name).stem
    return stem if stem and not source.name.startswith("<") else "net"


def _entries(node: Tree | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Mapping) else ()


class _SpecReader:
    def __init__(self, tree: Mapping, broken: Broken, problems: Problems) -> None:
        self.problems = problems
        self.extends = tree.get("extends") is not None
        self.unsound = False  # what everything in a body rests on has a fault
        blocks = frozenset(block_names(tree))
        imports = frozenset(str(e.key.value) for e in _entries(tree.get("imports")))
        self.entries = EntryReader(problems, broken, blocks, imports)

    def body(self, owner: Mapping, layers: Entry | None) -> Body:
        """`layers:` of a spec or block, with the `outputs:` and `tie:` that stand beside it."""
        body = self.entries.body(layers, owner.get("outputs"), owner.get("tie")) if layers is not None else None
        self.unsound |= layers is not None and body is None
        return body or Body((), False, owner.span)

    # -- declarations --------------------------------------------------------------------------------------------------

    def inputs(self, node: Tree | None) -> tuple[InputDecl, ...]:
        declared = tuple(d for d in map(self._input, _entries(node)) if d is not None)
        self.unsound |= len(declared) < len(_entries(node))
        return declared

    def _input(self, entry: Entry) -> InputDecl | None:
        name, span, node = str(entry.key.value), entry.key.content, entry.value
        dtype: str | None = None
        if isinstance(node, Mapping):
            written = node.get("dtype")
            dtype = str(written.value) if isinstance(written, Scalar) else None
            shape = node.get("shape")
            if shape is None:
                return InputDecl(name, None, dtype, span, span)
            node = shape
        if not isinstance(node, Sequence):
            return InputDecl(name, None, dtype, span, span)
        items = [self._dimension(item) for item in node.items]
        dots = [e for e in items if isinstance(e, Literal) and e.value is ...]
        if len(dots) > 1:
            self.problems.error("NNC0214", dots[1].span, "`...` stands for all leading dimensions, so once is enough")
            return None
        known = tuple(e for e in items if e is not None)
        return InputDecl(name, known, dtype, span, node.span) if len(known) == len(items) else None

    def _dimension(self, node: Tree) -> Expr | None:
        if not isinstance(node, Scalar):
            return None
        if isinstance(node.value, str):
            return parse(node.value, node.content, self.problems)
        return Literal(node.value, node.content)

    def args(self, node: Tree | None) -> tuple[ArgDecl, ...]:
        declared = []
        for entry in _entries(node):
            required = isinstance(entry.value, Scalar) and entry.value.value is None
            default = None if required else read_value(entry.value, self.problems)
            self.unsound |= not required and default is None
            declared.append(ArgDecl(str(entry.key.value), default, entry.key.content))
        return tuple(declared)

    def variant(self, entry: Entry, args: tuple[ArgDecl, ...]) -> VariantDecl:
        values = [(e.key, read_value(e.value, self.problems)) for e in _entries(entry.value)]
        settings = tuple(ArgDecl(str(key.value), value, key.content) for key, value in values if value is not None)
        removed = isinstance(entry.value, Scalar) and entry.value.value is None
        variant = VariantDecl(str(entry.key.value), settings, entry.key.content, removed)
        if not self.extends:  # else they are judged when both files are one
            self.unsound |= report_unknown_settings(variant, args, self.problems)
        self.unsound |= len(settings) < len(values)
        return variant

    def dims(self, node: Tree | None) -> tuple[PromiseDecl, ...]:
        return tuple(map(_promise, _entries(node)))

    def let(self, node: Tree | None) -> tuple[ArgDecl, ...]:
        values = [(e.key, read_expression(e.value, self.problems)) for e in _entries(node)]
        self.unsound |= any(value is None for _, value in values)
        return tuple(ArgDecl(str(key.value), value, key.content) for key, value in values)

    def blocks(self, node: Tree | None) -> dict[str, BlockDecl]:
        return {b.name: b for b in map(self.block, _entries(node)) if b is not None}

    def block(self, entry: Entry) -> BlockDecl | None:
        node = entry.value
        layers = node.entry("layers") if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or layers is None:
            return None
        inputs, args = self.inputs(node.get("inputs")), self.args(node.get("args"))
        if node.get("inputs") is None:
            inputs = (InputDecl("x", None, None, entry.key.content, entry.key.content),)
        own = node.get("blocks")
        return BlockDecl(
            name=str(entry.key.value),
            inputs=inputs,
            args=args,
            body=self.body(node, layers),
            span=entry.key.content,
            init=node.get("init"),
            let=self.let(node.get("let")),
            own=self.blocks(own) if own is not None else None,
        )


def _promise(entry: Entry) -> PromiseDecl:
    name, span, node = str(entry.key.value), entry.key.content, entry.value
    if isinstance(node, Mapping):
        return PromiseDecl(
            name, span, _whole(node, "min"), _whole(node, "max"), _whole(node, "multiple_of"), _whole(node, "value")
        )
    value = node.value if isinstance(node, Scalar) else None
    return PromiseDecl(name, span, value=value if isinstance(value, int) else None)


def _whole(node: Mapping, key: str) -> int | None:
    value = node.get(key)
    return value.value if isinstance(value, Scalar) and isinstance(value.value, int) else None

"""A spec as a layer: `{type: zoo:resnet50, num_classes: 10}` becomes a call of a block that is that spec.

    blocks:
      resnet50: {inputs: …, args: …, let: …, blocks: …, layers: …}        a network by itself
    layers:
      backbone: {type: resnet50, num_classes: 10}

After this a spec stands alone: its canonical form names no other file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr.tree import Expr, Literal, Name
from nnc.compiler.files.merge import merge
from nnc.compiler.files.references import Files
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema import check_document, read_spec
from nnc.compiler.schema.spec import ArgDecl, BlockDecl, Body, EntryDecl, Group, InputDecl, LayerCall, Spec, Splice
from nnc.compiler.schema.variants import choose
from nnc.compiler.source.tree import Tree

__all__ = ["link"]

MAX_NETWORKS = 256  # networks in networks, each counted where it stands
_NOT_CARRIED_OUT = ("weights", "freeze", "imports")


def link(spec: Spec, files: Files, catalogue: Catalogue) -> Spec | None:
    """The spec with every other spec that it calls as a layer among its blocks. None after reporting one that cannot be
    had."""
    if not any(any(_references(body)) for body in (spec.body, *(b.body for b in spec.blocks.values()))):
        return spec
    linker = _Linker(spec, files, catalogue)
    blocks = {name: linker.block(block) for name, block in spec.blocks.items()}
    body = linker.body(spec.body)
    if not linker.sound:
        return None
    return replace(spec, body=body, blocks=blocks | linker.networks)


@dataclass
class _Linker:
    spec: Spec
    files: Files
    catalogue: Catalogue
    names: dict[str, str | None] = field(default_factory=dict)  # of the block for a reference; None: it cannot be had
    networks: dict[str, BlockDecl] = field(default_factory=dict)
    sound: bool = True

    def block(self, block: BlockDecl) -> BlockDecl:
        return block if not any(_references(block.body)) else replace(block, body=self.body(block.body))

    def body(self, body: Body) -> Body:
        return replace(body, entries=tuple(map(self.entry, body.entries)))

    def entry(self, entry: EntryDecl) -> EntryDecl:
        match entry.action:
            case LayerCall(callee=Literal(value=str() as reference, span=span)) as call:
                name = self.network(reference, span)
                if name is None:
                    return entry
                return replace(entry, action=replace(call, callee=Name(name, span)))
            case Group(body=body) | Splice(body=body) if any(_references(body)):
                return replace(entry, action=replace(entry.action, body=self.body(body)))
        return entry

    def network(self, reference: str, span: Span) -> str | None:
        """The name of the block that the reference becomes."""
        if reference not in self.names:
            network = self._network(reference, span)
            if network is None:
                self.sound = False
                self.names[reference] = None
            else:
                name = self._free_name(network.name)
                self.names[reference] = name
                self.networks[name] = replace(network, name=name)
        return self.names[reference]

    def _free_name(self, name: str) -> str:
        plain = re.sub(r"\W", "_", name)
        plain = plain if plain.isidentifier() else f"net_{plain}"
        taken = {*self.spec.blocks, *self.networks, *(a.name for a in (*self.spec.args, *self.spec.let))}
        while plain in taken or plain in self.catalogue or plain in ("Parameter", "Buffer"):
            plain += "_"
        return plain

    def _network(self, reference: str, span: Span) -> BlockDecl | None:
        problems = self.files.problems
        self.files.networks += 1
        if self.files.networks > MAX_NETWORKS:
            if self.files.networks == MAX_NETWORKS + 1:
                problems.error("NNC0220", span, f"more than {MAX_NETWORKS} networks stand within each other")
            return None
        with self.files.opened(reference, span) as opened:
            if opened is None:
                return None
            before = len(problems)
            tree = merge(opened.tree, self.files, name=opened.source.name)
            if tree is None:
                return None
            spec = read_spec(tree, opened.source, check_document(tree, self.catalogue, problems), problems)
            if spec is not None and opened.variant is not None:
                spec = choose(spec, opened.variant, problems)
            if spec is not None:
                spec = link(spec, self.files, self.catalogue)
            if spec is None or any(d.severity == "error" for d in problems.found[before:]):
                return None
        return _as_block(spec, reference, span, problems)


def _as_block(spec: Spec, reference: str, span: Span, problems: Problems) -> BlockDecl | None:
    """The spec as a block that is a network by itself. What the caller of a spec promises of its sizes is not needed here:
    what it requires is derived, and said of the sizes that flow in."""
    for title in _NOT_CARRIED_OUT:
        if title in spec.sections:
            note = (
                f"say it in this file, with the layer's name before the names: `{title}:` of a layer is not carried out"
            )
            problems.error("NNC0219", span, f"`{reference}` has `{title}:`, and is a layer here", notes=(note,))
            return None
    fixed = {p.name: Literal(p.value, p.span) for p in spec.dims if p.value is not None}
    init: Tree | None = spec.sections.get("init")
    return BlockDecl(
        name=spec.name,
        inputs=tuple(_input(i, fixed) for i in spec.inputs),
        args=spec.args,
        body=spec.body,
        span=spec.span,
        init=init,
        let=(*spec.let, *(ArgDecl(name, value, value.span) for name, value in fixed.items())),
        own=spec.blocks,
    )


def _input(declared: InputDecl, fixed: Mapping[str, Literal]) -> InputDecl:
    def dimension(expr: Expr) -> Expr:
        return fixed.get(expr.name, expr) if isinstance(expr, Name) else expr

    shape = None if declared.shape is None else tuple(map(dimension, declared.shape))
    return replace(declared, shape=shape, dtype=declared.dtype or "float32")


def _references(body: Body) -> Iterator[bool]:
    """One True for every call of another spec in a body."""
    for entry in body.entries:
        match entry.action:
            case LayerCall(callee=Literal()):
                yield True
            case Group(body=inner) | Splice(body=inner):
                yield from _references(inner)

"""A typed spec as plain data: the canonical mapping form, which JSON can hold and `read_spec` reads back to an equal
spec.

    conv1: Conv2d(64, 3, bias=False)    →    "conv1": {"type": "Conv2d", "args": [64, 3], "bias": false}
    out: relu(bn + x)                   →    "out": {"expr": "relu(bn + x)"}

With a catalogue, arguments by position get their names: `{"type": "Conv2d", "out_channels": 64, "kernel_size": 3, …}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.expr.tree import Dictionary, Expr, Items, Keyword, Literal, Name, Unary
from nnc.compiler.expr.unparse import targets_text, unparse
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.schema.call_strings import is_constant
from nnc.compiler.schema.document import STORED, VERSION
from nnc.compiler.schema.names import CONTROL_KEYS
from nnc.compiler.schema.spec import (
    Action,
    ArgDecl,
    BlockDecl,
    Body,
    EntryDecl,
    Formula,
    Group,
    InputDecl,
    LayerCall,
    Loop,
    OutputDecl,
    PromiseDecl,
    Removal,
    Reuse,
    Spec,
    Splice,
    StoredDecl,
    Template,
    VariantDecl,
    Wiring,
)
from nnc.compiler.schema.spelling import Speller, names_layer, spelled
from nnc.compiler.source.tree import Mapping as TreeMapping
from nnc.compiler.source.tree import Scalar, Sequence, Tree, to_plain

__all__ = ["Plain", "canonical", "equivalent", "plain_value"]

Plain = Any  # None | bool | int | float | str | list of these | dict of these by text
_HEAD = ("extends", "include", "imports")


def canonical(spec: Spec, catalogue: Catalogue | None = None, *, calls: bool = False) -> dict[str, Plain]:
    """The whole spec as plain data, in canonical order. `calls`: entries as call strings, where the mapping form says
    no more."""
    sections = {k: to_plain(v) for k, v in spec.sections.items()}
    writer = _Writer(spec.blocks, _names(spec.sections.get("imports")), catalogue, calls)
    written: dict[str, Plain] = {"nnc": VERSION, "name": spec.name}
    written |= {k: sections.pop(k) for k in ("description", *_HEAD) if k in sections}
    if spec.inputs or "extends" not in written:
        written["inputs"] = _inputs(spec.inputs)
    if spec.args:
        written["args"] = _args(spec.args)
    if spec.variants:
        written["variants"] = {v.name: None if v.removed else _settings(v) for v in spec.variants.values()}
    if spec.let:
        written["let"] = _lets(spec.let)
    if spec.dims:
        written["dims"] = {p.name: _promise(p) for p in spec.dims}
    if spec.blocks:
        written["blocks"] = {name: writer.block(block) for name, block in spec.blocks.items()}
    if spec.body.entries or "extends" not in written:
        written |= writer.body(spec.body)
    return written | sections


# -- declarations ------------------------------------------------------------------------------------------------------


def _inputs(inputs: Iterable[InputDecl]) -> dict[str, Plain]:
    return {i.name: _input(i) for i in inputs}


def _input(declared: InputDecl) -> Plain:
    shape = None if declared.shape is None else [_dimension(e) for e in declared.shape]
    if declared.dtype is None:
        return shape
    return {"dtype": declared.dtype} if shape is None else {"shape": shape, "dtype": declared.dtype}


def _dimension(expr: Expr) -> int | str:
    if isinstance(expr, Literal) and isinstance(expr.value, int) and expr.value >= 1:
        return expr.value
    return unparse(expr)


def _args(args: Iterable[ArgDecl]) -> dict[str, Plain]:
    return {a.name: None if a.default is None else _default(a.default) for a in args}


def _lets(lets: Iterable[ArgDecl]) -> dict[str, Plain]:
    return {let.name: spelled(let.default) for let in lets if let.default is not None}


def _settings(variant: VariantDecl) -> dict[str, Plain]:
    return {s.name: plain_value(s.default) for s in variant.settings if s.default is not None}


def _default(expr: Expr) -> Plain:
    # A null would say that there is no default.
    return "${None}" if isinstance(expr, Literal) and expr.value is None else plain_value(expr)


def _promise(promise: PromiseDecl) -> Plain:
    if promise.value is not None:
        return promise.value
    bounds = {"min": promise.minimum, "max": promise.maximum, "multiple_of": promise.multiple_of}
    return {k: v for k, v in bounds.items() if v is not None}


def _names(table: Tree | None) -> set[str]:
    return {str(e.key.value) for e in table} if isinstance(table, TreeMapping) else set()


# -- layers ------------------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(
        self, blocks: Mapping[str, BlockDecl], imports: set[str], catalogue: Catalogue | None, calls: bool
    ) -> None:
        self.speller, self.catalogue, self.calls = Speller(blocks, catalogue), catalogue, calls
        self.blocks, self.imports = blocks, imports

    def block(self, block: BlockDecl) -> dict[str, Plain]:
        head: dict[str, Plain] = {"inputs": _inputs(block.inputs)}
        if block.args:
            head["args"] = _args(block.args)
        if block.let:
            head["let"] = _lets(block.let)
        if block.own is not None:
            inner = _Writer(block.own, self.imports, self.catalogue, self.calls)
            head["blocks"] = {name: inner.block(own) for name, own in block.own.items()}
        rules = {} if block.init is None else {"init": to_plain(block.init)}
        return head | self.body(block.body) | rules

    def body(self, body: Body) -> dict[str, Plain]:
        """`layers:` and, where they are given, `outputs:` and `tie:`."""
        written: dict[str, Plain] = {"layers": self.layers(body)}
        if body.outputs is not None:
            written["outputs"] = _outputs(body.outputs)
        if body.ties:
            written["tie"] = {t.target: t.source for t in body.ties}
        return written

    def layers(self, body: Body) -> Plain:
        if body.listed:
            return [self.entry(e) for e in body.entries]
        layers: dict[str, Plain] = {}
        for entry in body.entries:
            assert entry.key is not None, "a mapping's entry has a key"
            key, spaces = _key(entry.key), 0
            while key in layers:  # `a${i}` and `a${ i }` are two entries, as long as their loops differ
                spaces += 1
                key = _key(entry.key, " " * spaces)
            layers[key] = self.entry(entry)
        return layers

    def entry(self, entry: EntryDecl) -> Plain:
        if entry.action is None or isinstance(entry.action, Removal):
            return None
        controls = _controls(entry)
        if self.calls and not controls:
            short = self.short(entry.action)
            if short is not None:
                return short
        if self.calls and controls.keys() <= {"from", "call"}:
            applied = self.applied(entry.action, entry.source, entry.call)
            if applied is not None:
                return applied
        return controls | self.action(entry.action)

    def short(self, action: Action) -> str | list[Plain] | None:
        """The entry as a call string or a bare list, where one reads as the same."""
        match action:
            case LayerCall(callee=Name() as callee) if names_layer(callee, self.blocks) and callee.name not in STORED:
                return self.speller.call_text(action)
            case StoredDecl():
                return self.speller.call_text(action)
            case Formula(expression=expression) if not names_layer(expression, self.blocks, self.imports):
                return spelled(expression)
            case Group(body=body) if body.listed and body.outputs is None:
                return [self.entry(e) for e in body.entries]
        return None

    def applied(self, action: Action, source: Wiring | None, constants: tuple[Keyword, ...]) -> str | None:
        """The layer called on the values that it takes, `Conv2d(64, 3)(x)`, where that reads as the same."""
        match action:
            case LayerCall(callee=Name() as callee) if names_layer(callee, self.blocks) and callee.name not in STORED:
                call = self.speller.call_text(action)
            case _:
                return None
        values: tuple[Expr, ...] = ()
        named: tuple[Keyword, ...] = ()
        if source is not None:
            values, named = (
                (source.single,) if source.single is not None else source.several or (),
                source.by_name or (),
            )
            if source.several is not None and len(values) < 2:
                return None
        if not all(map(is_constant, (k.value for k in constants))) or any(is_constant(k.value) for k in named):
            return None
        inner = [*map(spelled, values), *(f"{k.name}={spelled(k.value)}" for k in (*named, *constants))]
        return f"{call if call.endswith(')') else call + '()'}({', '.join(inner)})"

    def action(self, action: Action) -> dict[str, Plain]:
        match action:
            case LayerCall(callee=Literal(value=value), arguments=arguments, keywords=keywords):
                return _call(str(value), arguments, keywords)
            case LayerCall() | StoredDecl() if self.calls:
                return {"type": self.speller.call_text(action)}
            case LayerCall(callee=callee):
                named = self.catalogue is not None
                arguments, keywords = self.speller.by_name(action) if named else (action.arguments, action.keywords)
                return _call(unparse(callee), arguments, keywords)
            case StoredDecl(kind=kind, arguments=arguments, keywords=keywords):
                return _call(kind.capitalize(), arguments, keywords)
            case Formula(expression=expression):
                return {"expr": spelled(expression)}
            case Reuse(target=target):
                return {"use": target}
            case Splice(loop=loop, body=body):
                return {"each": _loop(loop)} | self.body(body)
            case Group(body=body):
                return self.body(body)
        raise AssertionError("a removal has no mapping form")


def _key(template: Template, padding: str = "") -> str:
    return "".join(
        p.replace("$", "$$") if isinstance(p, str) else f"${{{padding}{unparse(p)}}}" for p in template.parts
    )


def _outputs(outputs: tuple[OutputDecl, ...]) -> Plain:
    if len(outputs) == 1 and not outputs[0].name:
        return unparse(outputs[0].source)
    return {o.name: _output(o) for o in outputs}


def _output(output: OutputDecl) -> Plain:
    text = unparse(output.source)
    mode = {"mode": "train"} if output.train_only else {}
    switch = {} if output.condition is None else {"if": _condition(output.condition)}
    return {"from": text} | mode | switch if mode or switch else text


def _controls(entry: EntryDecl) -> dict[str, Plain]:
    """The control keys of an entry, in the order in which they take effect."""
    written: dict[str, Plain] = {}
    if entry.loop is not None:
        written["for"] = _loop(entry.loop)
    if entry.let:
        written["let"] = {k.name: spelled(k.value) for k in entry.let}
    if entry.condition is not None:
        written["if"] = _condition(entry.condition)
    if entry.repeat is not None:
        written["repeat"] = _count(entry.repeat)
    if entry.source is not None:
        written["from"] = _wiring(entry.source)
    if entry.call:
        written["call"] = {k.name: plain_value(k.value) for k in entry.call}
    if entry.after is not None:
        written["after"] = entry.after
    if entry.before is not None:
        written["before"] = entry.before
    return written


def _wiring(source: Wiring) -> Plain:
    if source.single is not None:
        return unparse(source.single)
    if source.several is not None:
        return [unparse(e) for e in source.several]
    return {k.name: unparse(k.value) for k in source.by_name or ()}


def _condition(expr: Expr) -> bool | str:
    return expr.value if isinstance(expr, Literal) and isinstance(expr.value, bool) else unparse(expr)


def _count(expr: Expr) -> int | str:
    match expr:
        case Literal(value=int() as count) if not isinstance(count, bool):
            return count
    return unparse(expr)


def _loop(loop: Loop) -> str:
    return f"{targets_text(loop.targets)} in {unparse(loop.iterable)}"


def _call(head: str, arguments: tuple[Expr, ...], keywords: tuple[Keyword, ...]) -> dict[str, Plain]:
    names = [k.name for k in keywords]
    if CONTROL_KEYS & set(names) or len(set(names)) < len(names):
        inner = ", ".join([*map(unparse, arguments), *(f"{k.name}={unparse(k.value)}" for k in keywords)])
        return {"type": f"{head}({inner})"}
    positional = {"args": [plain_value(a) for a in arguments]} if arguments else {}
    return {"type": head} | positional | {k.name: plain_value(k.value) for k in keywords}


# -- values ------------------------------------------------------------------------------------------------------------


def plain_value(expr: Expr) -> Plain:
    """A value of the mapping form: literal where it is, else `$name` or `${…}`."""
    match expr:
        case Literal(value=str() as text):
            return text.replace("$", "$$")
        case Literal(value=None | bool() | int() | float() as value):
            return value
        case Unary(operator="-", operand=Literal(value=int() | float() as value)) if not isinstance(value, bool):
            return -value
        case Name(name=name):
            return f"${name}"
        case Items(items=items):
            return [plain_value(i) for i in items]
        case Dictionary(items=pairs) if _is_plain_table(pairs):
            return {str(k.value): plain_value(v) for k, v in pairs if isinstance(k, Literal)}
    return f"${{{unparse(expr)}}}"


def _is_plain_table(pairs: tuple[tuple[Expr, Expr], ...]) -> bool:
    keys = [k.value for k, _ in pairs if isinstance(k, Literal) and isinstance(k.value, str)]
    return len(keys) == len(pairs) == len(set(keys))


# -- comparing ---------------------------------------------------------------------------------------------------------


def equivalent(one: Spec, other: Spec, catalogue: Catalogue | None = None) -> bool:
    """Whether two specs say the same: equal but for positions in the text and the kind of brackets around a list. With
    a catalogue, `Conv2d(64, 3)` and `{type: Conv2d, out_channels: 64, kernel_size: 3}` are the same too."""
    return _bare(one, _speller(one, catalogue)) == _bare(other, _speller(other, catalogue))


def _speller(spec: Spec, catalogue: Catalogue | None) -> Speller | None:
    return None if catalogue is None else Speller(spec.blocks, catalogue)


def _bare(value: object, speller: Speller | None) -> object:
    """The value without positions, as something that compares 1 and True as different."""
    match value:
        case Span() | Source():
            return None
        case Literal(value=literal):
            return ("Literal", type(literal).__name__, literal)
        case Items(items=items):
            return ("Items", _bare(items, speller))
        case LayerCall() if speller is not None:
            arguments, keywords = speller.by_name(value)
            return ("LayerCall", *(_bare(part, speller) for part in (value.callee, arguments, _sorted(keywords))))
        case Scalar() | Sequence() | TreeMapping():
            return to_plain(value)
        case tuple():
            return tuple(_bare(v, speller) for v in value)
        case Mapping():
            return tuple((k, _bare(v, speller)) for k, v in value.items())
    if is_dataclass(value):
        return (type(value).__name__, *(_bare(getattr(value, f.name), speller) for f in fields(value)))
    return value


def _sorted(keywords: tuple[Keyword, ...]) -> tuple[Keyword, ...]:
    return tuple(sorted(keywords, key=lambda k: k.name))

"""The catalogue's form: an op is one decorated function — its signature is torch's, its docstring the documentation,
its body the shape and dtype rule, the parameters it owns and its cost.

    @module("Linear", family="linear", inferred="in_features")
    def linear(c: Call, input: TensorType, in_features: Inferred, out_features: Positive, bias: bool = True):
        \"\"\"`y = x Wᵀ + b` over the last dimension: (*, in_features) → (*, out_features).\"\"\"
        features = c.infer("in_features", input.shape[-1])
        ...

Parameters of the function: `c` first; then, for a module, the tensors of `forward` (annotated `TensorType`,
`TensorType | None` or `Tensors`; optional ones may stand last) and the arguments of its constructor. For a function the
arguments follow torch's order, and tensors may stand anywhere. Annotations name the argument kinds of `kinds.py`.
Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from nnc.compiler.ops.kinds import Kind, parse_kind
from nnc.compiler.types.tensor import TensorType

__all__ = ["REQUIRED", "Argument", "Catalogue", "OpDef", "Rule", "function", "module"]

Results = TensorType | Mapping[str, TensorType] | Sequence[TensorType]
Rule = Callable[..., Results]
Family = Literal[
    "activation", "arithmetic", "attention", "comparison", "constructor", "convolution", "dropout", "embedding",
    "fourier", "indexing", "linear", "loss", "normalization", "padding", "pooling", "recurrent", "reduction", "shape",
    "upsampling", "vision",
]  # fmt: skip


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as torch names it. `inferred`: left out, it is taken from what flows in; written, it is checked.
    `since`: the first torch version that has it, where older supported ones do not."""

    name: str
    kind: Kind
    default: object = REQUIRED
    inferred: bool = False
    keyword_only: bool = False
    variadic: bool = False
    since: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED and not self.inferred and not self.variadic


@dataclass(frozen=True, slots=True)
class OpDef:
    """Everything about one op but its torch spelling, which is the backend's.

    `inputs` are the tensors `forward` takes (a module's; the tensor arguments of a function stand among `arguments`);
    `positional` are the arguments that a call string may give by position: those of torch's `Lazy*` class.
    `calls` are further keywords of `forward` that are no tensors (`need_weights`).
    `since`: the first torch version that has it, where older supported ones do not."""

    name: str
    form: Literal["module", "function"]
    family: Family
    arguments: tuple[Argument, ...]
    inputs: tuple[Argument, ...]
    calls: tuple[Argument, ...]
    rule: Rule
    doc: str
    results: tuple[str, ...]
    inferred: tuple[str, ...] = ()
    variadic: tuple[tuple[str, ...], str] | None = None  # the names before a `*sizes` argument, and its own
    since: str = ""

    @property
    def positional(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.inferred and not a.keyword_only)

    def argument(self, name: str) -> Argument | None:
        return next((a for a in (*self.arguments, *self.inputs, *self.calls) if a.name == name), None)


class Catalogue(Mapping[str, OpDef]):
    """Ops by name, passed as an argument to whoever needs names: a test may hand over its own.

    `contents` lists names by the file of `nnc.compiler.ops` whose `OPS` declares them; a file is read when the first of
    its names is looked up."""

    def __init__(
        self,
        ops: Sequence[OpDef] = (),
        aliases: Mapping[str, str] | None = None,
        contents: Mapping[str, str] | None = None,
    ) -> None:
        listed = [(name, file) for file, names in (contents or {}).items() for name in names.split()]
        self._files = dict(listed)
        self._ops = {op.name: op for op in ops}
        self._names = dict.fromkeys((*self._ops, *self._files))
        self.aliases = dict(aliases or {})
        if len(self._names) != len(ops) + len(listed):
            raise ValueError("two ops share a name")

    def __getitem__(self, name: str) -> OpDef:
        name = self.aliases.get(name, name)
        if name not in self._ops and name in self._files:
            declared = import_module(f"nnc.compiler.ops.{self._files[name]}").OPS
            self._ops |= {op.name: op for op in declared}
        return self._ops[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names or name in self.aliases


def module(
    name: str,
    *,
    family: Family,
    inferred: str | tuple[str, ...] = (),
    results: tuple[str, ...] = (),
    calls: tuple[str, ...] = (),
    since: str | Mapping[str, str] = "",
) -> Callable[[Rule], OpDef]:
    """Declares a `torch.nn` (or torchvision) module. `calls` names the parameters that are `forward`'s, not the
    constructor's; `since` the torch that first has the module, or has arguments of it."""
    inferred = (inferred,) if isinstance(inferred, str) else inferred

    def declare(rule: Rule) -> OpDef:
        arguments = list(_arguments(rule, inferred, {} if isinstance(since, str) else since))
        return OpDef(
            name=name,
            form="module",
            family=family,
            inputs=tuple(a for a in arguments if a.kind.tensor),
            calls=tuple(a for a in arguments if a.name in calls),
            arguments=tuple(a for a in arguments if not a.kind.tensor and a.name not in calls),
            rule=rule,
            doc=rule.__doc__ or "",
            results=results,
            inferred=inferred,
            since=since if isinstance(since, str) else "",
        )

    return declare


def function(
    name: str, *, family: Family, results: tuple[str, ...] = (), since: str | Mapping[str, str] = ""
) -> Callable[[Rule], OpDef]:
    """Declares a torch function or tensor method under its torch name; `since` as for a module."""

    def declare(rule: Rule) -> OpDef:
        arguments = tuple(_arguments(rule, (), {} if isinstance(since, str) else since))
        starred = next((i for i, a in enumerate(arguments) if a.variadic), None)
        variadic = None if starred is None else (tuple(a.name for a in arguments[:starred]), arguments[starred].name)
        return OpDef(
            name=name,
            form="function",
            family=family,
            inputs=(),
            calls=(),
            arguments=arguments,
            rule=rule,
            doc=rule.__doc__ or "",
            results=results,
            variadic=variadic,
            since=since if isinstance(since, str) else "",
        )

    return declare


def _arguments(rule: Rule, inferred: tuple[str, ...], since: Mapping[str, str]) -> Iterator[Argument]:
    """Reads a rule's signature from its code object: `inspect` alone would cost as much as all ops together."""
    code = rule.__code__
    positional = code.co_varnames[1 : code.co_argcount]
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = rule.__defaults__ or ()
    given = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True)) | (
        rule.__kwdefaults__ or {}
    )
    annotations = rule.__annotations__
    for name in positional:
        kind = parse_kind(annotations[name])
        yield Argument(name, kind, given.get(name, REQUIRED), name in inferred, False, False, since.get(name, ""))
    if code.co_flags & 0x04:
        name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        yield Argument(name, parse_kind(annotations[name]), variadic=True)
    for name in keyword:
        kind = parse_kind(annotations[name])
        yield Argument(name, kind, given.get(name, REQUIRED), name in inferred, True, False, since.get(name, ""))

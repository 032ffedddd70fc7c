"""The form of the vocabulary: a callable that a spec may name is one decorated `def` with torch's own signature.

    @optimizer()
    def SGD(lr: AtLeast0 = 1e-3, momentum: AtLeast0 = 0, ...) -> None:
        \"\"\"Stochastic gradient descent, optionally with momentum.\"\"\"
        if nesterov and not momentum:
            refuse("nesterov needs a momentum above 0", "nesterov")

The name is torch's, the annotations name kinds of `kinds.py`, and the body checks what the arguments must be together.
Nothing else can be named: the tables are the allow-list. `omitted` are torch's arguments that a file cannot give, each
with the reason. Tests compare every signature with torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from nnc.compiler.ops.registry import REQUIRED, Argument
from nnc.compiler.training.vocabulary.kinds import parse_kind

__all__ = ["CallDef", "Group", "Parts", "Refused", "Vocabulary", "declare", "refuse"]

Group = Literal["dataset", "loss", "metric", "mixture", "optimizer", "sampler", "scheduler", "transform"]

# What a sample of a dataset holds: kinds by name, or a function from the arguments to them. See `dataset_parts.py`.
Parts = Mapping[str, str] | Callable[[Mapping[str, Any]], Mapping[str, str]]


class Refused(Exception):
    """Why the arguments do not go together. `argument` is the one to point at, if it was written."""

    def __init__(self, message: str, argument: str | None) -> None:
        super().__init__(message)
        self.message, self.argument = message, argument


def refuse(message: str, argument: str | None = None) -> NoReturn:
    raise Refused(message, argument)


@dataclass(frozen=True, slots=True)
class CallDef:
    """One callable. `inputs` are the tensors that a loss or metric is called with; `traits` what a group needs to know
    besides (`random` for a transform, `step` for a scheduler that steps with every batch, …); `parts` what a sample of a
    dataset holds."""

    group: Group
    name: str
    arguments: tuple[Argument, ...]
    check: Callable[..., None]
    doc: str
    omitted: Mapping[str, str]
    inputs: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()
    parts: Parts | None = None

    def argument(self, name: str) -> Argument | None:
        return next((a for a in self.arguments if a.name == name), None)

    @property
    def positional(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.keyword_only)


class Vocabulary(Mapping[str, CallDef]):
    """The callables of one group, by name."""

    def __init__(self, group: Group, *defs: CallDef) -> None:
        self.group = group
        self._defs = {d.name: d for d in defs}
        if len(self._defs) != len(defs) or any(d.group != group for d in defs):
            raise ValueError(f"a {group} is declared twice or in the wrong group")

    def __getitem__(self, name: str) -> CallDef:
        if "." in name and name not in self._defs:
            return self._own(name)
        return self._defs[name]

    def _own(self, name: str) -> CallDef:
        """What a call of the user's own code, `mylib.Recordings`, is known as once it is bound."""
        from nnc.compiler.training.own import OWN, own_call

        if self.group not in OWN:
            raise KeyError(name)
        return own_call(self.group, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._defs)

    def __len__(self) -> int:
        return len(self._defs)


def declare(
    group: Group,
    *,
    omitted: Mapping[str, str],
    inputs: tuple[str, ...] = (),
    traits: tuple[str, ...] = (),
    parts: Parts | None = None,
) -> Callable[[Callable[..., None]], CallDef]:
    """Makes a `CallDef` of a `def`. Reads the code object: `inspect` would cost more than all tables together."""

    def make(rule: Callable[..., None]) -> CallDef:
        return CallDef(
            group,
            rule.__name__,
            tuple(_arguments(rule)),
            rule,
            rule.__doc__ or "",
            omitted,
            inputs,
            frozenset(traits),
            parts,
        )

    return make


def _arguments(rule: Callable[..., None]) -> Iterator[Argument]:
    code = rule.__code__
    positional = code.co_varnames[: code.co_argcount]
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults: tuple[Any, ...] = rule.__defaults__ or ()
    given = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True)) | (
        rule.__kwdefaults__ or {}
    )
    for name in (*positional, *keyword):
        kind = parse_kind(rule.__annotations__[name])
        yield Argument(name, kind, given.get(name, REQUIRED), keyword_only=name in keyword)

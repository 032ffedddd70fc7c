"""The user's own datasets and transforms: the only place that runs code which a spec names, and only where the caller has said
that the spec is trusted.

A class or function must be defined in the file itself: what the file imports cannot be reached through it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall, DataConfig, TransformStage
from nnc.runtime.failure import Failure, reason_of

__all__ = ["OwnCall", "OwnSamples", "adopt", "open_own"]


@dataclass(frozen=True, slots=True)
class OwnCall(BoundCall):
    """A call of one's own code, with what it calls."""

    target: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        return BoundCall(self.group, self.name, self.arguments, self.span, self.spans).__str__()

    def make(self) -> Any:
        """The dataset or the transform. Raises `Failure` where the code does."""
        try:
            return self.target(**{k: _given(v) for k, v in self.arguments.items()})
        except Exception as error:  # whatever code of somebody else's may raise
            raise Failure(
                "NNC0814", self.span, f"{self.name} raised {type(error).__name__}: {reason_of(error)}"
            ) from error


def _given(value: Any) -> Any:
    """Lists as Python writes them."""
    if isinstance(value, tuple):
        return [_given(v) for v in value]
    return {k: _given(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def adopt(config: DataConfig, base: Path) -> DataConfig:
    """The same with what the names of `imports:` stand for, which runs the files. To be called for trusted specs only. Raises
    `Failure` where a file cannot be run, or has no such name."""
    modules = {name: _load(name, base / path, config) for name, path in config.imports.items()}

    def known(call: BoundCall) -> BoundCall:
        if "." not in call.name:
            nested = call.arguments.get("transforms")
            if not isinstance(nested, tuple):
                return call
            inner = tuple(known(c) if isinstance(c, BoundCall) else c for c in nested)
            return replace(call, arguments={**call.arguments, "transforms": inner})
        return OwnCall(call.group, call.name, call.arguments, call.span, call.spans, _target(modules, call))

    def stage(old: TransformStage) -> TransformStage:
        return replace(old, train=tuple(map(known, old.train)), eval=tuple(map(known, old.eval)))

    held = config.validation
    return replace(
        config,
        train=known(config.train),
        test=None if config.test is None else known(config.test),
        validation=known(held) if isinstance(held, BoundCall) else held,
        stages=tuple(map(stage, config.stages)),
    )


def _load(name: str, path: Path, config: DataConfig) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise Failure("NNC0814", path, f"there is no such file, which `imports:` calls `{name}`")
    called = f"nnc_own_{sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(called, path)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[called] = module  # for processes that read samples
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[called]
        raise Failure("NNC0814", path, f"it cannot be run: {type(error).__name__}: {reason_of(error)}") from error
    return module


def _target(modules: Mapping[str, ModuleType], call: BoundCall) -> Any:
    library, _, name = call.name.partition(".")
    module = modules[library]
    found = getattr(module, name, None)
    if not callable(found) or getattr(found, "__module__", None) != module.__name__:
        own = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", None) == module.__name__]
        notes = (f"it defines {', '.join(own)}",) if own else ()
        where = Path(str(module.__file__)).name
        raise Failure("NNC0801", call.span, f"{where} defines no class or function `{name}`", notes=notes)
    return found


@dataclass(frozen=True)
class OwnSamples:
    """A dataset of one's own: `len`, and items by number, each a tuple in the order of the `fields` or a mapping from them."""

    dataset: Any
    fields: tuple[str, ...]
    call: BoundCall

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        item = self.dataset[index]
        if isinstance(item, Mapping):
            item = tuple(item[f] for f in self.fields)
        if not isinstance(item, Sequence | torch.Tensor) or len(item) != len(self.fields):
            raise ValueError(
                f"an item of {self.call.name} holds {', '.join(self.fields)}, and this is {type(item).__name__}"
            )
        return tuple(map(_plain, item))

    @property
    def targets(self) -> Any:
        return getattr(self.dataset, "targets", None)

    @property
    def samples(self) -> Any:
        return getattr(self.dataset, "samples", None)


def _plain(value: Any) -> Any:
    """NumPy's arrays and numbers as tensors, laid out as their owner chose."""
    return torch.as_tensor(value) if isinstance(value, np.ndarray | np.generic) else value


def open_own(call: BoundCall, fields: tuple[str, ...]) -> tuple[OwnSamples, tuple[str, ...] | None]:
    """A dataset of one's own, and the names of its classes where it has `classes`. Raises `Failure` where it is not trusted,
    or no dataset that counts its samples."""
    if not isinstance(call, OwnCall):
        raise Failure("NNC0217", call.span, f"{call.name} is Python code, which only a spec that you trust may run")
    dataset = call.make()
    try:
        length = len(dataset)
    except TypeError:
        message = f"{call.name} does not say how many samples it has: it needs `__len__` and `__getitem__`"
        raise Failure("NNC0814", call.span, message) from None
    if not length:
        raise Failure("NNC0814", call.span, f"{call.name} is empty")
    names = getattr(dataset, "classes", None)
    classes = tuple(map(str, names)) if isinstance(names, list | tuple) else None
    return OwnSamples(dataset, fields, call), classes

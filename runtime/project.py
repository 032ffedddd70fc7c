"""A spec with its `data:` and `train:`, compiled: what a command works on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.driver import Compilation, compile_file, compile_mapping
from nnc.compiler.training import DataConfig, TrainConfig, read_sections
from nnc.compiler.training.network import OUTPUT
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.own import adopt
from nnc.runtime.signature import Signature, signature_of

__all__ = ["Project", "Source", "compile_source", "read_project"]

Spec = str | os.PathLike[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A compiled spec; `base` is the folder that its paths are relative to."""

    compilation: Compilation
    spec: Mapping[str, Any]
    args: Mapping[str, Any]
    sizes: Mapping[str, int]
    base: Path

    @property
    def span(self) -> Span:
        assert self.compilation.spec is not None, "a graph comes from a spec"
        return self.compilation.spec.span

    @property
    def signature(self) -> Signature:
        elaborated = self.compilation.elaborated
        return signature_of(self.compilation.graph, elaborated.promises if elaborated else None)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The values of the spec's `args:`."""
        return self.compilation.elaborated.arguments if self.compilation.elaborated else {}

    @property
    def widths(self) -> dict[str, int]:
        """Channels of the outputs (N, C, *) that have a fixed number of them."""
        types = {name or OUTPUT: value.type for name, value in self.compilation.graph.outputs.items()}
        return {n: t.shape[1] for n, t in types.items() if t.rank > 1 and isinstance(t.shape[1], int)}

    def module(self) -> nn.Module:
        return build(self.compilation.graph, spec=self.spec, args=self.args, sizes=self.sizes)

    def sections(self, *, epochs: int | None = None) -> tuple[DataConfig | None, TrainConfig | None]:
        """`data:` and `train:`, None for one that is not there. Raises `Failure`."""
        written, elaborated = self.compilation.spec, self.compilation.elaborated
        assert written is not None, "a graph comes from a spec"
        assert elaborated is not None, "a graph comes from an elaborated spec"
        problems = Problems()
        names, graph = elaborated.arguments, self.compilation.graph
        found = read_sections(written.sections, problems, graph=graph, names=names, epochs=epochs, spec=written)
        raise_errors(problems)
        return found


@dataclass(frozen=True)
class Project(Source):
    """A compiled spec that has both sections."""

    data: DataConfig
    train: TrainConfig

    @property
    def signature(self) -> Signature:
        return super().signature.carrying(self.train.carry)


def compile_source(
    spec: Spec, args: Mapping[str, Any], sizes: Mapping[str, int], *, base: Path | None = None, trust: bool = False
) -> Source:
    """Compiles a spec: a file, or plain data whose paths are relative to the working directory, unless `base` says
    otherwise. Without `trust`, one that `imports:` Python files is refused. Raises `SpecError`."""
    if isinstance(spec, Mapping):
        compilation, home = compile_mapping(spec, args=args, sizes=sizes, trust=trust), Path()
    else:
        compilation, home = compile_file(os.fspath(spec), args=args, sizes=sizes, trust=trust), Path(spec).parent
    assert compilation.graph is not None, "or SpecError was raised"
    return Source(compilation, compilation.document, args, sizes, base or home)


def read_project(
    spec: Spec,
    args: Mapping[str, Any],
    sizes: Mapping[str, int],
    *,
    epochs: int | None = None,
    base: Path | None = None,
    trust: bool = False,
) -> Project:
    """Compiles a spec and reads its sections; with `trust`, runs the Python files that it imports. Raises `SpecError`, or
    `Failure` where there is nothing to train with."""
    source = compile_source(spec, args, sizes, base=base, trust=trust)
    data, training = source.sections(epochs=epochs)
    if trust and data is not None and data.imports:
        data = adopt(data, source.base)
    if data is None or training is None:
        missing = "data" if data is None else "train"
        raise Failure("NNC0824", source.span, f"the spec has no `{missing}:` section")
    return Project(source.compilation, source.spec, source.args, source.sizes, source.base, data, training)

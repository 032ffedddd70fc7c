"""nnc in Python: `load`, `check`, `compile`, `train`, `evaluate`, `predict`, `save`, as `import nnc` offers them.

A network is given as the path of a `.yaml` or `.json` spec, as `zoo:NAME` for one that ships with nnc, as plain Python
data, or, where weights matter, as a `.safetensors` artifact. Keyword arguments are values of the spec's `args:`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nnc.compiler.diagnostics import Diagnostic
    from nnc.compiler.driver import Compilation, Stage

__all__ = ["Given", "check", "compile", "instantiate", "load", "save"]

Given = str | os.PathLike[str] | Mapping[str, Any]


def compile(
    spec: Given, /, *, sizes: Mapping[str, int] | None = None, stop_after: Stage = "verify", **args: Any
) -> Compilation:
    """Runs the pipeline without torch and returns what every stage delivered. `sizes` fixes free dimensions. Faults
    are in the result's `problems`; nothing is raised for them before `.graph` is asked for.

        >>> result = nnc.compile("zoo:unet", classes=3)
        >>> [r.text for r in result.solution.requirements]
        ['H >= 16', 'W >= 16']

    Raises KeyError for a `zoo:` name that does not exist."""
    from nnc.compiler.driver import compile_file, compile_mapping

    if isinstance(spec, Mapping):
        return compile_mapping(spec, args=args, sizes=sizes, stop_after=stop_after)
    path = os.fspath(spec)
    if path.startswith("zoo:"):
        from nnc.specs import find

        path = str(find(path))
    return compile_file(path, args=args, sizes=sizes, stop_after=stop_after)


def check(spec: Given, /, *, sizes: Mapping[str, int] | None = None, **args: Any) -> list[Diagnostic]:
    """Every fault of a spec, by place; an empty list where there is none. Imports no torch.

    >>> for fault in nnc.check({"nnc": 1, "inputs": {"x": ["B", 8]}, "layers": {"fc": "Linear(10, bais=True)"}}):
    ...     print(fault)
    <dict>:10:23: error: [NNC0302] Linear has no argument `bais`
    """
    return compile(spec, sizes=sizes, **args).problems.sorted()


def load(
    source: Given,
    /,
    *,
    sizes: Mapping[str, int] | None = None,
    device: torch.device | str | None = None,
    **args: Any,
) -> nn.Module:
    """The network as an ordinary `nn.Module`: from a spec with fresh parameters, from an artifact with the saved ones.

        >>> model = nnc.load("zoo:lenet5", num_classes=26)
        >>> model(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 26])
        >>> model.spec["name"], model.source[:30]        # what it was made from, and the Python that runs
        ('lenet5', '\"""Lenet5, written by nnc. Need')

    Raises `nnc.SpecError` where the spec has faults, its text shows them all with their lines; `runtime.failure.Failure`
    where an artifact is damaged; TypeError for arguments of an artifact, which has been compiled already."""
    if not isinstance(source, Mapping) and os.fspath(source).endswith(".safetensors"):
        if args or sizes:
            raise TypeError("a saved model keeps the arguments and sizes that it was compiled with")
        from nnc.runtime.artifact import load as load_artifact

        return load_artifact(os.fspath(source), device=device or "cpu")
    return instantiate(compile(source, sizes=sizes, **args), args=args, sizes=sizes, device=device)


def save(model: nn.Module, path: str | os.PathLike[str]) -> Path:
    """Writes a compiled model to one .safetensors file, its spec and its weights: `nnc.load` reads it anywhere, without
    pickle and without the YAML. The file appears whole or not at all.

        >>> nnc.save(model, "lenet5.safetensors")
        PosixPath('lenet5.safetensors')

    Raises `runtime.failure.Failure` for a model that nnc did not compile, or a file that cannot be written."""
    from nnc.runtime.artifact import save as save_artifact

    return save_artifact(model, os.fspath(path))


def instantiate(
    result: Compilation,
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    device: torch.device | str | None = None,
) -> nn.Module:
    """The module of a compilation; it remembers what it was made from. Raises SpecError where the spec has faults."""
    from nnc.compiler.backends.torch.build import build
    from nnc.compiler.source.tree import to_plain

    graph = result.graph
    assert result.tree is not None, "what has a graph has a tree"
    spec: Any = to_plain(result.tree)
    return build(graph, spec=spec, args=args, sizes=sizes, device=device)

"""Folders of specs that name each other."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnc.compiler.diagnostics import Diagnostic
from nnc.compiler.driver import Compilation, compile_file, compile_mapping
from nnc.compiler.graph.printing import print_graph

__all__ = ["LENET", "alone", "compiled", "faults", "one_fault", "written"]

LENET = """\
nnc: 1
name: lenet
inputs: {image: [B, 1, 28, 28]}
args: {num_classes: 10, width: 6}
variants:
  wide: {width: 12}
  tiny: {width: 2, num_classes: 3}
blocks:
  Stage:
    args: {channels: }
    layers:
      conv: Conv2d(channels, 5, padding=2)
      act1: relu
      pool: max_pool2d(2)
layers:
  features: [Conv2d(width, 5, padding=2), ReLU, MaxPool2d(2)]
  stage: Stage(width)
  flat: flatten(1)
  fc: Linear(num_classes)
""".replace("[Conv2d(width, 5, padding=2),", '["Conv2d(width, 5, padding=2)",')


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder with `lenet.yaml` and these files."""
    for name, text in {"lenet.yaml": LENET, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def compiled(folder: Path, text: str, files: Mapping[str, str] | None = None, **options: Any) -> Compilation:
    """`main.yaml` with this text, in a folder with `lenet.yaml` and these files."""
    return compile_file(written(folder, {"main.yaml": text, **(files or {})}) / "main.yaml", **options)


def alone(result: Compilation) -> str:
    """The graph's text, after checking that the canonical form, which names no other file, means the same."""
    assert [str(d) for d in result.problems] == []
    again = compile_mapping(result.document)
    assert [str(d) for d in again.problems] == []
    text = print_graph(result.graph)
    assert print_graph(again.graph) == text
    return text


def faults(result: Compilation) -> list[Diagnostic]:
    return result.problems.sorted()


def one_fault(result: Compilation) -> tuple[str, str, int, str]:
    """Code, file, line and the text at the only fault."""
    (fault,) = faults(result)
    return fault.code, Path(fault.span.source.name).name, fault.span.line, fault.span.text

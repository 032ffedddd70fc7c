"""A typed graph as Python source: one readable `nn.Module` class per block structure, with straight-line `forward`s.

The text needs torch alone (and torchvision where an op of it is used) and may be written to a file and imported. It is
made of syntax trees built from checked names and numbers; no text of a spec is pasted into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnc.compiler.backends.torch.classes import ClassPlan, Plan, plan_classes
from nnc.compiler.backends.torch.constructor import Constructor
from nnc.compiler.backends.torch.forward import Forward, loop
from nnc.compiler.backends.torch.freezing import train_method
from nnc.compiler.backends.torch.packing import IMPORT, RUN_PACKED, SOURCE
from nnc.compiler.backends.torch.shapes import ShapeText
from nnc.compiler.backends.torch.syntax import Line, definition
from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph

__all__ = ["EmittedSource", "emit_source"]

WIDTH = 100  # columns of a docstring's line


@dataclass(frozen=True, slots=True)
class EmittedSource:
    """`class_name` is the network's class; `class_names` are all, in the order of the text. `line_spans` says which
    place of the spec a line (from 1) of `text` comes from."""

    text: str
    class_name: str
    class_names: tuple[str, ...]
    line_spans: Mapping[int, Span]

    def __str__(self) -> str:
        return self.text


def emit_source(graph: Graph) -> EmittedSource:
    """Writes the source of a network. The same graph always gives the same text."""
    plan = plan_classes(graph)
    root = plan.of(graph)
    body = [line for one in plan.classes for line in _class(plan, one)]
    code = "\n".join([line.text for line in body])
    if f"{RUN_PACKED}(" in code:
        body = [*map(Line, SOURCE.split("\n")), *body]
        code = f"{SOURCE}\n{code}"
    imports = list(_imports(code))
    needs = "torch and torchvision" if "import torchvision" in imports else "torch alone"
    head = [f'"""{root.name}, written by nnc. Needs {needs}."""', "", *imports]
    return EmittedSource(
        text="\n".join([*head, code, ""]),
        class_name=root.name,
        class_names=tuple(one.name for one in plan.classes),
        line_spans={i: span for i, (_, span) in enumerate(body, len(head) + 1) if span is not None},
    )


def _imports(code: str) -> Iterator[str]:
    """The imports that the text uses."""
    standard = [f"from {module} import {word}" for module, word in _STANDARD if _uses(code, f"{word}(")]
    if _uses(code, "math."):
        standard.insert(0, "import math")
    if standard:
        yield from (*standard, "")
    if _uses(code, "torch."):
        yield "import torch"
    if _uses(code, "F."):
        yield "import torch.nn.functional as F"
    if _uses(code, "torchvision."):
        yield "import torchvision"
    yield "from torch import Tensor, nn" if _uses(code, "Tensor") else "from torch import nn"
    if _uses(code, f"{RUN_PACKED}("):
        yield IMPORT


_STANDARD = (("collections", "OrderedDict"), ("fnmatch", "fnmatchcase"))


def _uses(code: str, word: str) -> bool:
    """Whether the word stands there, not as the end of a longer one or as somebody's attribute."""
    at = code.find(word)
    while at > 0 and (code[at - 1].isalnum() or code[at - 1] in "_."):
        at = code.find(word, at + 1)
    return at >= 0


def _docstring(before: Sequence[str], after: Sequence[str], span: Span) -> Iterator[Line]:
    """`x: (B, 3, H, W) -> (B, 10)`, one value a line where they are many."""
    flat = f'    """{", ".join(before)} -> {", ".join(after)}"""'
    if len(flat) <= WIDTH:
        yield Line(flat, span)
        return
    yield Line('    """', span)
    yield from (Line(f"    {value}", span) for value in before)
    yield from (Line(f"    -> {value}", span) for value in after)
    yield Line('    """', span)


def _class(plan: Plan, one: ClassPlan) -> Iterator[Line]:
    """Two blank lines, then the class."""
    span = one.graph.span
    shapes = ShapeText(one.instances, one.fitter)
    base = "nn.Sequential" if one.is_sequential else "nn.Module"
    given = ["self", *(f"{p.name}: {p.annotation}" for p in one.parameters)]
    yield from (Line(""), Line(""))
    yield Line(f"class {one.name}({base}):", span)
    yield from _docstring(*shapes.signature(), span)
    body = list(Constructor(plan, one).lines())
    if one.parameters or len(body) > 1 or one.is_sequential:
        yield Line("")
        yield from definition("__init__", given, "None", span)
        yield from body
    if one.is_loop:
        yield Line("")
        yield from loop(one.graph)
    elif not one.is_sequential:
        yield Line("")
        yield from Forward(plan, one, shapes).lines()
    yield from train_method(plan, one)

"""A typed graph as Python source: one readable `nn.Module` class per block structure, with straight-line `forward`s.

The text needs torch alone (and torchvision where an op of it is used) and may be written to a file and imported. It is
made of syntax trees built from checked names and numbers; no text of a spec is pasted into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnc.compiler.backends.torch.classes import ClassPlan, Plan, plan_classes
from nnc.compiler.backends.torch.constructor import Constructor
from nnc.compiler.backends.torch.forward import Forward
from nnc.compiler.backends.torch.shapes import ShapeText
from nnc.compiler.backends.torch.syntax import Line
from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph

__all__ = ["EmittedSource", "emit_source"]

_IMPORTS = (
    ("OrderedDict(", "from collections import OrderedDict"),
    ("", ""),
    ("torch.", "import torch"),
    ("F.", "import torch.nn.functional as F"),
    ("torchvision.", "import torchvision"),
    ("", "from torch import Tensor, nn"),
)


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
    head = [Line(f'"""{root.name}, written by nnc. Needs torch alone."""'), Line(""), *map(Line, _imports(body))]
    lines = head + body
    return EmittedSource(
        text="\n".join(line.text for line in lines) + "\n",
        class_name=root.name,
        class_names=tuple(one.name for one in plan.classes),
        line_spans={i: line.span for i, line in enumerate(lines, 1) if line.span is not None},
    )


def _imports(body: list[Line]) -> Iterator[str]:
    """The imports that the text uses."""
    code = "\n".join(line.text for line in body)
    standard = "OrderedDict(" in code
    if standard:
        yield from ("from collections import OrderedDict", "")
    if _uses(code, "torch"):
        yield "import torch"
    if _uses(code, "F"):
        yield "import torch.nn.functional as F"
    if _uses(code, "torchvision"):
        yield "import torchvision"
    yield "from torch import Tensor, nn" if "Tensor" in code else "from torch import nn"


def _uses(code: str, module: str) -> bool:
    import re

    return re.search(rf"(?<![\w.\"]){module}\.", code) is not None


def _class(plan: Plan, one: ClassPlan) -> Iterator[Line]:
    """Two blank lines, then the class."""
    span = one.graph.span
    shapes = ShapeText(one.instances, one.fitter)
    base = "nn.Sequential" if one.is_sequential else "nn.Module"
    given = ["self", *(f"{p.name}: {p.annotation}" for p in one.parameters)]
    yield from (Line(""), Line(""))
    yield Line(f"class {one.name}({base}):", span)
    yield Line(f'    """{shapes.signature()}"""', span)
    body = list(Constructor(plan, one).lines())
    if one.parameters or len(body) > 1 or one.is_sequential:
        yield Line("")
        yield Line(f"    def __init__({', '.join(given)}) -> None:", span)
        yield from body
    if not one.is_sequential:
        yield Line("")
        yield from Forward(plan, one, shapes).lines()

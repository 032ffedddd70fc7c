"""What an op is called with, as expressions: tensors, free sizes and constants, each as its caller spells it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from nnc.compiler.backends.torch.classes import ClassPlan
from nnc.compiler.backends.torch.describe import Path
from nnc.compiler.graph.ir import Node, Operand, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dim import Dim

__all__ = ["Operands"]


@dataclass(frozen=True, slots=True)
class Operands:
    """`value`, `size` and `formula` spell a tensor, a free size, and the constant that stands at a path of the class."""

    one: ClassPlan
    value: Callable[[Value], ast.expr]
    size: Callable[[Dim], ast.expr]
    formula: Callable[[Path], ast.expr]

    def of(self, node: Node, op: OpDef, path: Path) -> dict[str, ast.expr]:
        """The operands by name, in the order of the signature; what has torch's default is left out."""
        given = {}
        for argument in (*op.inputs, *op.calls, *op.arguments):
            here = (*path, argument.name)
            if argument.name in node.operands:
                operand = node.operands[argument.name]
                if isinstance(operand, Value) or not self.one.is_default(here):
                    given[argument.name] = self._spell(operand, here, argument.kind.tensor)
            elif self.one.parameters and self.one.has(here) and self.one.varies(here):
                given[argument.name] = self.formula(here)  # other instances of the class have something else there
        return given

    def _spell(self, operand: Operand, path: Path, tensors: bool = False) -> ast.expr:
        if isinstance(operand, Value):
            return self.value(operand)
        if isinstance(operand, Dim):
            return self.size(operand)
        if self.one.has(path):
            return self.formula(path)
        if isinstance(operand, slice):
            ends = (operand.start, operand.stop, operand.step)
            parts = [self._spell(o, (*path, i)) for i, o in enumerate(ends)]
            return ast.Slice(*(None if isinstance(p, ast.Constant) and p.value is None else p for p in parts))
        assert isinstance(operand, tuple | list)
        items = [self._spell(o, (*path, i)) for i, o in enumerate(operand)]
        is_list = tensors and all(isinstance(o, Value) for o in operand)
        return ast.List(items) if is_list else ast.Tuple(items)

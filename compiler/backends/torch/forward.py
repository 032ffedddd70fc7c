"""`forward`: straight-line code in the order of the schedule.

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)  # (B, 64, H, W)
        out = self.bn1(out)
        return F.relu(out + x)

Values that only a `mode: train` output needs are computed under `if self.training:`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from nnc.compiler.backends.torch.calls import SELF, call_module, invoke
from nnc.compiler.backends.torch.classes import ClassPlan, Plan
from nnc.compiler.backends.torch.describe import Path
from nnc.compiler.backends.torch.naming import SPOKEN, Names, snake_case
from nnc.compiler.backends.torch.operands import Operands
from nnc.compiler.backends.torch.paths import module_at
from nnc.compiler.backends.torch.results import inside, is_single, main_result, targets, variables
from nnc.compiler.backends.torch.shapes import UNSAID, ShapeText
from nnc.compiler.backends.torch.steps import Steps, needs_device
from nnc.compiler.backends.torch.syntax import (
    WIDTH,
    Line,
    Marks,
    attribute,
    call,
    definition,
    is_attribute,
    literal,
    member,
    name,
    render,
    text,
)
from nnc.compiler.backends.torch.variables import BEFORE, Variable, name_variables
from nnc.compiler.graph.ir import Graph, Node, Operand, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dim import Dim, size

__all__ = ["Forward", "loop"]

INDENT = 8
COMMENT_WIDTH = 110


def loop(graph: Graph) -> Iterator[Line]:
    """The `forward` of a list whose layers all take something beside the value that flows.

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, mask)
        return x
    """
    names = Names(SPOKEN)
    words = [names.claim(snake_case(v.name), "x") for v in graph.inputs]
    layer = names.claim("layer")
    indent, span = " " * INDENT, graph.nodes[0].span
    yield from definition("forward", [SELF, *(f"{word}: Tensor" for word in words)], "Tensor", graph.span)
    yield Line(f"{indent}for {layer} in {SELF}:", graph.span)
    yield from render(f"{words[0]} = ", call(name(layer), map(name, words)), INDENT + 4, span, Marks())
    yield Line(f"{indent}return {words[0]}", graph.span)


class Forward:
    """Writes the `forward` of one class."""

    def __init__(self, plan: Plan, one: ClassPlan, shapes: ShapeText) -> None:
        self.plan, self.one, self.shapes = plan, one, shapes
        self.graph = one.graph
        self.sizes = one.outline.sizes
        self.steps = Steps(one.graph)
        self.values: dict[Value, ast.expr] = {}
        self._forms: dict[tuple[str, ...], str] = {}
        self.dims: dict[Dim, ast.expr] = {}

    # -- the whole -----------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[Line]:
        """The `def` line and the body."""
        statements = self.steps.statements(lambda node: len(text(self._expression(node))))
        returned = self._returned(statements)
        parameters = self._name(statements, returned)
        given = [SELF, *(f"{word}: {kind}" for word, kind in parameters)]
        result = "Tensor" if self.graph.single_output is not None else "dict[str, Tensor]"
        yield from definition("forward", given, result, self.graph.span)
        for left, right in self.sizes.statements(self.values, self.dims):
            yield from render(f"{left} = ", right, INDENT, self.graph.span, Marks())
        shown = self.shapes.of(self.graph.inputs[0]) if self.graph.inputs else ""
        in_training = False
        for node in statements:
            if node in self.steps.training and not in_training:
                yield Line(f"{' ' * INDENT}if self.training:", node.span)
            in_training = node in self.steps.training
            main = main_result(node, self.steps.uses)
            shape = self.shapes.of(main) if main is not None else shown
            said = len(statements) == 1 and node is returned  # by the docstring
            comment = "" if shape == shown or UNSAID in shape or said else shape
            shown = shape
            head = "return " if node is returned else f"{targets(node, self.values)} = "
            lines = self._statement(head, node, INDENT + 4 if in_training else INDENT)
            yield from _commented(lines, comment) if comment else lines
        if returned is None:
            yield from self._returns()

    def _statement(self, head: str, node: Node, indent: int) -> list[Line]:
        """Most steps are a call on variables alone and fit into a line."""
        plain = self.plain_call(node)
        flat = f"{' ' * indent}{head}{plain}"
        if plain and len(flat) <= WIDTH:
            return [Line(flat, node.span)]
        return render(head, self._expression(node), indent, node.span, Marks())

    def _returned(self, statements: Sequence[Node]) -> Node | None:
        """The last statement, where its value is all that comes out."""
        output = self.graph.single_output
        if output is None or not statements or statements[-1].results != (output,) or inside(statements[-1], name("_")):
            return None
        return statements[-1] if self.steps.uses[output] == 1 else None

    def _returns(self) -> Iterator[Line]:
        if self.graph.single_output is not None:
            yield from render("return ", self._value(self.graph.single_output), INDENT, self.graph.span, Marks())
            return
        every = {k: self._value(v) for k, v in self.graph.outputs.items()}
        always = {k: v for k, v in every.items() if k not in self.graph.train_only}
        if self.graph.train_only:
            yield Line(f"{' ' * INDENT}if self.training:", self.graph.span)
            yield from render("return ", _dict(every), INDENT + 4, self.graph.span, Marks())
        yield from render("return ", _dict(always), INDENT, self.graph.span, Marks())

    # -- variables -----------------------------------------------------------------------------------------------------

    def _name(self, statements: Sequence[Node], returned: Node | None) -> list[tuple[str, str]]:
        """Chooses all variables. Gives the parameters of `forward` with their types."""
        reads = [self.steps.leaves(n) for n in statements]
        last = {v: i for i, read in enumerate(reads) for v in read}
        if returned is None:
            last |= dict.fromkeys(self.graph.outputs.values(), len(statements))
        inputs = [Variable((v,), (v.name,), BEFORE, last.get(v, BEFORE), is_input=True) for v in self.graph.inputs]
        made = [v for i, node in enumerate(statements) for v in variables(node, i, last)]
        names = Names(SPOKEN)
        passed = [(size(s), names.claim(snake_case(s.name), "size")) for s in self.sizes.passed]
        local = [(d, names.claim(*map(snake_case, _size_words(d)), "size")) for d in self.sizes.reads]
        name_variables(inputs, made, reads, names)
        self.dims = {d: name(word) for d, word in (*passed, *local)}
        words = {v.name: name(v.name) for v in (*inputs, *made)}
        self.values = {value: words[v.name] for v in (*inputs, *made) for value in v.values}
        for node in statements:
            if not is_single(node):
                self.values |= inside(node, self.values.get(node.results[0], name("_")))
        return [(v.name, "Tensor") for v in inputs] + [(word, "int") for _, word in passed]

    # -- expressions ---------------------------------------------------------------------------------------------------

    def plain_call(self, node: Node) -> str:
        """`self.conv(x)`, `F.relu(x)`, `torch.flatten(x, 1)`: an op called on variables and constants, where nothing can vary
        between the instances of the class; any other call is "". A form is written once, and then filled in."""
        op = node.target
        if not isinstance(op, OpDef) or node.shares is not None:
            return ""
        is_module = op.form == "module"
        if is_module and not is_attribute(node.name):
            return ""
        if self.one.parameters and (op.calls or not is_module):
            return ""
        words: list[str] = []
        form: list[str] = [op.name]
        for word, operand in node.operands.items():
            if isinstance(operand, Value):
                variable = self.values.get(operand)
                if not isinstance(variable, ast.Name):
                    return ""
                words.append(variable.id)
                form.append(word)
            elif _is_constant(operand):
                form.append(f"{word}={operand!r}")
            else:
                return ""
        if not words:  # what makes tensors of nothing must be told where
            return ""
        known = self._forms.get(tuple(form))
        if known is None:
            known = self._forms[tuple(form)] = self._form(node, op)
        return known.format(node.name, *words)

    def _form(self, node: Node, op: OpDef) -> str:
        """For `str.format` with the node's name and its variables: `self.{0}({1})`, `{1} + {2}`."""
        is_module = op.form == "module"
        given = self._operands(node, op, (node.name, "call") if is_module else (node.name,))
        variables = [word for word, operand in node.operands.items() if isinstance(operand, Value)]
        given |= {word: ast.Name(f"{{{i}}}") for i, word in enumerate(variables, 1)}
        return text(call_module(op, ast.Name("self.{0}"), given) if is_module else invoke(op, given, None))

    def _expression(self, node: Node) -> ast.expr:
        target = node.target
        if isinstance(target, Graph):
            handed = [self._size(node.sizes.get(s, size(s))) for s in self.plan.structures.outline(target).sizes.passed]
            return call(self._module(node), [*map(self._value, node.inputs), *handed])
        assert isinstance(target, OpDef), "a stored tensor is no step"
        if target.form == "module":
            return call_module(target, self._module(node), self._operands(node, target, (node.name, "call")))
        device = None
        if needs_device(node) and self.graph.inputs:
            device = attribute(self._value(self.graph.inputs[0]), "device")
        return invoke(target, self._operands(node, target, (node.name,)), device)

    def _operands(self, node: Node, op: OpDef, path: Path) -> dict[str, ast.expr]:
        return Operands(self.one, self._value, self._size, self._formula).of(node, op, path)

    def _module(self, node: Node) -> ast.expr:
        if node.shares is not None:
            return module_at(self.plan, self.graph, node.shares)
        return member(name(SELF), node.name)

    def _value(self, value: Value) -> ast.expr:
        if value in self.steps.folded:
            return self._expression(self.steps.folded[value])
        if value in self.steps.stored:
            return member(name(SELF), self.steps.stored[value].name)
        return self.values.get(value) or ast.Name("value")  # not yet named while lengths are estimated

    def _size(self, d: int | Dim) -> ast.expr:
        if not self.dims and isinstance(d, Dim):
            return ast.Name(str(d))  # not yet named while lengths are estimated
        return self.sizes.expression(d, self.dims)

    def _formula(self, path: Path) -> ast.expr:
        """A constant's formula, with parameters of the constructor read from the module."""
        formula = self.one.formula(path)
        return _FromSelf(self.one.attributes).visit(copy.deepcopy(formula)) if self.one.varies(path) else formula


class _FromSelf(ast.NodeTransformer):
    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return attribute(name(SELF), self.attributes[node.id]) if node.id in self.attributes else node


def _is_constant(operand: Operand) -> bool:
    if isinstance(operand, tuple):
        return all(map(_is_constant, operand))
    if isinstance(operand, str):
        return "{" not in operand and "}" not in operand  # both mean something to `str.format`
    return operand is None or type(operand) in (bool, int, float)


def _dict(items: dict[str, ast.expr]) -> ast.expr:
    return ast.Dict([literal(k) for k in items], list(items.values()))


def _size_words(d: Dim) -> list[str]:
    symbols = sorted({s.name for s in d.symbols})
    return symbols if d.symbol is not None else [*symbols[:1], f"{symbols[0]}_in"]


def _commented(lines: list[Line], comment: str) -> list[Line]:
    """The output's shape after the statement's last line, where it fits and the statement does not say it."""
    last = lines[-1]
    if comment[1:-1] not in last.text and len(last.text) + len(comment) + 4 <= COMMENT_WIDTH:
        lines[-1] = Line(f"{last.text}  # {comment}", last.span)
    return lines

"""`forward`: straight-line code in the order of the schedule.

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)  # (B, 64, H, W)
        out = F.relu(self.bn1(out))   parts of one expression stand in one statement
        return F.relu(out + x)

Values that only a `mode: train` output needs are computed under `if self.training:`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from nnc.compiler.backends.torch.calls import SELF, call_module, invoke
from nnc.compiler.backends.torch.classes import ClassPlan, Plan
from nnc.compiler.backends.torch.naming import SPOKEN, Names, snake_case
from nnc.compiler.backends.torch.paths import module_at
from nnc.compiler.backends.torch.rules import RULES, Pattern
from nnc.compiler.backends.torch.shapes import UNSAID, ShapeText
from nnc.compiler.backends.torch.structure import Path, freeze
from nnc.compiler.backends.torch.syntax import (
    Line,
    Marks,
    attribute,
    binary,
    call,
    index,
    literal,
    member,
    name,
    render,
    text,
)
from nnc.compiler.backends.torch.variables import BEFORE, Variable, name_variables
from nnc.compiler.graph.ir import Graph, Node, Operand, Stored, Value
from nnc.compiler.ops.registry import REQUIRED, OpDef
from nnc.compiler.types.dim import Dim, size

__all__ = ["Forward"]

INDENT = 8
LONG = 88  # columns of an expression, above which its parts become statements of their own
DEEP = 10  # calls inside one another
COMMENT_WIDTH = 110


class Forward:
    """Writes the `forward` of one class."""

    def __init__(self, plan: Plan, one: ClassPlan, shapes: ShapeText) -> None:
        self.plan, self.one, self.shapes = plan, one, shapes
        self.graph = one.graph
        self.sizes = one.outline.sizes
        self.values: dict[Value, ast.expr] = {}
        self.dims: dict[Dim, ast.expr] = {}
        self.folded: dict[Value, Node] = {}
        self._stored = {n.results[0]: n for n in self.graph.nodes if isinstance(n.target, Stored)}
        self._steps = [n for n in self.graph.schedule if not isinstance(n.target, Stored)]
        self._read = {v for n in self._steps for v in n.inputs} | set(self.graph.outputs.values())
        self._training = self._only_in_training()
        self._own = {p.name for p in one.parameters}

    # -- the whole -----------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[Line]:
        """The `def` line and the body."""
        statements = self._statements()
        returned = self._returned(statements)
        parameters = self._name(statements, returned)
        given = ", ".join([SELF, *(f"{word}: {kind}" for word, kind in parameters)])
        result = "Tensor" if self.graph.single_output is not None else "dict[str, Tensor]"
        yield Line(f"    def forward({given}) -> {result}:", self.graph.span)
        yield from self._size_reads()
        shown = self.shapes.of(self.graph.inputs[0]) if self.graph.inputs else ""
        in_training = False
        for node in statements:
            region = node in self._training
            if region and not in_training:
                yield Line(f"{' ' * INDENT}if self.training:", node.span)
            in_training = region
            main = self._main(node)
            shape = self.shapes.of(main) if main is not None else shown
            said = len(statements) == 1 and node is returned  # by the docstring
            comment = "" if shape == shown or UNSAID in shape or said else shape
            shown = shape
            indent = INDENT + 4 if region else INDENT
            head = "return " if node is returned else f"{self._targets(node)} = "
            yield from _commented(render(head, self._expression(node), indent, node.span, Marks()), comment)
        if returned is None:
            yield from self._returns()

    def _only_in_training(self) -> set[Node]:
        """Steps whose results reach no output but `mode: train` ones."""
        if not self.graph.train_only:
            return set()
        needed = {v for k, v in self.graph.outputs.items() if k not in self.graph.train_only}
        always: set[Node] = set()
        for node in reversed(self._steps):
            # A step that nothing reads still runs, as its author wrote it.
            if needed.intersection(node.results) or self._read.isdisjoint(node.results):
                always.add(node)
                needed.update(node.inputs)
        return set(self._steps) - always

    # -- statements ----------------------------------------------------------------------------------------------------

    def _statements(self) -> list[Node]:
        """The steps that become statements: parts of an expression that are used once, in the statement that follows,
        are folded into it. The order of evaluation stays that of the schedule."""
        uses: dict[Value, int] = {}
        for value in (*(v for n in self._steps for v in n.inputs), *self.graph.outputs.values()):
            uses[value] = uses.get(value, 0) + 1
        statements: list[Node] = []
        pending: list[Node] = []
        depth: dict[Node, int] = {}
        for node in self._steps:
            wanted = [v for v in node.inputs if any(v in p.results for p in pending)]
            makers = pending[len(pending) - len(wanted) :]
            deepest = max((depth[m] for m in makers), default=0)
            if (
                wanted
                and wanted == [m.results[0] for m in makers]
                and deepest < DEEP
                and self._same_region(node, makers)
            ):
                self.folded |= {m.results[0]: m for m in makers}
                del pending[len(pending) - len(wanted) :]
                depth[node] = deepest + 1
            else:
                depth[node] = 1
                if wanted:
                    statements += pending
                    pending.clear()
            if self._is_part(node, uses):
                pending.append(node)
            else:
                statements += [*pending, node]
                pending.clear()
        return [part for node in (*statements, *pending) for part in self._unfolded(node)]

    @staticmethod
    def _is_part(node: Node, uses: dict[Value, int]) -> bool:
        single = len(node.results) == 1 and node.results[0].name == node.name and uses.get(node.results[0]) == 1
        return not node.named and single and isinstance(node.target, OpDef) and node.target.form == "function"

    def _same_region(self, node: Node, makers: Sequence[Node]) -> bool:
        return all((m in self._training) == (node in self._training) for m in makers)

    def _unfolded(self, node: Node) -> list[Node]:
        """A statement that would be too long is written as several."""
        parts = [self.folded[v] for v in node.inputs if v in self.folded]
        if not parts or len(text(self._expression(node))) <= LONG:
            return [node]
        for part in parts:
            del self.folded[part.results[0]]
        return [*(p for part in parts for p in self._unfolded(part)), node]

    def _returned(self, statements: Sequence[Node]) -> Node | None:
        """The last statement, where its value is all that comes out."""
        output = self.graph.single_output
        if output is None or not statements or statements[-1].results != (output,) or not _is_plain(statements[-1]):
            return None
        return statements[-1] if all(output not in n.inputs for n in self._steps) else None

    # -- variables -----------------------------------------------------------------------------------------------------

    def _name(self, statements: Sequence[Node], returned: Node | None) -> list[tuple[str, str]]:
        """Chooses all variables. Gives the parameters of `forward` with their types."""
        reads = [list(dict.fromkeys(self._leaves(n))) for n in statements]
        last = {v: i for i, read in enumerate(reads) for v in read}
        end = len(statements)
        last |= dict.fromkeys((v for v in self.graph.outputs.values() if returned is None), end)
        inputs = [Variable((v,), (v.name,), BEFORE, last.get(v, BEFORE), is_input=True) for v in self.graph.inputs]
        made = [v for i, node in enumerate(statements) for v in self._variables(node, i, last)]
        names = Names(SPOKEN)
        passed = [(size(s), names.claim(snake_case(s.name), "size")) for s in self.sizes.passed]
        local = [(d, names.claim(*map(snake_case, _size_words(d)), "size")) for d in self.sizes.reads]
        name_variables(inputs, made, reads, names)
        self.dims = {d: name(word) for d, word in (*passed, *local)}
        for variable in (*inputs, *made):
            for value in variable.values:
                self.values[value] = name(variable.name)
        for node in statements:
            self._parts_of(node)
        return [(v.name, "Tensor") for v in inputs] + [(word, "int") for _, word in passed]

    def _leaves(self, node: Node) -> Iterator[Value]:
        """The values that a statement reads from variables, in order."""
        for value in node.inputs:
            if value in self.folded:
                yield from self._leaves(self.folded[value])
            elif value not in self._stored:
                yield value
        if self._needs_device(node) and self.graph.inputs:
            yield self.graph.inputs[0]

    @staticmethod
    def _needs_device(node: Node) -> bool:
        return isinstance(node.target, OpDef) and node.target.family == "constructor" and not node.inputs

    def _variables(self, node: Node, at: int, last: dict[Value, int]) -> list[Variable]:
        """What a statement's targets hold. A result that nothing reads gets no variable."""
        used = [v for v in node.results if v in last]
        end = max((last[v] for v in used), default=at)
        if _is_plain(node) and self._pattern(node) is None:
            return [Variable(node.results, (node.name,), at, end)]
        if self._pattern(node) is None:
            return [Variable(node.results, (node.name,), at, end, passable=False)]
        parts = [(v, v.name.rpartition(".")[2]) for v in used]
        first = None if _is_plain(node) else node.results[0]
        return [Variable((v,), (part, f"{node.name}_{part}"), at, last[v], v is first) for v, part in parts]

    def _pattern(self, node: Node) -> Pattern | None:
        """How a layer's named results are unpacked; None where one object holds them."""
        if not isinstance(node.target, OpDef):
            return None
        return RULES[node.target.name].results or (node.explicit or None)

    def _parts_of(self, node: Node) -> None:
        """`parts[0]`, `out["logits"]`: results that one variable holds together."""
        if _is_plain(node) or self._pattern(node) is not None:
            return
        for i, value in enumerate(node.results):
            key = literal(node.explicit[i]) if node.explicit else i
            self.values[value] = index(self.values[value], key)

    def _targets(self, node: Node) -> str:
        pattern = self._pattern(node)
        if pattern is None:
            return text(self._holder(node))
        held = {v.name.rpartition(".")[2]: v for v in node.results}
        if _is_plain(node):
            held = {str(pattern[0]): node.results[0]}
        return self._unpacked(pattern, held).removeprefix("(").removesuffix(")")

    def _unpacked(self, pattern: Pattern, held: dict[str, Value]) -> str:
        words = []
        for part in pattern:
            if isinstance(part, tuple):
                inner = self._unpacked(part, held)
                words.append("_" if set(inner) <= set("(_, )") else inner)
            else:
                value = held.get(part)
                words.append(text(self.values[value]) if value is not None and value in self.values else "_")
        return f"({words[0]},)" if len(words) == 1 else f"({', '.join(words)})"

    def _holder(self, node: Node) -> ast.expr:
        found = self.values[node.results[0]]
        return found.value if isinstance(found, ast.Subscript) else found

    def _main(self, node: Node) -> Value | None:
        """The value whose shape a comment tells: the first that is read."""
        if _is_plain(node):
            return node.results[0]
        held = (v for v in node.results if v in self._read) if self._pattern(node) is not None else iter(())
        return next(held, None)

    # -- sizes ---------------------------------------------------------------------------------------------------------

    def _size_reads(self) -> Iterator[Line]:
        """`B, _, H, W = x.shape`, or `B = x.shape[0]` for a single one."""
        by_value: dict[Value, list[Dim]] = {}
        for d, read in self.sizes.reads.items():
            by_value.setdefault(read.value, []).append(d)
        for value, dims in by_value.items():
            shape = attribute(self.values[value], "shape")
            whole = {
                self.sizes.reads[d].axis: d
                for d in dims
                if _is_whole(self.sizes.reads[d].scale, self.sizes.reads[d].offset)
            }
            if len(whole) > 1:
                words = [text(self.dims[whole[i]]) if i in whole else "_" for i in range(value.type.rank)]
                yield Line(f"{' ' * INDENT}{', '.join(words)} = {text(shape)}", self.graph.span)
                dims = [d for d in dims if d not in whole.values()]
            for d in dims:
                read = self.sizes.reads[d]
                found = index(shape, read.axis)
                if read.offset:
                    found = binary("-" if read.offset > 0 else "+", found, literal(abs(read.offset)))
                if read.scale != 1:
                    found = binary("//", found, literal(read.scale))
                yield Line(f"{' ' * INDENT}{text(self.dims[d])} = {text(found)}", self.graph.span)

    # -- expressions ---------------------------------------------------------------------------------------------------

    def _expression(self, node: Node) -> ast.expr:
        target = node.target
        if isinstance(target, Graph):
            handed = [self._size(node.sizes.get(s, size(s))) for s in self.plan.structures.outline(target).sizes.passed]
            return call(self._module(node), [*map(self._value, node.inputs), *handed])
        assert isinstance(target, OpDef), "a stored tensor is no step"
        if target.form == "module":
            return call_module(target, self._module(node), self._operands(node, target, (node.name, "call")))
        device = None
        if self._needs_device(node) and self.graph.inputs:
            device = attribute(self._value(self.graph.inputs[0]), "device")
        return invoke(target, self._operands(node, target, (node.name,)), device)

    def _module(self, node: Node) -> ast.expr:
        if node.shares is not None:
            return module_at(self.plan, self.graph, node.shares)
        return member(name(SELF), node.name)

    def _operands(self, node: Node, op: OpDef, path: Path) -> dict[str, ast.expr]:
        """What the call is given; what has torch's default is left out."""
        given = {}
        for argument in (*op.inputs, *op.calls, *op.arguments):
            here = (*path, argument.name)
            constant = self.one.outline.constants.get(here)
            formula = self._formula(here) if constant is not None else None
            is_default = (
                constant is not None
                and constant.default is not REQUIRED
                and freeze(constant.value) == freeze(constant.default)
            )
            if is_default and not self._varies(here):
                continue
            if argument.name in node.operands:
                given[argument.name] = self._operand(node.operands[argument.name], here, argument.kind.tensor)
            elif formula is not None:
                given[argument.name] = formula
        return given

    def _operand(self, operand: Operand, path: Path, tensors: bool = False) -> ast.expr:
        if isinstance(operand, Value):
            return self._value(operand)
        if isinstance(operand, Dim):
            return self._size(operand)
        if path in self.one.formulas:
            return self._formula(path)
        if isinstance(operand, slice):
            ends = (operand.start, operand.stop, operand.step)
            parts = [self._operand(o, (*path, i)) for i, o in enumerate(ends)]
            return ast.Slice(*(None if isinstance(p, ast.Constant) and p.value is None else p for p in parts))
        assert isinstance(operand, tuple | list)
        items = [self._operand(o, (*path, i)) for i, o in enumerate(operand)]
        is_list = tensors and all(isinstance(o, Value) for o in operand)
        return ast.List(items) if is_list else ast.Tuple(items)

    def _value(self, value: Value) -> ast.expr:
        if value in self.folded:
            return self._expression(self.folded[value])
        if value in self._stored:
            return member(name(SELF), self._stored[value].name)
        return self.values.get(value) or ast.Name("value")  # not yet named while lengths are estimated

    def _size(self, d: int | Dim) -> ast.expr:
        if not self.dims and isinstance(d, Dim):
            return ast.Name(str(d))  # not yet named while lengths are estimated
        return self.sizes.expression(d, self.dims)

    def _formula(self, path: Path) -> ast.expr:
        """A constant's formula, with parameters of the constructor read from the module."""
        formula = self.one.formulas[path]
        return _FromSelf(self.one.attributes).visit(copy.deepcopy(formula)) if self._varies(path) else formula

    def _varies(self, path: Path) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self._own for n in ast.walk(self.one.formulas[path]))

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _returns(self) -> Iterator[Line]:
        outputs = self.graph.outputs
        if self.graph.single_output is not None:
            yield from render("return ", self._value(self.graph.single_output), INDENT, self.graph.span, Marks())
            return
        always = {k: self._value(v) for k, v in outputs.items() if k not in self.graph.train_only}
        if self.graph.train_only:
            every = {k: self._value(v) for k, v in outputs.items()}
            yield Line(f"{' ' * INDENT}if self.training:", self.graph.span)
            yield from render("return ", _dict(every), INDENT + 4, self.graph.span, Marks())
        yield from render("return ", _dict(always), INDENT, self.graph.span, Marks())


class _FromSelf(ast.NodeTransformer):
    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return attribute(name(SELF), self.attributes[node.id]) if node.id in self.attributes else node


def _dict(items: dict[str, ast.expr]) -> ast.expr:
    return ast.Dict([literal(k) for k in items], list(items.values()))


def _is_plain(node: Node) -> bool:
    """Whether the call gives one tensor rather than several results in one object."""
    return len(node.results) == 1 and node.results[0].name == node.name


def _is_whole(scale: int, offset: int) -> bool:
    return (scale, offset) == (1, 0)


def _size_words(d: Dim) -> list[str]:
    symbols = sorted({s.name for s in d.symbols})
    return symbols if d.symbol is not None else [*symbols[:1], f"{symbols[0]}_in"]


def _commented(lines: list[Line], comment: str) -> list[Line]:
    """The output's shape after the statement's last line, where it fits and the statement does not say it."""
    last = lines[-1]
    if comment and comment[1:-1] not in last.text and len(last.text) + len(comment) + 4 <= COMMENT_WIDTH:
        lines[-1] = Line(f"{last.text}  # {comment}", last.span)
    return lines

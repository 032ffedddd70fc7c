"""`__init__`: what a module owns, in file order, which is the order of `state_dict`.

self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
self.layer1 = nn.Sequential(
    BottleneckDownsample(64, 64),
    *(Bottleneck(256, 64) for _ in range(2)),
)
self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nnc.compiler.backends.torch.calls import SELF, construct, invoke
from nnc.compiler.backends.torch.classes import ClassPlan, Plan
from nnc.compiler.backends.torch.describe import Path, is_default, settings_of
from nnc.compiler.backends.torch.freezing import freeze_lines
from nnc.compiler.backends.torch.initialize import Initialization
from nnc.compiler.backends.torch.operands import Operands
from nnc.compiler.backends.torch.paths import owner_and_name
from nnc.compiler.backends.torch.structure import Outline, Run
from nnc.compiler.backends.torch.syntax import (
    WIDTH,
    Line,
    Marks,
    attribute,
    call,
    dotted,
    is_attribute,
    literal,
    member,
    name,
    numbered,
    render,
    text,
)
from nnc.compiler.diagnostics import Span
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.schema.names import RESERVED_NAMES
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType

__all__ = ["Constructor"]

INDENT = 8
FEWEST_COUNTED = 3  # as many identical layers become `*(… for _ in range(n))`
FEWEST_OPENED = 3  # layers of a Sequential that stand on lines of their own even if they would fit into one
MOST_BY_POSITION = 2  # arguments of our own classes


class Constructor:
    """Writes the `__init__` of one class."""

    def __init__(self, plan: Plan, one: ClassPlan) -> None:
        self.plan, self.one = plan, one
        self.marks = Marks()
        self._layers: dict[int, tuple[str, ast.expr]] = {}

    def lines(self) -> Iterator[Line]:
        """The body, `super().__init__()` first."""
        graph = self.one.graph
        if self.one.outline.runs is not None:
            items = list(self._items(graph, self.one.outline, ()))
            yield from self._statement("", self._opened(call(_super(), items)), graph.span)
            yield from Initialization(self.plan, self.one).lines()
            yield from freeze_lines(self.plan, graph)
            return
        yield Line(" " * INDENT + "super().__init__()", graph.span)
        for word, attribute_name in self.one.attributes.items():
            yield Line(f"{' ' * INDENT}self.{attribute_name} = {name(word).id}", graph.span)
        for node in graph.nodes:
            if node.registers:
                yield from self._register(node)
        yield from Initialization(self.plan, self.one).lines()
        for target, source in graph.ties:
            yield from self._tie(target, source)
        yield from freeze_lines(self.plan, graph)

    def _statement(self, head: str, node: ast.expr, span: Span) -> list[Line]:
        return render(head, node, INDENT, span, self.marks)

    # -- what is registered --------------------------------------------------------------------------------------------

    def _register(self, node: Node) -> list[Line]:
        if node.name in RESERVED_NAMES or "." in node.name or not node.name:
            raise ValueError(f"{node.name!r} cannot be the name of a submodule: nn.Module has it, or torch refuses it")
        if isinstance(node.target, Stored):
            return self._store(node, node.target)
        plain = self.plain_layer(node)
        flat = f"{' ' * INDENT}self.{node.name} = {plain}"
        if plain and len(flat) <= WIDTH and is_attribute(node.name):
            return [Line(flat, node.span)]
        return self._assign(node, self._module(node, (node.name,)), "add_module")

    def plain_layer(self, node: Node) -> str:
        """`nn.Linear(8, 8)`: a layer of torch's, where nothing varies between the instances of the class; any other is ""."""
        return self._written(node, node.target)[0] if isinstance(node.target, OpDef) and not self.one.parameters else ""

    def _assign(self, node: Node, made: ast.expr, register: str) -> list[Line]:
        """`self.conv1 = …`, or `self.add_module("block1-0", …)`."""
        if is_attribute(node.name):
            return self._statement(f"self.{node.name} = ", made, node.span)
        return self._statement("", call(attribute(name(SELF), register), [literal(node.name), made]), node.span)

    def _store(self, node: Node, stored: Stored) -> list[Line]:
        initial = self._initial(stored, (node.name,))
        if stored.kind == "buffer":
            keywords = {} if stored.persistent else {"persistent": literal(False)}
            made = call(attribute(name(SELF), "register_buffer"), [literal(node.name), initial], keywords)
            return self._statement("", made, node.span)
        keywords = {} if stored.requires_grad else {"requires_grad": literal(False)}
        made = call(dotted("nn.Parameter"), [initial], keywords)
        return self._assign(node, made, "register_parameter")

    def _initial(self, stored: Stored, path: Path) -> ast.expr:
        """The constructor calls folded into one expression; without any, zeros."""
        if not stored.initial:
            shape = self._formula((*path, "shape"))
            sizes = shape.elts if isinstance(shape, ast.Tuple) else [ast.Starred(shape)]
            keywords = {} if stored.type.dtype is DType.float32 else {"dtype": literal(stored.type.dtype)}
            return call(dotted("torch.zeros"), sizes or [shape], keywords)
        made: dict[Value, ast.expr] = {}
        operands = Operands(self.one, made.__getitem__, _known, self._formula)
        for i, node in enumerate(stored.initial):
            assert isinstance(node.target, OpDef)
            made[node.results[0]] = invoke(node.target, operands.of(node, node.target, (*path, "initial", i)), None)
        return made[stored.initial[-1].results[0]]

    def _tie(self, target: str, source: str) -> list[Line]:
        owner, word = owner_and_name(self.plan, self.one.graph, target)
        kept, kept_word = owner_and_name(self.plan, self.one.graph, source)
        value = member(kept, kept_word)
        if is_attribute(word):
            return self._statement(f"{ast.unparse(attribute(owner, word))} = ", value, self.one.graph.span)
        return self._statement("", call(name("setattr"), [owner, literal(word), value]), self.one.graph.span)

    # -- modules as expressions ----------------------------------------------------------------------------------------

    def _module(self, node: Node, path: Path) -> ast.expr:
        if isinstance(node.target, OpDef):
            made = self._layer(node, node.target, path)
        else:
            assert isinstance(node.target, Graph)
            made = self._graph(node.target, path)
        self.marks.spans[made] = node.span
        return made

    def _layer(self, node: Node, op: OpDef, path: Path) -> ast.expr:
        if self.one.parameters:
            given = {a.name: (*path, a.name) for a in op.arguments if self.one.has((*path, a.name))}
            settings = {word: self._formula(here) for word, here in given.items()}
            return construct(op, settings, {word for word, here in given.items() if self.one.is_default(here)})
        words, tree = self._written(node, op)
        made = ast.Name(words)
        self.marks.trees[made] = tree
        return made

    def _written(self, node: Node, op: OpDef) -> tuple[str, ast.expr]:
        """Where nothing varies, layers with the same settings are written the same: what the first of them was written as."""
        alike = self.plan.structures.alike(node)
        known = self._layers.get(alike)
        if known is None:
            given = list(settings_of(node, op))
            settings = {argument.name: literal(value) for argument, value in given}
            defaults = {argument.name for argument, value in given if is_default(value, argument.default)}
            tree = construct(op, settings, defaults)
            known = self._layers[alike] = (text(tree), tree)
        return known

    def _formula(self, path: Path) -> ast.expr:
        return self.one.formula(path)

    def _graph(self, graph: Graph, path: Path) -> ast.expr:
        outline = self.plan.structures.outline(graph)
        if outline.form == "class":
            return self._instance(graph, path)
        if outline.runs is not None:
            items = list(self._items(graph, outline, path))
            return self._opened(call(dotted("nn.Sequential"), items))
        named = ast.List(list(self._named(graph, path)))
        if len(named.elts) == 1 and isinstance(named.elts[0], ast.Starred):
            return call(dotted("nn.Sequential"), [call(name("OrderedDict"), [_as_dict(named.elts[0])])])
        if len(named.elts) >= FEWEST_OPENED:
            self.marks.opened.add(named)
        return call(dotted("nn.Sequential"), [call(name("OrderedDict"), [named])])

    def _named(self, graph: Graph, path: Path) -> Iterator[ast.expr]:
        """Pairs of name and module; identical modules whose names count are `*((f"layer{i}", Layer()) for i in …)`."""
        made = [self._module(n, (*path, n.name)) for n in graph.nodes]
        for first, last in _counted([n.name for n in graph.nodes], [text(m) for m in made]):
            if last - first + 1 < FEWEST_COUNTED:
                for i in range(first, last + 1):
                    yield self._pair(literal(graph.nodes[i].name), made[i])
                continue
            prefix, number = _counter(graph.nodes[first].name)
            turns = [number, number + last - first + 1]
            loop = ast.comprehension(
                name("i"), call(name("range"), map(literal, turns if number else turns[1:])), [], 0
            )
            yield ast.Starred(ast.GeneratorExp(self._pair(numbered(prefix, "i"), made[first]), [loop]))

    def _pair(self, word: ast.expr, made: ast.expr) -> ast.expr:
        pair = ast.Tuple([word, made])
        self.marks.spans[pair] = self.marks.spans[made]
        return pair

    def _items(self, graph: Graph, outline: Outline, path: Path) -> Iterator[ast.expr]:
        """Children of a Sequential; several identical ones are counted."""
        for run in outline.runs or ():
            here = (*path, run.node.name)
            times = self._times(run, path)
            if isinstance(times, int) and times < FEWEST_COUNTED:
                yield from (self._module(run.node, here) for _ in range(times))
                continue
            count = literal(times) if isinstance(times, int) else times
            turns = ast.comprehension(name("_"), call(name("range"), [count]), [], 0)
            yield ast.Starred(ast.GeneratorExp(self._module(run.node, here), [turns]))

    def _times(self, run: Run, path: Path) -> int | ast.expr:
        """How many layers a run is in every instance; a formula where they differ."""
        if not self.one.parameters:
            return run.times
        count = self._formula((*path, *run.path))
        return count.value if isinstance(count, ast.Constant) and isinstance(count.value, int) else count

    def _opened(self, made: ast.Call) -> ast.Call:
        if len(made.args) >= FEWEST_OPENED:
            self.marks.opened.add(made)
        return made

    def _instance(self, graph: Graph, path: Path) -> ast.expr:
        """`Bottleneck(256, 64)`: an instance of a class of ours."""
        of = self.plan.of(graph)
        if len(self.one.instances) == 1:
            given = [(word, literal(value)) for word, value in of.arguments(graph).items()]
        else:
            given = [(p.name, self._formula((*path, p.name))) for p in of.parameters]
        by_position = MOST_BY_POSITION
        return call(name(of.name), [v for _, v in given[:by_position]], dict(given[by_position:]))


def _known(d: Dim) -> ast.expr:
    raise AssertionError(f"a stored tensor starts from known sizes, {d} is free")


def _as_dict(pairs: ast.Starred) -> ast.expr:
    """`{f"layer{i}": Layer() for i in range(12)}` of `*((f"layer{i}", Layer()) for i in range(12))`."""
    assert isinstance(pairs.value, ast.GeneratorExp)
    assert isinstance(pairs.value.elt, ast.Tuple)
    word, made = pairs.value.elt.elts
    return ast.DictComp(word, made, pairs.value.generators)


def _counter(word: str) -> tuple[str, int]:
    """`encoder_layer_3` is `encoder_layer_` and 3; a name that counts nothing has -1."""
    digits = word[len(word.rstrip("0123456789")) :]
    plain = digits.isascii() and digits and str(int(digits)) == digits
    return (word.removesuffix(digits), int(digits)) if plain else (word, -1)


def _counted(words: Sequence[str], made: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of equal modules whose names count on, as first and last place."""
    first = 0
    for i in range(1, len(words) + 1):
        if i < len(words) and made[i] == made[first] and _counter(words[i - 1])[1] >= 0:
            prefix, number = _counter(words[i - 1])
            if _counter(words[i]) == (prefix, number + 1):
                continue
        if first < len(words):
            yield first, i - 1
        first = i


def _super() -> ast.expr:
    return attribute(call(name("super")), "__init__")

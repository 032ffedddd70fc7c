"""What a network is made of, in numbers: a tree of its layers with output shapes, parameters and multiply-adds.

A module that is called again, and a parameter tied to another, count once: parameters of the rows add up to the total.
Multiply-adds count every call, as `torch.utils.flop_counter` does (its flops ÷ 2), for the forward pass in eval mode: what a
head costs that runs in training alone stands in its row, and in no sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from nnc.compiler.graph.initial import Freeze
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.graph.outside import Sizes, sizes_inside, type_outside
from nnc.compiler.graph.owned import owned_by
from nnc.compiler.graph.repeats import Structures
from nnc.compiler.graph.text import clip, span
from nnc.compiler.graph.training import only_in_training
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.types.dim import Dim, DimLike, Symbol, substitute, symbols
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from nnc.compiler.types.typeset import typeset

__all__ = ["Row", "Summary", "as_json", "as_text", "summarize"]

BYTES: Mapping[DType, int] = {
    DType.bool: 1, DType.uint8: 1, DType.int8: 1, DType.int16: 2, DType.int32: 4, DType.int64: 8, DType.float16: 2,
    DType.bfloat16: 2, DType.float32: 4, DType.float64: 8, DType.complex64: 8, DType.complex128: 16,
}  # fmt: skip

Macs = DimLike | None
"""Multiply-adds: a number, an expression over free dimensions, or None where that would be too long to keep."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry, or `times` equal ones standing in a row, of which the numbers are those of each.

    path        the dotted path, as in state_dict; of several entries the first's
    last        of several entries the last one's name
    depth       1 for the outermost entries
    outputs     what comes out, by result name; "" for the only one
    own         parameters that the entry itself registers; `parameters` includes those of the entries inside it
    trainable   how many of `parameters` training changes
    shares      the path of the module that this entry calls again, parameters and all
    """

    path: str
    depth: int
    type: str
    outputs: Mapping[str, TensorType]
    own: int
    parameters: int
    trainable: int
    macs: Macs
    shares: str | None = None
    times: int = 1
    last: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def frozen(self) -> bool:
        """Whether it has parameters and training changes none of them."""
        return self.parameters > 0 and self.trainable == 0


@dataclass(frozen=True, slots=True)
class Summary:
    """`buffers` is a number of elements, as `parameters` is. `free` names the dimensions that have no size."""

    name: str
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    rows: Sequence[Row]
    parameters: int
    trainable: int
    buffers: int
    parameter_bytes: int
    buffer_bytes: int
    macs: Macs
    free: tuple[str, ...]


@dataclass(slots=True)
class _Totals:
    own: int = 0
    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    macs: Macs = 0

    def include(self, other: _Totals, times: int = 1) -> None:
        self.parameters += other.parameters * times
        self.trainable += other.trainable * times
        self.buffers += other.buffers * times
        self.parameter_bytes += other.parameter_bytes * times
        self.buffer_bytes += other.buffer_bytes * times
        self.macs = _plus(self.macs, other.macs, times)


def summarize(
    graph: Graph, sizes: Mapping[str, int] | None = None, *, expand: bool = False, frozen: Iterable[str] = ()
) -> Summary:
    """The numbers of a graph. `sizes` gives free dimensions a size; `expand` keeps equal entries standing in a row
    apart; `frozen` are further globs, beside those of `freeze:`, over the names of what training leaves alone."""
    given = {Symbol(name): value for name, value in (sizes or {}).items()}
    counter = _Counter(expand, [Freeze(tuple(frozen)), *([graph.freeze] if graph.freeze is not None else [])])
    totals = counter.graph(graph, "", 1, given, counter.tied(graph, ""))
    inputs = {v.name: v.type.substitute(given) for v in graph.inputs}
    free = {s.name for t in inputs.values() for d in t.shape for s in symbols(d)}
    return Summary(
        name=graph.name,
        inputs=inputs,
        outputs={name: v.type.substitute(given) for name, v in graph.outputs.items()},
        rows=counter.rows,
        parameters=totals.parameters,
        trainable=totals.trainable,
        buffers=totals.buffers,
        parameter_bytes=totals.parameter_bytes,
        buffer_bytes=totals.buffer_bytes,
        macs=totals.macs,
        free=tuple(sorted(free)),
    )


class _Counter:
    """Walks a graph in the order of registration; leaves the rows behind."""

    def __init__(self, expand: bool, freezes: Sequence[Freeze]) -> None:
        self.expand, self.freezes = expand, [f for f in freezes if f.globs]
        self.structures = Structures()
        self.rows: list[Row] = []

    def tied(self, graph: Graph, path: str) -> frozenset[str]:
        """Full names of the parameters that a graph's `tie:` makes the same as another."""
        return frozenset(f"{path}{target}" for target, _ in graph.ties)

    def graph(
        self,
        graph: Graph,
        path: str,
        depth: int,
        sizes: Sizes,
        tied: frozenset[str],
        shared: bool = False,
    ) -> _Totals:
        totals = _Totals()
        rare = only_in_training(graph)
        for group in self._groups(graph.nodes, path, tied):
            node, times = group[0], len(group)
            here = f"{path}{node.name}"
            place = len(self.rows)
            one = self._node(node, here, depth, sizes, tied, shared)
            totals.include(replace(one, macs=0) if node in rare else one, times)
            if not self._shown(node, one):
                continue
            outputs = {_result(node, v): type_outside(v.type, sizes) for v in node.results}
            row = Row(here, depth, _type(node), outputs, one.own, one.parameters, one.trainable, one.macs,
                      node.shares, times, group[-1].name if times > 1 else "")  # fmt: skip
            self.rows.insert(place, row)
        return totals

    def _groups(self, nodes: Sequence[Node], path: str, tied: frozenset[str]) -> Iterator[list[Node]]:
        """Equal modules that stand in a row, unless a tie may tell them apart, or what is frozen does."""
        group: list[Node] = []
        for node in nodes:
            if group and (self.expand or tied or not self._equal(group[0], node) or self._differ(group[0], node, path)):
                yield group
                group = []
            group.append(node)
        if group:
            yield group

    def _differ(self, one: Node, other: Node, path: str) -> bool:
        """Whether other parameters of the one are frozen than of the other."""
        if not self.freezes:
            return False
        first, second = ([self._frozen(t.path) for t in owned_by(n, f"{path}{n.name}")] for n in (one, other))
        return first != second

    def _frozen(self, path: str) -> bool:
        return any(freeze.covers(path) for freeze in self.freezes)

    def _equal(self, one: Node, other: Node) -> bool:
        return one.is_module and other.is_module and self.structures.node(one) == self.structures.node(other)

    def _node(self, node: Node, path: str, depth: int, sizes: Sizes, tied: frozenset[str], shared: bool) -> _Totals:
        totals = _Totals()
        again = shared or node.shares is not None
        if not again:
            for spec in node.parameters:
                self._parameter(totals, spec, node, f"{path}.{spec.name}" if spec.name else path, tied)
        totals.own = totals.parameters
        totals.macs = _substituted(node.cost, sizes)
        if isinstance(node.target, Graph):
            ties = tied | self.tied(node.target, f"{path}.")
            place = len(self.rows)
            within = sizes_inside(node, sizes)
            totals.include(self.graph(node.target, f"{path}.", depth + 1, within, ties, again))
            if again:
                del self.rows[place:]  # they stand where the module is made
        return totals

    def _parameter(self, totals: _Totals, spec: ParameterSpec, node: Node, name: str, tied: frozenset[str]) -> None:
        count = prod(spec.shape)
        if spec.kind != "parameter":
            totals.buffers += count
            totals.buffer_bytes += count * BYTES[spec.dtype]
        elif name not in tied:
            fixed = isinstance(node.target, Stored) and not node.target.requires_grad
            totals.parameters += count
            totals.parameter_bytes += count * BYTES[spec.dtype]
            totals.trainable += 0 if fixed or self._frozen(name) else count

    def _shown(self, node: Node, totals: _Totals) -> bool:
        """Entries of the file, and those parts of expressions that cost something."""
        return node.named or (totals.macs is None or totals.macs != 0)


def _result(node: Node, value: Value) -> str:
    """A result's own name; "" for the only one."""
    return value.name.removeprefix(node.name).removeprefix(".")


def _type(node: Node) -> str:
    match node.target:
        case Graph() as inner:
            return {"sequential": "Sequential", "group": "Module"}.get(inner.kind, inner.name)
        case Stored() as stored:
            return stored.kind.capitalize()
        case op:
            return op.name


def _plus(a: Macs, b: Macs, times: int) -> Macs:
    if a is None or b is None:
        return None
    try:
        return a + b * times
    except OverflowError:
        return None


def _substituted(d: DimLike, sizes: Sizes) -> Macs:
    try:
        return substitute(d, sizes)
    except OverflowError:
        return None


# -- as JSON ----------------------------------------------------------------------------------------------------------


def as_json(summary: Summary) -> dict[str, Any]:
    """Plain data. A size or cost that depends on free dimensions is a text; null is a cost too long to keep."""
    return {
        "name": summary.name,
        "inputs": {name: _plain_type(t) for name, t in summary.inputs.items()},
        "outputs": {name: _plain_type(t) for name, t in summary.outputs.items()},
        "parameters": summary.parameters,
        "trainable": summary.trainable,
        "buffers": summary.buffers,
        "parameter_bytes": summary.parameter_bytes,
        "buffer_bytes": summary.buffer_bytes,
        "macs": _plain_size(summary.macs),
        "free": list(summary.free),
        "layers": [_plain_row(row) for row in summary.rows],
    }


def _plain_row(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "depth": row.depth,
        "type": row.type,
        "outputs": {name: _plain_type(t) for name, t in row.outputs.items()},
        "own_parameters": row.own,
        "parameters": row.parameters,
        "trainable": row.trainable,
        "macs": _plain_size(row.macs),
        "times": row.times,
        "shares": row.shares,
    }


def _plain_type(type: TensorType) -> dict[str, Any]:
    return {"shape": [_plain_size(d) for d in type.shape], "dtype": type.dtype.value}


def _plain_size(d: Macs) -> int | str | None:
    return str(d) if isinstance(d, Dim) else d


# -- as text ----------------------------------------------------------------------------------------------------------

LONGEST = 40  # characters of a symbolic number
WIDEST = 64  # characters of a name, type or shape
BOLD, DIM, PLAIN = "\033[1m", "\033[2m", "\033[0m"


@dataclass(slots=True)
class _Table:
    """Columns padded to their widest cell; the first ones stand left, numbers right."""

    heads: tuple[str, ...]
    right: frozenset[int]
    lines: list[tuple[str, ...]] = field(default_factory=list)

    def render(self, color: bool) -> list[str]:
        widths = [max(map(len, column)) for column in zip(self.heads, *self.lines, strict=True)]
        head = self._line(self.heads, widths)
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        return [f"{BOLD}{head}{PLAIN}" if color else head, f"{DIM}{rule}{PLAIN}" if color else rule,
                *(self._line(line, widths) for line in self.lines)]  # fmt: skip

    def _line(self, cells: tuple[str, ...], widths: list[int]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        return "  ".join(c.rjust(w) if i in self.right else c.ljust(w) for i, (c, w) in pairs).rstrip()


def as_text(summary: Summary, *, depth: int | None = None, color: bool = False) -> str:
    """A tree with aligned columns. `depth` leaves out what is nested deeper; `color` is for a terminal."""
    table = _Table(("layer", "type", "output", "parameters", "multiply-adds"), frozenset({3, 4}))
    rows = [row for row in summary.rows if depth is None or row.depth <= depth]
    for row, branches in zip(rows, _branches(rows), strict=True):
        name = branches + (span(row.name, row.last) if row.last else clip(row.name))
        title = clip(row.type)
        output = ", ".join(f"{n} {t}" if n else str(t) for n, t in row.outputs.items())
        each = f"{row.times} × " if row.times > 1 else ""
        parameters = f"{each}{row.parameters:,}" if row.parameters else ""
        macs = f"{each}{_number(row.macs)}" if row.macs != 0 else ""
        if row.shares is not None:
            parameters = f"those of {clip(row.shares, 24)}"
        elif row.frozen:
            parameters = f"frozen {parameters}"
        table.lines.append((name, title, clip(output, WIDEST), parameters, macs))
    lines = table.render(color)
    return "\n".join([_flow(summary), "", *lines, lines[1], *_totals(summary)]) + "\n"


def _branches(rows: Sequence[Row]) -> list[str]:
    """The lines of the tree in front of each name, drawn from the last row to the first."""
    found: list[str] = []
    open_levels: set[int] = set()  # depths at which another row follows further down
    for row in reversed(rows):
        open_levels = {level for level in open_levels if level <= row.depth}
        found.append(
            "".join("│  " if level in open_levels else "   " for level in range(1, row.depth))
            + ("├─ " if row.depth in open_levels else "└─ ")
        )
        open_levels.add(row.depth)
    return found[::-1]


def _flow(summary: Summary) -> str:
    taken = ", ".join(f"{name}: {t}" for name, t in summary.inputs.items())
    given = ", ".join(f"{name}: {t}" if name else str(t) for name, t in summary.outputs.items())
    return f"{clip(summary.name)}  {taken} → {given}"


def _totals(summary: Summary) -> Iterator[str]:
    frozen = summary.parameters - summary.trainable
    trained = f"  ({summary.trainable:,} trainable, {frozen:,} frozen)" if frozen else ""
    yield f"parameters     {summary.parameters:,}{trained}"
    if summary.buffers:
        yield f"buffers        {summary.buffers:,}"
    yield f"memory         {_bytes(summary.parameter_bytes + summary.buffer_bytes)} of parameters and buffers"
    yield f"multiply-adds  {_number(summary.macs)}"
    if summary.free:
        sizes = ",".join(f"{name}=…" for name in summary.free)
        yield f"with a size for every free dimension these are numbers: --size {sizes}"


def _bytes(n: int) -> str:
    for unit, suffix in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if n >= unit:
            return f"{n / unit:,.1f} {suffix}"
    return f"{n} bytes"


def _number(macs: Macs) -> str:
    """`1,814,073,344`, `416,520·B`, or which dimensions it depends on."""
    if isinstance(macs, int):
        return f"{macs:,}"
    if macs is None:
        return "depends on the sizes"
    if len(macs.terms) == 1:
        coefficient, monomial = macs.terms[0]
        text = f"{coefficient:,}·{typeset(Dim(((1, monomial),)))}"
        if len(text) <= LONGEST:
            return text
    return "depends on " + ", ".join(sorted(s.name for s in macs.symbols))

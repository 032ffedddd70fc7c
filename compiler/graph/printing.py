"""A typed graph as text: one line per step, with what it is given and what comes out.

    net resnet(x: [B, 3, H, W]) → [B, 1000]
      conv1   Conv2d(in_channels=3, out_channels=64, …)    x        [B, 64, (H + 1)//2, (W + 1)//2]
      layer1  sequential                                   maxpool  [B, 256, (H + 3)//4, (W + 3)//4]
        0     Bottleneck#1 {H: (H + 3)//4, W: (W + 3)//4}  x        [B, 256, (H + 3)//4, (W + 3)//4]

Lists and mappings of layers stand inside the graph that they belong to. A block is printed once for each way it is
applied, under a name that its calls use; its free sizes are its own, and a call says what they are outside. Parts of
expressions have made-up names, in parentheses. Steps stand in the order of registration; where they run in another, a
line `order` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import EllipsisType
from typing import Any

from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.types.dtype import DType

__all__ = ["print_graph", "value_text"]

WIDEST = (40, 100, 40)  # of the first columns; a longer cell pushes its own line to the right


def print_graph(graph: Graph) -> str:
    """The graph, then every block that it calls, each with its nested lists and mappings."""
    printer = _Printer()
    parts = [printer.whole(graph)]
    parts.extend(map(printer.whole, printer.blocks))  # which grows while blocks that call blocks are printed
    return "\n\n".join(parts) + "\n"


class _Printer:
    def __init__(self) -> None:
        self.blocks: list[Graph] = []
        self._names: dict[Graph, str] = {}
        self._counts: dict[str, int] = {}

    def whole(self, graph: Graph) -> str:
        lines = list(self._lines(graph, "  "))
        widths = [min(max((len(line[i]) for line in lines), default=0), most) for i, most in enumerate(WIDEST)]
        rows = [[*map(str.ljust, line, widths), line[-1]] for line in lines]
        body = ["  ".join(row).rstrip() for row in rows]
        demands = [f"  needs {demand}    {demand.reason}" for demand, _ in graph.demands if graph.kind == "net"]
        return "\n".join([self._heading(graph), *body, *demands])

    def _heading(self, graph: Graph) -> str:
        taken = ", ".join(map(_value, graph.inputs))
        outputs = [(f"{_printable(name)}: " if name else "", v) for name, v in graph.outputs.items()]
        given = ", ".join(f"{label}{v.type} = {_printable(v.name)}" for label, v in outputs)
        arguments = ", ".join(f"{name}={value_text(value)}" for name, value in graph.arguments.items())
        with_arguments = f" with {arguments}" if arguments else ""
        return f"{graph.kind} {self._name(graph)}({taken}) → {given}{with_arguments}"

    def _name(self, graph: Graph) -> str:
        """A block's own, numbered: the same block differs with its arguments and with what flows in."""
        if graph.kind != "block":
            return _printable(graph.name)
        if graph not in self._names:
            number = self._counts[graph.name] = self._counts.get(graph.name, 0) + 1
            self._names[graph] = f"{_printable(graph.name)}#{number}"
            self.blocks.append(graph)
        return self._names[graph]

    def _lines(self, graph: Graph, indent: str) -> Iterator[tuple[str, str, str, str]]:
        for node in graph.nodes:
            name = indent + (_printable(node.name) if node.named else f"({_printable(node.name)})")
            given = ", ".join(_operand(k, v) for k, v in node.operands.items())
            yield name, self._target(node), given, _results(node)
            if isinstance(node.target, Graph) and node.target.kind != "block" and node.shares is None:
                yield from self._lines(node.target, indent + "  ")
        if [id(n) for n in graph.nodes] != [id(n) for n in graph.schedule]:
            yield f"{indent}order", ", ".join(_printable(n.name) for n in graph.schedule), "", ""
        for target, source in graph.ties:
            yield f"{indent}tie", f"{_printable(target)} is {_printable(source)}", "", ""

    def _target(self, node: Node) -> str:
        match node.target:
            case Graph() as inner:
                called = self._name(inner) if inner.kind == "block" else inner.kind
                sizes = ", ".join(f"{s.name}: {d}" for s, d in node.sizes.items() if str(d) != s.name)
                called += f" {{{sizes}}}" if sizes else ""
            case Stored() as stored:
                options = [] if stored.persistent else ["persistent=False"]
                options += [] if stored.requires_grad else ["requires_grad=False"]
                constructors = [f"← {self._target(n)}" for n in reversed(stored.initial)]
                called = " ".join([stored.kind, *options, *constructors])
            case op:
                settings = ", ".join(f"{k}={value_text(v)}" for k, v in node.settings.items())
                called = f"{op.name}({settings})" if op.form == "module" else op.name
        return called if node.shares is None else f"{called} again: {_printable(node.shares)}"


def _operand(name: str, operand: Any) -> str:
    """A tensor bears its own name; anything else that of its parameter too."""
    return _printable(operand.name) if isinstance(operand, Value) else f"{name}={value_text(operand)}"


def _results(node: Node) -> str:
    if len(node.results) == 1 and node.results[0].name == node.name:
        return str(node.results[0].type)
    return ", ".join(f"{_printable(v.name.removeprefix(f'{node.name}.'))}: {v.type}" for v in node.results)


def _value(value: Value) -> str:
    return f"{_printable(value.name)}: {value.type}"


def value_text(value: Any) -> str:
    """A setting or an operand as a spec writes it; a tensor is its name."""
    match value:
        case Value():
            return _printable(value.name)
        case DType():
            return value.value
        case EllipsisType():
            return "..."
        case str():
            return repr(value)
        case tuple() | list():
            return f"[{', '.join(map(value_text, value))}]"
        case slice():
            parts = ["" if p is None else value_text(p) for p in (value.start, value.stop, value.step)]
            return ":".join(parts if value.step is not None else parts[:2])
        case Mapping():
            return "{" + ", ".join(f"{k}: {value_text(v)}" for k, v in value.items()) + "}"
        case _:
            return str(value)


def _printable(text: str) -> str:
    """Control characters of a name as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

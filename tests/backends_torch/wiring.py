"""Random networks that are hard on wiring: every value is (B, T, 8), so that anything may be combined with anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

__all__ = ["wired"]


@dataclass
class _Body:
    """A `layers:` mapping under construction. `values` are what its entries may refer to."""

    draw: Any
    values: list[str]
    modules: list[str] = field(default_factory=list)
    layers: dict[str, Any] = field(default_factory=dict)
    depth: int = 0

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def value(self) -> str:
        return str(self.draw(st.sampled_from(self.values)))

    def name(self) -> str:
        """Names that people reuse, that clash with variables, that Python cannot spell."""
        word = self.pick("x", "out", "y", "h", "conv", "torch", "T_", "size", "sum", "a-b", "0")
        return (
            f"{word}_{len(self.layers)}"
            if self.pick(True, False) or word in self.layers or word in self.values
            else word
        )

    def fill(self, steps: int) -> None:
        for _ in range(steps):
            self.pick(*STEPS if self.depth < 2 else FLAT)(self)

    def add(self, entry: Any, *, names: tuple[str, ...] = ("",), module: bool = False) -> None:
        word = self.name()
        spelled = word if word.isidentifier() else f"v{len(self.layers)}"
        self.layers[spelled if names != ("",) or not module else word] = entry
        if word.isidentifier() or names != ("",) or not module:
            self.values += [f"{spelled}.{n}" if n else spelled for n in names]
            if module:
                self.modules.append(spelled)

    def part(self, depth: int = 0) -> str:
        """A tensor expression."""
        kind = self.pick("value", "value", "binary", "function", "index", "random", "size") if depth < 3 else "value"
        match kind:
            case "binary":
                return f"({self.part(depth + 1)} {self.pick('+', '-', '*')} {self.part(depth + 1)})"
            case "function":
                return f"{self.pick('sigmoid', 'tanh', 'relu', 'cos')}({self.part(depth + 1)})"
            case "index":
                return f"{self.part(depth + 1)}[:, :{self.pick('T', '', 'T - 0')}]"
            case "random":
                return f"{self.pick('dropout', 'rand_like')}({self.part(depth + 1)})"
            case "size":
                return f"({self.part(depth + 1)} * {self.pick('T', '(T + 1) // 2', '0.5', 'B')})"
        return self.value()


def layer(b: _Body) -> None:
    b.add({"type": b.pick("Linear(8)", "LayerNorm", "Dropout(0.3)", "ReLU", "Tanh"), "from": b.value()}, module=True)


def chain(b: _Body) -> None:
    b.add({"type": "Linear(8)", "from": b.values[-1]}, module=True)


def expression(b: _Body) -> None:
    part = b.part()
    b.add({"expr": part if not part.isidentifier() else f"{part} + 0"})


def parts(b: _Body) -> None:
    b.add({"expr": f"chunk(cat([{b.value()}, {b.value()}], 2), 2, 2)"}, names=("0", "1"))


def recurrent(b: _Body) -> None:
    b.add({"type": "GRU(8, batch_first=True)", "from": b.value()}, names=("output",), module=True)


def block(b: _Body) -> None:
    arguments = f"{b.pick(4, 4, 6)}, {b.pick(0, 0, 5)}, {b.pick(1, 2)}, {b.pick(0.1, 0.2)}"
    b.add({"type": f"Block({arguments})", "from": b.value()}, module=True)


def pair(b: _Body) -> None:
    b.add({"type": "Pair", "from": {"left": b.value(), "right": b.value()}}, names=("low", "high"), module=True)


def listed(b: _Body) -> None:
    inner = [b.pick("Linear(8)", "relu", "LayerNorm", "tanh", "Dropout(0.1)") for _ in range(b.pick(1, 2, 4))]
    b.add({"from": b.value(), "layers": inner}, module=True)


def group(b: _Body) -> None:
    """A mapping of layers that sees the values and sizes around it."""
    inner = _Body(b.draw, list(b.values), depth=b.depth + 1)
    inner.layers["first"] = {"type": "Linear(8)", "from": b.value()}
    inner.values.append("first")
    inner.fill(b.pick(1, 2, 3))
    last = inner.values[-1]
    inner.layers["end"] = {"expr": f"{last} + {inner.part()}"}
    b.add({"from": b.value(), "layers": inner.layers})


def again(b: _Body) -> None:
    if b.modules:
        target = b.draw(st.sampled_from(b.modules))
        entry = b.layers[target]
        if isinstance(entry.get("from"), dict):
            b.add({"use": target, "from": {"left": b.value(), "right": b.value()}}, names=("low", "high"))
        elif "GRU" in str(entry.get("type")):
            b.add({"use": target, "from": b.value()}, names=("output",))
        else:
            b.add({"use": target, "from": b.value()})


def stored(b: _Body) -> None:
    word = f"p{len(b.layers)}"
    b.layers[word] = b.pick("Parameter(randn([8]))", "Buffer(arange(8), persistent=False)", "Parameter(ones([1, 8]))")
    b.layers[f"{word}_used"] = {"expr": f"{b.value()} + {word}"}
    b.values.append(f"{word}_used")


FLAT = (layer, chain, chain, expression, expression, parts, recurrent, block, pair, listed, again, stored)
STEPS = (*FLAT, group)

BLOCKS = {
    "Block": {
        "inputs": {"x": ["B", "T", "C"]},
        "args": {"width": None, "more": 0, "times": 1, "p": 0.1},
        "layers": {
            "up": "Linear(width * 2 + more)",
            "mixed": "dropout(up, p) * times",
            "down": "Linear(C)",
            "scaled": {"if": "times > 1", "expr": "down / T"},
            "out": "scaled + x",
        },
    },
    "Pair": {
        "inputs": {"left": ["B", "T", "C"], "right": ["B", "T", "C"]},
        "layers": {"a": {"type": "Linear(C)", "from": "left"}, "b": {"expr": "a * right + T"}},
        "outputs": {"low": "a", "high": "b"},
    },
}


@st.composite
def wired(draw: Any) -> dict[str, Any]:
    """A spec over x and y."""
    body = _Body(draw, ["x", "y"])
    body.fill(draw(st.integers(2, 9)))
    body.layers["last"] = {"expr": f"{body.values[-1]} + {body.part()}"}
    outputs: dict[str, Any] = {"last": "last"}
    for i in range(draw(st.integers(0, 2))):
        source = body.value()
        outputs[f"more{i}"] = {"from": source, "mode": "train"} if draw(st.booleans()) else source
    shape = ["B", "T", 8]
    whole = {"nnc": 1, "name": "wired", "inputs": {"x": shape, "y": shape}, "blocks": BLOCKS, "layers": body.layers}
    return whole | ({"outputs": outputs} if len(outputs) > 1 or draw(st.booleans()) else {})

"""Graphs built by hand, for tests that should not depend on the front end: every type comes from the op's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.graph.ir import Graph, Node, Stored, Value
from nnc.compiler.ops.apply import apply
from nnc.compiler.ops.call import ParameterSpec
from nnc.compiler.ops.registry import Catalogue
from nnc.compiler.types.dim import DimLike, Symbol, size
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

HERE = Span(Source("built.yaml", "x"), 0, 1)


def catalogue() -> Catalogue:
    from nnc.compiler.driver import default_catalogue

    return default_catalogue()


class Building:
    """A graph under construction: `b.layer("conv1", "Conv2d", x, out_channels=8, kernel_size=3)` gives its value."""

    def __init__(self, name: str = "net", kind: str = "net") -> None:
        self.name, self.kind = name, kind
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.ops = catalogue()

    def input(self, name: str, *shape: str | DimLike, dtype: DType = DType.float32) -> Value:
        sizes = tuple(size(d) if isinstance(d, str) else d for d in shape)
        self.inputs.append(Value(name, TensorType(sizes, dtype), HERE))
        return self.inputs[-1]

    def layer(
        self, name: str, op: str, *tensors: Any, shares: str | None = None, named: bool = True, **settings: Any
    ) -> Any:
        """A module's or a function's step; several results come as a list."""
        target = self.ops[op]
        names = [a.name for a in (target.inputs if target.form == "module" else target.arguments)]
        operands = dict(zip(names, tensors, strict=False))
        if target.form == "function":
            operands |= settings
        seen = {k: _typed(v) for k, v in operands.items()} | settings
        applied = apply(target, seen)
        values = [Value(f"{name}.{n}" if n else name, t, HERE) for n, t in applied.results]
        given = {a.name: settings.get(a.name, applied.call.inferred.get(a.name)) for a in target.arguments}
        self.nodes.append(
            Node(
                name,
                target,
                {k: v for k, v in given.items() if v is not None} if target.form == "module" else {},
                operands,
                tuple(values),
                HERE,
                named=named,
                shares=shares,
                parameters=tuple(applied.call.parameters),
                cost=applied.call.cost,
                explicit=tuple(n for n, _ in applied.results) if applied.form == "mapping" else (),
            )
        )
        return values[0] if applied.form == "one" else values

    def call(
        self,
        name: str,
        graph: Graph,
        *tensors: Value,
        sizes: Mapping[str, DimLike] | None = None,
        shares: str | None = None,
    ) -> Value:
        outside = {Symbol(k): v for k, v in (sizes or {}).items()}
        operands = {v.name: t for v, t in zip(graph.inputs, tensors, strict=True)}
        results = [
            Value(f"{name}.{k}" if k else name, v.type.substitute(outside), HERE) for k, v in graph.outputs.items()
        ]
        self.nodes.append(Node(name, graph, {}, operands, tuple(results), HERE, sizes=outside, shares=shares))
        return results[0]

    def parameter(self, name: str, *shape: int, requires_grad: bool = True) -> Value:
        kind = TensorType(shape)
        spec = ParameterSpec("", shape)
        value = Value(name, kind, HERE)
        target = Stored("parameter", kind, requires_grad=requires_grad)
        self.nodes.append(Node(name, target, {}, {}, (value,), HERE, parameters=(spec,)))
        return value

    def finish(self, *outputs: Value, **more: Any) -> Graph:
        named = {"": outputs[0]} if len(outputs) == 1 else {v.name: v for v in outputs}
        kind: Any = self.kind
        return Graph(kind, self.name, tuple(self.inputs), named, tuple(self.nodes), tuple(self.nodes), HERE, **more)


def _typed(operand: Any) -> Any:
    if isinstance(operand, Value):
        return operand.type
    return tuple(map(_typed, operand)) if isinstance(operand, list | tuple) else operand


# -- networks ---------------------------------------------------------------------------------------------------------


def lenet() -> Graph:
    b = Building("lenet5")
    image = b.input("image", "B", 1, 28, 28)
    s = Building("features", "sequential")
    x = s.input("x", "B", 1, 28, 28)
    x = s.layer("0", "Conv2d", x, out_channels=6, kernel_size=5, padding=2)
    x = s.layer("1", "ReLU", x)
    x = s.layer("2", "MaxPool2d", x, kernel_size=2)
    x = s.layer("3", "Conv2d", x, out_channels=16, kernel_size=5)
    x = s.layer("4", "ReLU", x)
    x = s.layer("5", "MaxPool2d", x, kernel_size=2)
    features = b.call("features", s.finish(x), image)
    flat = b.layer("flat", "flatten", features, start_dim=1)
    c = Building("classifier", "sequential")
    x = c.input("x", "B", 400)
    x = c.layer("0", "Linear", x, out_features=120)
    x = c.layer("1", "ReLU", x)
    x = c.layer("2", "Linear", x, out_features=84)
    x = c.layer("3", "ReLU", x)
    x = c.layer("4", "Linear", x, out_features=10)
    return b.finish(b.call("classifier", c.finish(x), flat))


def bottleneck(channels: int, planes: int, stride: int) -> Graph:
    b = Building("Bottleneck", "block")
    x = b.input("x", "B", channels, "H", "W")
    y = b.layer("conv1", "Conv2d", x, out_channels=planes, kernel_size=1, bias=False)
    y = b.layer("act1", "relu", b.layer("bn1", "BatchNorm2d", y))
    y = b.layer("conv2", "Conv2d", y, out_channels=planes, kernel_size=3, stride=stride, padding=1, bias=False)
    y = b.layer("act2", "relu", b.layer("bn2", "BatchNorm2d", y))
    y = b.layer("conv3", "Conv2d", y, out_channels=planes * 4, kernel_size=1, bias=False)
    y = b.layer("bn3", "BatchNorm2d", y)
    if stride != 1 or channels != planes * 4:
        d = Building("downsample", "sequential")
        z = d.input("x", "B", channels, "H", "W")
        z = d.layer("0", "Conv2d", z, out_channels=planes * 4, kernel_size=1, stride=stride, bias=False)
        shortcut = b.call("downsample", d.finish(d.layer("1", "BatchNorm2d", z)), x)
    else:
        shortcut = x
    return b.finish(b.layer("out", "relu", b.layer("add", "add", y, shortcut, named=False)))


def resnet(layers: tuple[int, ...] = (3, 4, 6, 3)) -> Graph:
    b = Building("resnet50")
    x = b.input("x", "B", 3, "H", "W")
    x = b.layer("conv1", "Conv2d", x, out_channels=64, kernel_size=7, stride=2, padding=3, bias=False)
    x = b.layer("relu", "ReLU", b.layer("bn1", "BatchNorm2d", x))
    x = b.layer("maxpool", "MaxPool2d", x, kernel_size=3, stride=2, padding=1)
    for i, n in enumerate(layers):
        s = Building(f"layer{i + 1}", "sequential")
        y = Value("x", x.type, HERE)
        s.inputs.append(y)
        plain = bottleneck(256 << i, 64 << i, 1)
        for k in range(n):
            _, channels, height, width = y.type.shape
            assert isinstance(channels, int)
            inner = plain if k else bottleneck(channels, 64 << i, 2 if i else 1)
            y = s.call(str(k), inner, y, sizes={"B": size("B"), "H": height, "W": width})
        x = b.call(f"layer{i + 1}", s.finish(y), x)
    x = b.layer("flat", "flatten", b.layer("avgpool", "AdaptiveAvgPool2d", x, output_size=1), start_dim=1)
    return b.finish(b.layer("fc", "Linear", x, out_features=1000))


def double_conv(channels: int, out: int) -> Graph:
    b = Building("DoubleConv", "block")
    x = b.input("x", "B", channels, "H", "W")
    for i in (1, 2):
        x = b.layer(f"conv{i}", "Conv2d", x, out_channels=out, kernel_size=3, padding=1, bias=False)
        x = b.layer(f"act{i}", "ReLU", b.layer(f"bn{i}", "BatchNorm2d", x))
    return b.finish(x)


def unet(base: int = 64, levels: int = 4, height: int = 256) -> Graph:
    b = Building("unet")
    image = b.input("image", "B", 3, height, height)

    def outside(v: Value) -> dict[str, DimLike]:
        return {"B": v.type.shape[0], "H": v.type.shape[2], "W": v.type.shape[3]}

    x = b.call("inc", double_conv(3, base), image, sizes=outside(image))
    skips = [x]
    for i in range(levels):
        d = Building("Down", "block")
        y = d.input("x", "B", base << i, "H", "W")
        y = d.layer("pool", "MaxPool2d", y, kernel_size=2)
        y = d.call("conv", double_conv(base << i, base << i + 1), y, sizes=outside(y))
        x = b.call(f"down{i + 1}", d.finish(y), x, sizes=outside(x))
        skips.append(x)
    for i in reversed(range(levels)):
        skip = skips[i]
        u = Building("Up", "block")
        y, z = u.input("x", "B", base << i + 1, "H", "W"), u.input("skip", "B", base << i, *skip.type.shape[2:])
        y = Value("x", TensorType((y.type.shape[0], base << i + 1, *x.type.shape[2:])), HERE)
        u.inputs[0] = y
        y = u.layer("up", "ConvTranspose2d", y, out_channels=base << i, kernel_size=2, stride=2)
        y = u.layer("cat", "cat", [z, y], dim=1)
        y = u.call("conv", double_conv(base << i + 1, base << i), y, sizes=outside(y))
        x = b.call(f"up{levels - i}", u.finish(y), x, skip, sizes=outside(x))
    return b.finish(b.layer("out", "Conv2d", x, out_channels=2, kernel_size=1))


def vit(blocks: int = 12, dim: int = 768) -> Graph:
    e = Building("EncoderBlock", "block")
    x = e.input("x", "B", "N", dim)
    y = e.layer("ln_1", "LayerNorm", x)
    y = e.layer("attention", "Linear", y, out_features=dim)
    x = e.layer("add", "add", e.layer("dropout", "Dropout", y, p=0.0), x, named=False)
    m = Building("mlp", "sequential")
    y = m.input("x", "B", "N", dim)
    y = m.layer("0", "Linear", y, out_features=4 * dim)
    y = m.layer("2", "Dropout", m.layer("1", "GELU", y), p=0.0)
    y = m.layer("4", "Dropout", m.layer("3", "Linear", y, out_features=dim), p=0.0)
    y = e.call("mlp", m.finish(y), e.layer("ln_2", "LayerNorm", x))
    block = e.finish(e.layer("out", "add", x, y))
    b = Building("vit_b_16")
    x = b.input("x", "B", 3, 224, 224)
    token, table = b.parameter("class_token", 1, 1, dim), b.parameter("pos_embedding", 1, 197, dim)
    x = b.layer("conv_proj", "Conv2d", x, out_channels=dim, kernel_size=16, stride=16)
    x = b.layer("permute", "permute", b.layer("flatten", "flatten", x, start_dim=2), dims=(0, 2, 1))
    first = b.layer("expand", "expand", token, size=(size("B"), -1, -1))
    x = b.layer("tokens", "add", b.layer("cat", "cat", [first, x], dim=1), table)
    s = Building("layers", "sequential")
    y = s.input("x", "B", 197, dim)
    for i in range(blocks):
        y = s.call(f"encoder_layer_{i}", block, y, sizes={"B": size("B"), "N": 197})
    x = b.layer("ln", "LayerNorm", b.call("layers", s.finish(y), x))
    x = b.layer("first", "getitem", x, index=(slice(None), 0))
    return b.finish(b.layer("head", "Linear", x, out_features=1000))


def siamese() -> Graph:
    b = Building("siamese")
    left, right = b.input("left", "B", 1, 28, 28), b.input("right", "B", 1, 28, 28)
    s = Building("encoder", "sequential")
    x = s.input("x", "B", 1, 28, 28)
    x = s.layer("1", "ReLU", s.layer("0", "Conv2d", x, out_channels=8, kernel_size=3))
    x = s.layer("3", "Linear", s.layer("2", "Flatten", x), out_features=64)
    encoder = s.finish(x)
    a = b.call("encoder", encoder, left)
    c = b.call("again", encoder, right, shares="encoder")
    return b.finish(b.layer("fc", "Linear", b.layer("distance", "abs", b.layer("sub", "sub", a, c)), out_features=1))


def flat(length: int) -> Graph:
    """A list of layers that all differ."""
    b = Building("flat")
    x = b.input("x", "B", 8)
    for i in range(length):
        x = b.layer(f"fc{i}", "Linear", x, out_features=8 + i % 97 + 1)
    return b.finish(x)


def mlp(length: int = 20) -> Graph:
    b = Building("mlp")
    x = b.input("x", "B", 784)
    s = Building("layers", "sequential")
    y = s.input("x", "B", 784)
    for i in range(length):
        y = s.layer(f"{2 * i + 1}", "ReLU", s.layer(f"{2 * i}", "Linear", y, out_features=256))
    return b.finish(b.layer("head", "Linear", b.call("layers", s.finish(y), x), out_features=10))

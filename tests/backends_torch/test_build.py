"""A built network is an ordinary module: traced, exported, compiled, copied, pickled, moved, shown in tracebacks."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest
import torch
import torch.fx
from torch import Tensor, nn

import nnc
from nnc.api import instantiate
from nnc.compiler.backends.torch import build as building
from nnc.compiler.backends.torch.build import build, origin, place_of, rebuild
from nnc.compiler.driver import Written, compile_text
from nnc.compiler.source.tree import to_plain
from tests.backends_torch.networks import SMALL, SPECS, compiled, module, sample

TINY = {"block": "BasicBlock", "layers": [1, 2, 1, 1], "num_classes": 10}


def with_spec(name: str, **args: object) -> nn.Module:
    found = compiled(name, **args)
    spec = to_plain(found.tree)  # type: ignore[arg-type]  # a network without faults has a tree
    assert isinstance(spec, dict)
    return build(found.graph, spec=spec, args=args)


def outputs(found: Tensor | dict[str, Tensor]) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else list(found.values())


def same(a: Tensor | dict[str, Tensor], b: Tensor | dict[str, Tensor]) -> bool:
    return len(outputs(a)) == len(outputs(b)) and all(map(torch.equal, outputs(a), outputs(b)))


# -- torch's tools -----------------------------------------------------------------------------------------------------

# torch.fx traces, hand-written or not, no factory that is given a size (`torch.zeros(1, B, 16)`) and no slice of a parameter
# by one (`self.positions[:, :T]`); and it does not escape names in the code that it generates.
UNTRACEABLE = {"made", "language", "names"}


@pytest.mark.parametrize("name", [n for n in SMALL if n not in UNTRACEABLE])
def test_symbolic_trace(name: str) -> None:
    model = module(name).eval()
    inputs = sample(model)
    assert same(torch.fx.symbolic_trace(model)(*inputs), model(*inputs))


@pytest.mark.filterwarnings("ignore:The tensor attributes self.lstm")  # of torch's own LSTM
@pytest.mark.parametrize("name", SMALL)
def test_export(name: str) -> None:
    model = module(name).eval()
    inputs = sample(model)
    assert same(torch.export.export(model, tuple(inputs)).module()(*inputs), model(*inputs))


@pytest.mark.parametrize("name", SMALL)
def test_compile_in_one_graph(name: str) -> None:
    model = module(name).eval()
    inputs = sample(model)
    torch.compiler.reset()
    with torch._dynamo.config.patch(allow_rnn=True):  # off by default, for hand-written modules too
        assert same(torch.compile(model, fullgraph=True, backend="eager")(*inputs), model(*inputs))


def test_resnet_through_all_three() -> None:
    model = module("resnet", **TINY).eval()
    x = torch.randn(2, 3, 32, 32)
    expected = model(x)
    torch.compiler.reset()
    assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)
    assert torch.equal(torch.export.export(model, (x,)).module()(x), expected)
    assert torch.equal(torch.compile(model, fullgraph=True, backend="eager")(x), expected)


# -- copies and pickles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_deepcopy(name: str) -> None:
    model = module(name).eval()
    inputs = sample(model)
    twin = copy.deepcopy(model)
    assert type(twin) is type(model)
    assert same(twin(*inputs), model(*inputs))
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]


def test_deepcopy_keeps_ties_hooks_and_attributes() -> None:
    model = module("language")
    model.note = "mine"
    model.register_forward_hook(lambda *_: None)
    twin = copy.deepcopy(model)
    assert twin.decoder.weight is twin.embed.weight
    assert twin.note == "mine"
    assert len(twin._forward_hooks) == 1


@pytest.mark.parametrize("name", SMALL)
def test_pickle_in_this_process(name: str) -> None:
    model = with_spec(name).eval()
    inputs = sample(model)
    loaded = pickle.loads(pickle.dumps(model))  # noqa: S301  # a pickle of our own making
    assert type(loaded) is type(model)
    assert same(loaded(*inputs), model(*inputs))
    assert not loaded.training


READER = """
import sys, torch
model, inputs, expected = torch.load(sys.argv[1], weights_only=False)
found = model(*inputs)
for a, b in zip(list(found.values()) if isinstance(found, dict) else [found], expected):
    assert torch.equal(a, b)
print(type(model).__name__, getattr(model, "spec", {}) and model.spec["name"])
"""


def read_elsewhere(file: Path, *saved: object) -> str:
    torch.save(saved, file)
    done = subprocess.run([sys.executable, "-c", READER, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pickle_in_another_process(tmp_path: Path) -> None:
    model = with_spec("resnet", **TINY).eval()
    x = torch.randn(1, 3, 32, 32)
    assert read_elsewhere(tmp_path / "model.pt", model, [x], [model(x)]) == "Resnet resnet"


def test_pickle_of_a_part_in_another_process(tmp_path: Path) -> None:
    part = with_spec("resnet", **TINY).eval().layer2[0]
    x = torch.randn(1, 64, 8, 8)
    assert read_elsewhere(tmp_path / "part.pt", part, [x], [part(x)]) == "BasicBlockDownsample {}"


def test_a_pickle_holds_the_spec_and_no_code() -> None:
    model = with_spec("resnet", **TINY)
    data = pickle.dumps(model)
    assert b"super().__init__" not in data
    assert b"import torch" not in data
    assert data.count(b"Bottleneck:") <= 1  # one recipe for all modules inside


def test_without_its_spec_a_network_is_copied_but_not_pickled() -> None:
    model = module("lenet5")
    copy.deepcopy(model)
    with pytest.raises(pickle.PicklingError, match="give `build` its spec"):
        pickle.dumps(model)


def test_a_derived_class_pickles_as_its_author_says() -> None:
    model = with_spec("lenet5")
    derived = type("Mine", (type(model),), {})
    with pytest.raises(pickle.PicklingError, match="Mine"):
        pickle.dumps(derived())
    assert type(copy.deepcopy(derived())) is derived


def test_moving_and_converting() -> None:
    model = module("lenet5").to(torch.float64)
    x = torch.randn(1, 1, 28, 28, dtype=torch.float64)
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    other = module("lenet5").double()
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(model(x), other(x))


# -- what a network knows ----------------------------------------------------------------------------------------------


def test_spec_graph_and_source() -> None:
    model = with_spec("lenet5", num_classes=3)
    assert model.spec["name"] == "lenet5"
    model.spec["name"] = "changed"  # a copy
    assert model.spec["name"] == "lenet5"
    assert model.graph is origin(model).graph
    assert "class Lenet5(nn.Module):" in model.source
    assert origin(nn.Linear(1, 1)) is None
    assert origin(model).recipe.args == {"num_classes": 3}


def test_nothing_is_added_to_the_module() -> None:
    model = with_spec("lenet5")
    assert set(vars(model)) == set(vars(nn.Module()))
    assert next(iter(model.state_dict())) == "features.0.weight"


@pytest.mark.parametrize("file", sorted(SPECS.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_shipped_spec_owns_what_its_graph_says(file: Path) -> None:
    graph = compiled(file.stem).graph
    state = build(graph, device="meta").state_dict()
    owned = {
        f"{path}.{p.name}" if p.name else path: (p.shape, p.dtype.value)
        for path, node in graph.walk()
        if node.registers
        for p in node.parameters
        if p.kind != "transient"
    }
    assert {k: (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items()} == owned


def test_equal_networks_are_of_one_class() -> None:
    assert type(with_spec("lenet5")) is type(with_spec("lenet5"))
    assert type(with_spec("lenet5")) is not type(with_spec("lenet5", num_classes=3))


def test_on_the_meta_device() -> None:
    model = build(compiled("resnet", layers=[3, 8, 36, 3]).graph, device="meta")
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert model(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 1000)


def test_tracebacks_show_the_source() -> None:
    model = module("lenet5")
    with pytest.raises(RuntimeError) as caught:
        model(torch.zeros(1, 2, 28, 28))
    text = "".join(traceback.format_exception(caught.value))
    assert "x = self.features(image)" in text
    assert inspect.getsource(type(model)).startswith("class Lenet5(nn.Module):")
    assert "def forward(self, image: Tensor)" in inspect.getsource(type(model).forward)


def test_an_error_at_run_time_knows_its_place_in_the_spec() -> None:
    model = module("resnet", **TINY)
    with pytest.raises(RuntimeError) as caught:
        model.layer1[0](torch.zeros(1, 3, 8, 8))
    place = place_of(caught.value)
    assert place is not None
    assert place.source.line(place.line).strip() == "conv1: Conv2d(planes, 3, stride, dilation, dilation, bias=False)"
    assert place_of(ValueError("elsewhere")) is None


def test_memory_of_many_networks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MOST_LOADED", 2)
    models = [module("lenet5", num_classes=n) for n in range(20, 25)]
    assert len(building._loaded) == 2
    assert type(models[0]).__module__ not in sys.modules
    assert models[0](torch.zeros(1, 1, 28, 28)).shape == (1, 20)
    torch.compiler.reset()
    compiled_first = torch.compile(models[0], fullgraph=True, backend="eager")
    assert compiled_first(torch.zeros(1, 1, 28, 28)).shape == (1, 20)


def test_layers_that_take_something_beside_the_flow_are_a_loop() -> None:
    text = """
        nnc: 1
        name: net
        inputs: {x: [B, 8], layer: [B, 4]}
        blocks:
          Mix:
            inputs: {x: [B, C], memory: [B, M]}
            layers: {a: Linear(C)(x), b: Linear(C)(memory), out: a + b}
        layers:
          stack: {repeat: 5, type: Mix, from: [x, layer]}
    """
    model = build(compile_text(textwrap.dedent(text)).graph)
    source = str(model.source)
    assert "super().__init__(*(Mix() for _ in range(5)))" in source
    assert "for layer2 in self:\n            x = layer2(x, layer)\n        return x" in source
    assert isinstance(model.stack, nn.Sequential)
    x, memory = torch.randn(2, 8), torch.randn(2, 4)
    wanted = x
    for mix in model.stack:
        wanted = mix.a(wanted) + mix.b(memory)
    assert torch.equal(model(x, memory), wanted)
    assert torch.equal(copy.deepcopy(model)(x, memory), wanted)


def test_a_process_compiles_a_spec_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"nnc": 1, "name": "once", "inputs": {"x": ["B", 4]}, "args": {"n": 3}, "layers": {"fc": "Linear(n)"}}
    model = nnc.load(given, n=5)
    assert model.spec is not None
    again = rebuild(model.spec, args={"n": 5}, sizes={}, device="meta")
    assert again is not None
    assert type(again) is type(model)
    assert again.fc.weight.is_meta
    assert rebuild(model.spec, args={"n": 6}, sizes={}) is None
    assert rebuild(model.spec, args={"n": 5}, sizes={"B": 1}) is None
    monkeypatch.setattr(building, "MOST_LOADED", 1)
    nnc.load(given, n=7)
    assert rebuild(model.spec, args={"n": 5}, sizes={}) is None


# -- what a network remembers of its spec --------------------------------------------------------------------------------

ONCE = (
    "nnc: 1\nname: remembered\ninputs: {x: [B, 4]}\nargs: {n: 3}\nvariants: {wide: {n: 9}}\nlayers: {fc: Linear(n)}\n"
)


def test_a_spec_is_plain_data_when_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(ONCE)
    with monkeypatch.context() as patch:
        patch.setattr(Written, "document", lambda _: pytest.fail("nobody asked for the document"))
        model, again, wide = nnc.load(file), nnc.load(file), nnc.load(f"{file}#wide")
    file.unlink()
    assert type(again) is type(model)
    assert type(wide) is not type(model)
    expected = compile_text(ONCE, name=str(file)).document
    assert model.spec == expected
    assert wide.spec == compile_text(ONCE, name=str(file), variant="wide").document != expected
    assert type(nnc.load(model.spec)) is type(model)
    assert type(pickle.loads(pickle.dumps(wide))) is type(wide)  # noqa: S301  # our own


def test_networks_of_one_source_and_two_specs() -> None:
    one, other = (build_text(f"{ONCE}metadata: {{author: {who}}}\n") for who in ("me", "you"))
    assert one.source == other.source
    assert type(one) is not type(other)
    assert [m.spec["metadata"]["author"] for m in (one, other)] == ["me", "you"]
    assert [sys.modules[type(m).__module__].__dict__["Remembered"] for m in (one, other)] == [type(one), type(other)]


def test_the_lines_of_a_source_stay_as_long_as_a_network_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ONCE.replace("fc: Linear(n)", "fc: Linear(n), act: relu")
    build_text(f"{text}metadata: {{author: me}}\n")
    other = build_text(f"{text}metadata: {{author: you}}\n")
    monkeypatch.setattr(building, "MOST_LOADED", 1)
    assert type(build_text(f"{text}metadata: {{author: you}}\n")) is type(other)
    assert len(building._loaded) == 1
    assert "F.relu" in inspect.getsource(type(other))


def build_text(text: str) -> nn.Module:
    return instantiate(compile_text(text))

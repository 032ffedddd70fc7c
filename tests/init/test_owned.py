"""What a graph says that a network owns, against what torch's modules own."""

from __future__ import annotations

from itertools import islice

import pytest
from torch import nn

import nnc
from nnc.compiler.backends.torch.build import build
from nnc.compiler.graph.initial import LAYER_NAMES, fan, layer_values
from nnc.compiler.graph.owned import Owned, owned
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from tests.ops.module_samples import INFOS, Sample, samples

# One spec for each of torch's layers that has layers inside; what flows in is [B, T, 16].
LAYERS = {
    "MultiheadAttention": "MultiheadAttention(4, batch_first=True)(x, x, x)",
    "TransformerEncoderLayer": "TransformerEncoderLayer(4, dim_feedforward=32, batch_first=True)(x)",
    "TransformerDecoderLayer": "TransformerDecoderLayer(4, dim_feedforward=32, batch_first=True)(x, x)",
    "Transformer": "Transformer(4, num_encoder_layers=2, num_decoder_layers=1, dim_feedforward=32, batch_first=True)(x, x)",
}


# Those stacks of torch's that torch's own samples do not reach.
LAYERS |= {
    "TransformerEncoder": "TransformerEncoder(2, 4, dim_feedforward=32, batch_first=True, norm=True)(x)",
    "TransformerDecoder": "TransformerDecoder(2, 4, dim_feedforward=32, batch_first=True, norm=True)(x, x)",
}


def network(layer: str) -> nn.Module:
    output = "layer.attn_output" if "MultiheadAttention" in layer else "layer"
    return nnc.load({"nnc": 1, "inputs": {"x": ["B", "T", 16]}, "layers": {"layer": layer}, "outputs": output})


@pytest.mark.parametrize("name", LAYERS)
def test_layers_inside_torchs_layers_have_their_types(name: str) -> None:
    model = network(LAYERS[name])
    modules = dict(model.named_modules())
    found = [t for t in owned(model.graph) if t.is_parameter]  # type: ignore[arg-type]  # a property of ours
    assert sorted(t.path for t in found) == sorted(n for n, _ in model.named_parameters())
    for tensor in found:
        assert isinstance(modules[tensor.module], getattr(nn, tensor.type)), tensor.path
        assert getattr(modules[tensor.module], tensor.name).shape == tensor.spec.shape


# torchvision's blocks, on (N, C, H, W), and a perceptron on (N, C).
BLOCKS = {
    "SqueezeExcitation(4, activation='PReLU')": ["B", 8, "H", "W"],
    "Conv2dNormActivation(4, activation_layer='PReLU', inplace=null)": ["B", 8, "H", "W"],
    "Conv2dNormActivation(4, norm_layer=null)": ["B", 8, "H", "W"],
    "MLP([8, 4], norm_layer='LayerNorm', activation_layer='PReLU')": ["B", 8],
    "FeaturePyramidNetwork(4, norm_layer='BatchNorm2d')([x, x])": ["B", 8, "H", "W"],
}


@pytest.mark.parametrize("layer", BLOCKS)
def test_layers_inside_torchvisions_blocks_have_their_types(layer: str) -> None:
    """So that `init:` meets them by their type."""
    spec = {"nnc": 1, "inputs": {"x": BLOCKS[layer]}, "layers": {"layer": layer}}
    model = nnc.load(spec | ({"outputs": {"a": "layer.0", "b": "layer.1"}} if "Pyramid" in layer else {}))
    modules = dict(model.named_modules())
    found = [t for t in owned(model.graph) if t.is_parameter]  # type: ignore[arg-type]  # a property of ours
    assert sorted(t.path for t in found) == sorted(n for n, _ in model.named_parameters())
    for tensor in found:
        assert isinstance(modules[tensor.module], getattr(nn, tensor.type)), tensor.path


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_every_tensor_of_torchs_own_samples_belongs_to_the_layer_that_is_said() -> None:
    compared = set()
    for name in (n for n in INFOS if n in CATALOGUE):
        found = [
            nnc.compile(s.with_outputs(n)) for s in islice(samples(name), 3) if isinstance(s, Sample) for n in (1, 2, 3)
        ]
        for graph in [c.graph for c in found if c.ok][:1]:
            modules = dict(build(graph, device="meta").named_modules())
            for tensor in owned(graph):
                kind = type(modules[tensor.module]).__name__.removeprefix("NonDynamicallyQuantizable")
                assert kind == tensor.type, tensor.path
                assert hasattr(modules[tensor.module], tensor.name), tensor.path
                compared.add(tensor.node.target.name if isinstance(tensor.node.target, OpDef) else "")
    assert len(compared) > 25
    assert compared >= {"MultiheadAttention", "Transformer", "LSTM", "GRUCell", "Bilinear", "BatchNorm3d", "PReLU"}


def test_own_tensors_come_before_those_of_children() -> None:
    spec = {
        "nnc": 1,
        "inputs": {"x": ["B", 4]},
        "layers": {"fc": "Linear(4)", "scale": "Parameter([4])", "y": "fc * scale"},
    }
    model = nnc.load(spec)
    paths = [t.path for t in owned(model.graph)]  # type: ignore[arg-type]
    assert paths == [n for n, _ in model.named_parameters()] == ["scale", "fc.weight", "fc.bias"]


NUMBERS = {
    "Conv2d(8, 3, groups=2)": "[B, 4, 9, 9]",
    "ConvTranspose1d(6, 3)": "[B, 4, 9]",
    "Linear(8)": "[B, 4]",
    "BatchNorm2d": "[B, 4, 9, 9]",
    "GroupNorm(2)": "[B, 4, 9, 9]",
    "LSTM(8, 2)": "[B, T, 4]",
    "GRU(8)": "[B, T, 4]",
    "InstanceNorm2d(affine=True)": "[B, 4, 9, 9]",
}


@pytest.mark.parametrize("layer", NUMBERS)
def test_the_layers_numbers_are_attributes_of_torchs_module(layer: str) -> None:
    """What an initializer's argument sees is what the emitted code reads."""
    spec = {"nnc": 1, "inputs": {"x": NUMBERS[layer].strip("[]").split(", ")}, "layers": {"layer": layer}}
    spec["inputs"] = {"x": [int(d) if d.isdigit() else d for d in NUMBERS[layer].strip("[]").split(", ")]}
    if "LSTM" in layer or "GRU" in layer:
        spec["outputs"] = "layer.output"
    model = nnc.load(spec)
    module = model.get_submodule("layer")
    tensors = [t for t in owned(model.graph) if t.is_parameter]  # type: ignore[arg-type]
    assert tensors
    for tensor in tensors:
        seen = layer_values(tensor, tensors)
        assert set(seen) - {"fan_in", "fan_out"} <= set(LAYER_NAMES)
        for name, value in seen.items():
            if name not in ("fan_in", "fan_out"):
                assert getattr(module, name) == value, name


@pytest.mark.parametrize("shape", [(8, 4), (8, 4, 3), (8, 2, 3, 3), (2, 3, 1, 2, 4)])
def test_fans_are_those_of_torch(shape: tuple[int, ...]) -> None:
    import torch
    from torch.nn.init import _calculate_fan_in_and_fan_out  # type: ignore[attr-defined]

    assert fan(shape) == _calculate_fan_in_and_fan_out(torch.empty(shape))


def test_a_buffer_is_no_parameter() -> None:
    model = nnc.load({"nnc": 1, "inputs": {"x": ["B", 4, 5]}, "layers": {"bn": "BatchNorm1d"}})
    kinds: dict[str, Owned] = {t.name: t for t in owned(model.graph)}  # type: ignore[arg-type]
    assert [n for n, t in kinds.items() if t.is_parameter] == ["weight", "bias"]
    assert "running_mean" in kinds

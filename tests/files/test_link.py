"""A spec as a layer: the same network as a block of the same text would be, in one canonical spec."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nnc
from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_mapping, compile_text
from tests.files.helpers import alone, compiled, faults, one_fault

HEAD = "nnc: 1\ninputs: {a: [B, 1, 28, 28]}\nlayers:\n"


@pytest.mark.parametrize(
    ("entry", "classes"),
    [
        ("{type: ./lenet.yaml}", 10),
        ("{type: lenet.yaml, num_classes: 7}", 7),
        ("./lenet.yaml", 10),
        ("./lenet.yaml(num_classes=7)", 7),
        ("./lenet.yaml#tiny", 3),
        ("lenet.yaml#tiny(num_classes=8)(a)", 8),
        ('{type: "lenet.yaml#wide(num_classes=8)", from: a}', 8),
        ("{layers: [./lenet.yaml, Linear(5)]}", 5),
        ("{repeat: 1, type: ./lenet.yaml}", 10),
    ],
)
def test_every_way_to_write_it(tmp_path: Path, entry: str, classes: int) -> None:
    result = compiled(tmp_path, f"{HEAD}  net: {entry}")
    alone(result)
    assert str(result.graph.outputs[""].type) == f"[B, {classes}]"


def test_keys_nest_and_numbers_are_the_same(tmp_path: Path) -> None:
    result = compiled(tmp_path, HEAD + "  net: {type: ./lenet.yaml, num_classes: 4}\n  out: Linear(2)")
    model, inner = build(result.graph), nnc.load(tmp_path / "lenet.yaml", num_classes=4)
    keys = list(inner.state_dict())
    assert list(model.state_dict()) == [*(f"net.{k}" for k in keys), "out.weight", "out.bias"]
    inner.load_state_dict({k: model.state_dict()[f"net.{k}"] for k in keys})
    image = torch.randn(2, 1, 28, 28)
    assert torch.equal(model(image), model.out(inner(image)))


def test_a_model_of_the_zoo_in_another(tmp_path: Path) -> None:
    text = """
        nnc: 1
        inputs: {x: [B, 3, H, W]}
        layers:
          backbone: {type: "zoo:resnet18", num_classes: 10, layers: [1, 1, 1, 1]}
        """
    assert one_fault(compiled(tmp_path, text))[0] == "NNC0207"  # `layers:` is a word of the mapping form
    called = compiled(
        tmp_path,
        text.replace(", num_classes: 10, layers: [1, 1, 1, 1]", "").replace(
            '"zoo:resnet18"', '"zoo:resnet18(layers=[1, 1, 1, 1], num_classes=7)"'
        ),
    )
    assert "layer1.1" not in alone(called)
    result = compiled(tmp_path, text.replace(", layers: [1, 1, 1, 1]", ""))
    alone(result)
    assert result.graph.nodes[0].results[0].type.shape[1] == 10


def test_inputs_by_name_and_outputs_by_name(tmp_path: Path) -> None:
    two = """
        nnc: 1
        inputs: {left: [B, C], right: {shape: [B, C], dtype: int64}}
        layers: {sum: left + right, fc: Linear(2)}
        outputs: {sum: sum, fc: fc}
        """
    text = """
        nnc: 1
        inputs: {a: [N, 4], b: {shape: [N, 4], dtype: int64}}
        layers:
          two: {type: ./two.yaml, from: {right: b, left: a}}
          out: two.sum @ ones([4, 2]) + two.fc
        """
    alone(compiled(tmp_path, text, {"two.yaml": two}))
    swapped = compiled(tmp_path, text.replace("{right: b, left: a}", "[b, a]"), {"two.yaml": two})
    assert {d.code for d in faults(swapped)} == {"NNC0702"}


def test_names_of_the_outer_file_mean_nothing_inside(tmp_path: Path) -> None:
    """Its arguments, blocks and names may be called as those of the file around it."""
    text = """
        nnc: 1
        inputs: {a: [B, 1, 28, 28]}
        args: {width: 99, num_classes: 98, lenet: 3}
        let: {Stage: 5}
        blocks: {ReLU: {layers: [Linear(1)]}}
        layers: {net: ./lenet.yaml, more: ReLU}
        """
    result = compiled(tmp_path, text)
    printed = alone(result)
    assert "Conv2d(in_channels=1, out_channels=6" in printed
    assert "ReLU()" in printed
    assert set(result.document["blocks"]) == {"ReLU", "lenet_"}


def test_a_network_in_a_network_in_a_network(tmp_path: Path) -> None:
    files = {
        "parts/middle.yaml": """
            nnc: 1
            inputs: {x: [B, 1, 28, 28]}
            args: {classes: 4}
            layers: {one: {type: inner.yaml, num_classes: $classes}, two: {type: inner.yaml, from: x}}
            outputs: [one, two]
            """,
        "parts/inner.yaml": "extends: deep/lenet2.yaml\nname: inner",
        "parts/deep/lenet2.yaml": """
            nnc: 1
            inputs: {x: [B, 1, 28, 28]}
            args: {num_classes: 3}
            dims: {B: {min: 2}}
            layers: {flat: flatten(1), fc: Linear(num_classes)}
            """,
    }
    result = compiled(tmp_path, HEAD + "  net: parts/middle.yaml(classes=6)\n  sum: net.two + 1", files)
    alone(result)
    assert str(result.graph.outputs[""].type) == "[B, 3]"


def test_a_fixed_size_of_the_inner_spec_is_asked_of_what_flows_in(tmp_path: Path) -> None:
    inner = "nnc: 1\ninputs: {x: [B, T]}\ndims: {T: 8}\nlayers: {fc: Linear(T * 2)}"
    text = "nnc: 1\ninputs: {a: [B, 8]}\nlayers: {net: ./inner.yaml}"
    result = compiled(tmp_path, text, {"inner.yaml": inner})
    alone(result)
    assert str(result.graph.outputs[""].type) == "[B, 16]"
    assert one_fault(compiled(tmp_path, text.replace("[B, 8]", "[B, 9]"), {"inner.yaml": inner}))[0] == "NNC0702"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("{type: ./lenet.yaml, num_clases: 3}", "NNC0302"),
        ("./lenet.yaml#tny", "NNC0709"),
        ("./lenet.yaml + 1", "NNC0219"),
        ("{type: ./lenet.yaml, from: nothing}", "NNC0601"),
        ("{type: ./lenet.yaml(, from: a}", "NNC0402"),
        ("{type: ./frozen.yaml}", "NNC0219"),
        ("{type: ./broken.yaml}", "NNC0302"),
        ("{type: ./lenet.json}", "NNC0218"),
    ],
)
def test_what_goes_wrong(tmp_path: Path, entry: str, code: str) -> None:
    files = {
        "frozen.yaml": "extends: lenet.yaml\nfreeze: [fc.*]",
        "broken.yaml": "extends: lenet.yaml\nlayers: {fc: {type: Linear, out_feature: 3}}",
    }
    found = faults(compiled(tmp_path, f"{HEAD}  net: {entry}", files))
    assert found[0].code == code, found


def test_an_artifact_needs_no_other_file(tmp_path: Path) -> None:
    result = compiled(tmp_path, HEAD + "  net: {type: ./lenet.yaml, num_classes: 4}")
    document = result.document
    for file in tmp_path.iterdir():
        file.unlink()
    assert "yaml" not in str(document)
    assert compile_mapping(document).ok


def test_a_loss_takes_no_spec_as_a_layer() -> None:
    text = """\
nnc: 1
inputs: {x: [B, 3, H, W]}
layers: {net: "zoo:resnet18"}
data: {fields: [x, label], train: 'FakeData()'}
train:
  loss: {layers: {a: {type: "zoo:resnet18", from: x}}}
  optimizer: SGD(lr=0.1)
  epochs: 1
"""
    assert "NNC0219" in {d.code for d in compile_text(text).problems}

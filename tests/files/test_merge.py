"""`extends:` and `include:`: what the merged spec is, and that no change is without effect."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.files.helpers import alone, compiled, faults, one_fault

# -- what extends changes ----------------------------------------------------------------------------------------------


def layers_of(folder: Path, text: str) -> Any:
    result = compiled(folder, f"extends: lenet.yaml\n{text}")
    alone(result)
    return result.document["layers"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("{}", "features stage flat fc"),
        ("{fc: Linear(3)}", "features stage flat fc"),
        ("{fc: ~}", "features stage flat"),
        ("{stage: ~, fc: ~}", "features flat"),
        ("{drop: Dropout(0.5)}", "features stage flat fc drop"),
        ("{drop: {type: Dropout(0.5), after: flat}}", "features stage flat drop fc"),
        ("{drop: {type: Dropout(0.5), before: flat}}", "features stage drop flat fc"),
        ("{drop: {type: Dropout(0.5), before: features}}", "drop features stage flat fc"),
        ("{a: {type: ReLU, after: flat}, b: {type: ReLU, after: a}}", "features stage flat a b fc"),
        ("{stage: {type: Stage(2), before: features}}", "stage features flat fc"),
        ("{stage: {before: features}}", "stage features flat fc"),
    ],
)
def test_layers_by_name(tmp_path: Path, change: str, names: str) -> None:
    assert list(layers_of(tmp_path, f"layers: {change}")) == names.split()


@pytest.mark.parametrize(
    ("change", "types"),
    [
        ("features.1: GELU", ["Conv2d", "GELU", "MaxPool2d"]),
        ("features.0: ~\n  features.1: Tanh", ["Tanh", "MaxPool2d"]),
        ("features.3: Dropout(0.5)", ["Conv2d", "ReLU", "MaxPool2d", "Dropout"]),
        ("features: [Tanh]", ["Tanh"]),
    ],
)
def test_layers_of_a_list_by_number(tmp_path: Path, change: str, types: list[str]) -> None:
    assert [e["type"] for e in layers_of(tmp_path, f"layers:\n  {change}")["features"]["layers"]] == types


def test_a_list_replaces_the_whole(tmp_path: Path) -> None:
    assert layers_of(tmp_path, "layers: [flatten(1), Linear(3)]") == [
        {"expr": "flatten(1)"},
        {"type": "Linear", "out_features": 3},
    ]


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        ("fc: {from: flat}", {"type": "Linear", "out_features": "$num_classes", "from": "flat"}),
        ("features: {from: image}", {"from": "image"}),
        ("stage: {from: [features], before: flat}", {"type": "Stage", "channels": "$width", "from": ["features"]}),
    ],
)
def test_another_from_alone_leaves_the_entry_as_it_is(tmp_path: Path, change: str, entry: Any) -> None:
    layers = layers_of(tmp_path, f"layers:\n  {change}")
    found = dict(layers[change.partition(":")[0]])
    if (made := found.pop("layers", None)) is not None:
        assert [e["type"] for e in made] == ["Conv2d", "ReLU", "MaxPool2d"]
    assert found == entry


def test_an_input_more(tmp_path: Path) -> None:
    """With two inputs nothing says what the first layer takes; `from:` alone does."""
    text = """
        inputs: {facts: [B, 3]}
        layers:
          features: {from: image}
          both: {expr: "cat([flat, facts], 1)", after: flat}
    """
    result = compiled(tmp_path, f"extends: lenet.yaml{textwrap.dedent(text)}")
    alone(result)
    assert [v.name for v in result.graph.inputs] == ["image", "facts"]


def test_what_is_replaced_takes_what_the_old_one_took(tmp_path: Path) -> None:
    text = alone(compiled(tmp_path, "extends: lenet.yaml\nlayers: {stage: ~, more: {type: Stage(4), after: features}}"))
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["features", "0", "1"]
    assert "fc        Linear(in_features=196, out_features=10)" in text


def test_blocks_by_name_and_their_entries_by_path(tmp_path: Path) -> None:
    result = compiled(
        tmp_path,
        """
        extends: lenet.yaml
        blocks:
          Stage.act1: gelu
          Stage.norm: {type: BatchNorm2d, after: conv}
          Own: {layers: [ReLU]}
        layers:
          own: {type: Own, before: fc}
        """,
    )
    alone(result)
    assert list(result.document["blocks"]["Stage"]["layers"]) == ["conv", "norm", "act1", "pool"]
    assert list(result.document["blocks"]) == ["Stage", "Own"]


def test_every_other_section(tmp_path: Path) -> None:
    result = compiled(
        tmp_path,
        """
        extends: lenet.yaml
        name: tuned
        inputs: {image: [N, 1, 28, 28], other: [N, 5]}
        args: {num_classes: 26, rate: 0.5}
        let: {hidden: width * 2}
        layers:
          first: {type: Linear(hidden), from: other}
          features: {from: image, layers: [MaxPool2d(2)]}
        outputs: {logits: fc, first: first}
        metadata: {by: me}
        """,
    )
    alone(result)
    document = result.document
    assert document["name"] == "tuned"
    assert document["inputs"] == {"image": ["N", 1, 28, 28], "other": ["N", 5]}
    assert document["args"] == {"num_classes": 26, "width": 6, "rate": 0.5}
    assert list(document["outputs"]) == ["logits", "first"]
    assert "extends" not in document


def test_a_training_file_beside_the_network(tmp_path: Path) -> None:
    training = """
        extends: lenet.yaml
        data: {fields: [image, label], train: 'MNIST(root="data", train=True)'}
        train: {loss: CrossEntropyLoss(), optimizer: Adam(lr=1e-3), epochs: 5, seed: 3}
        """
    shorter = "extends: training.yaml\ntrain: {epochs: 1, seed: ~, batch_size: 8}"
    result = compiled(tmp_path, shorter, {"training.yaml": training})
    alone(result)
    assert result.document["train"] == {
        "loss": "CrossEntropyLoss()",
        "optimizer": "Adam(lr=1e-3)",
        "epochs": 1,
        "batch_size": 8,
    }
    assert result.document["name"] == "main"


@pytest.mark.parametrize(
    ("reference", "width", "classes"),
    [("lenet.yaml", 6, 10), ("./lenet.yaml#wide", 12, 10), ("lenet.yaml#tiny", 2, 3)],
)
def test_a_variant_is_extended(tmp_path: Path, reference: str, width: int, classes: int) -> None:
    result = compiled(tmp_path, f"extends: {reference}\nlayers: {{fc: ~}}")
    alone(result)
    assert result.document["args"] == {"num_classes": classes, "width": width}
    assert ("variants" in result.document) == ("#" not in reference)


def test_the_zoo_is_extended_by_data_too() -> None:
    from nnc.compiler.driver import compile_mapping

    result = compile_mapping({"extends": "zoo:resnet18", "args": {"num_classes": 4}, "layers": {"maxpool": None}})
    assert "maxpool" not in result.document["layers"]
    assert result.document["name"] == "resnet18"
    alone(result)


# -- changes to what is not there --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "at", "meant"),
    [
        ("layers: {fcc: ~}", "fcc", "fc"),
        ("layers: {x: {type: ReLU, after: flatt}}", "flatt", "flat"),
        ("layers: {x: {type: ReLU, before: stagee}}", "stagee", "stage"),
        ("layers: {features.7: ReLU}", "features.7", None),
        ("layers: {feature.0: ReLU}", "feature.0", "features"),
        ("layers: {stage.conv: ReLU}", "stage.conv", None),
        ("layers: {fc.0: ~}", "fc.0", None),
        ("blocks: {Stag: ~}", "Stag", "Stage"),
        ("blocks: {Stage.cnv: ~}", "Stage.cnv", "conv"),
        ("variants: {wid: ~}", "wid", "wide"),
        ("layers: {x: {type: ReLU, after: fc, before: fc}}", "fc", None),
    ],
)
def test_a_change_to_what_is_not_there_is_a_fault(tmp_path: Path, change: str, at: str, meant: str | None) -> None:
    (fault,) = faults(compiled(tmp_path, f"extends: lenet.yaml\n{change}"))
    assert (fault.code, fault.span.text) == ("NNC0221", at)
    assert (fault.fix.title if fault.fix else None) == (f"did you mean `{meant}`?" if meant else None)


def test_faults_point_into_the_file_they_come_from(tmp_path: Path) -> None:
    assert one_fault(compiled(tmp_path, "extends: lenet.yaml\nargs: {num_classes: -1}"))[:3] == (
        "NNC0305",
        "lenet.yaml",
        19,
    )
    assert one_fault(compiled(tmp_path, "extends: lenet.yaml\nlayers: {fc: 'Linear(10, bais=True)'}"))[:3] == (
        "NNC0302",
        "main.yaml",
        2,
    )
    removed = compiled(tmp_path, "extends: base.yaml\nlayers: {a: ~}", {"base.yaml": USES_A})
    assert one_fault(removed) == ("NNC0307", "base.yaml", 5, "a")


USES_A = """
    nnc: 1
    inputs: {x: [B, 4]}
    layers:
      a: Linear(4)
      b: relu(a)
    """


@pytest.mark.parametrize("key", ["after", "before"])
def test_only_a_file_that_extends_places_entries(tmp_path: Path, key: str) -> None:
    text = f"nnc: 1\ninputs: {{x: [B, 4]}}\nlayers: {{a: ReLU, b: {{type: ReLU, {key}: a}}}}"
    assert one_fault(compiled(tmp_path, text)) == ("NNC0207", "main.yaml", 3, key)


# -- include -----------------------------------------------------------------------------------------------------------

BLOCKS = """
    nnc: 1
    let: {slope: 0.25}
    blocks:
      Act: {layers: [LeakyReLU(slope)]}
      Twice: {args: {width: }, layers: [Linear(width), Act, Linear(width), Act]}
    """
INCLUDES = "nnc: 1\ninputs: {x: [B, 4]}\ninclude: FILES\nlayers: {a: Twice(3)}"


@pytest.mark.parametrize("files", ["parts/blocks.yaml", "[./parts/blocks.yaml]"])
def test_included_blocks_stand_here(tmp_path: Path, files: str) -> None:
    result = compiled(tmp_path, INCLUDES.replace("FILES", files), {"parts/blocks.yaml": BLOCKS})
    alone(result)
    assert list(result.document["blocks"]) == ["Act", "Twice"]


def test_what_is_included_includes(tmp_path: Path) -> None:
    files = {
        "parts/more.yaml": "nnc: 1\ninclude: blocks.yaml\nblocks: {Own: {layers: [Act]}}",
        "parts/blocks.yaml": BLOCKS,
    }
    result = compiled(tmp_path, INCLUDES.replace("FILES", "parts/more.yaml"), files)
    alone(result)
    assert list(result.document["blocks"]) == ["Act", "Twice", "Own"]


def test_two_blocks_of_one_name(tmp_path: Path) -> None:
    text = INCLUDES.replace("FILES", "blocks.yaml") + "\nblocks: {Act: {layers: [ReLU]}}"
    assert one_fault(compiled(tmp_path, text, {"blocks.yaml": BLOCKS})) == ("NNC0705", "main.yaml", 5, "Act")


def test_an_include_without_blocks(tmp_path: Path) -> None:
    files = {"blocks.yaml": "nnc: 1\nlet: {a: 1}"}
    assert one_fault(compiled(tmp_path, INCLUDES.replace("FILES", "blocks.yaml"), files))[:3] == (
        "NNC0218",
        "main.yaml",
        3,
    )


def test_a_fault_in_an_included_block(tmp_path: Path) -> None:
    files = {"blocks.yaml": BLOCKS.replace("Linear(width), Act, ", "Linear(widht), Act, ")}
    result = compiled(tmp_path, INCLUDES.replace("FILES", "blocks.yaml"), files)
    assert one_fault(result) == ("NNC0307", "blocks.yaml", 5, "widht")

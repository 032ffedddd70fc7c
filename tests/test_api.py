"""`import nnc`: what it offers, and that it says the same as the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnc
from nnc.specs import find

SPEC: dict[str, Any] = {
    "nnc": 1,
    "inputs": {"x": ["B", 8]},
    "args": {"classes": 10},
    "layers": {"hidden": "Linear(16)", "act": "relu", "fc": "Linear(classes)"},
}


def test_everything_that_is_promised_is_there() -> None:
    assert sorted(nnc.__all__) == nnc.__all__
    for name in nnc.__all__:
        assert getattr(nnc, name) is not None
        assert name in dir(nnc)
    with pytest.raises(AttributeError, match="module 'nnc' has no attribute 'lode'"):
        nnc.lode  # noqa: B018


@pytest.mark.parametrize("name", [n for n in nnc.__all__ if n[0].islower()])
def test_every_function_is_documented_with_an_example(name: str) -> None:
    doc = getattr(nnc, name).__doc__ or ""
    assert ">>> " in doc


def test_names_are_seen_by_type_checkers(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import nnc\n"
        "from torch import nn\n"
        "model: nn.Module = nnc.load('zoo:lenet5', num_classes=3)\n"
        "faults: list[nnc.Diagnostic] = nnc.check({'nnc': 1})\n"
        "wrong: int = nnc.compile('zoo:lenet5')\n"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(tmp_path / "use.py")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if "use.py" in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert 'expression has type "Compilation", variable has type "int"' in errors[0]


# -- check and compile -------------------------------------------------------------------------------------------------


def test_check() -> None:
    assert nnc.check(SPEC) == []
    assert nnc.check("zoo:lenet5", num_classes=3) == []
    (fault,) = nnc.check(SPEC | {"layers": {"fc": "Linear(10, bais=True)"}})
    assert fault.code == "NNC0302"
    assert fault.fix is not None
    assert fault.fix.replacement == "bias"
    (fault,) = nnc.check("nowhere.yaml")
    assert fault.code == "NNC0101"
    (fault,) = nnc.check(SPEC, clases=3)
    assert fault.code == "NNC0709"


def test_compile() -> None:
    result = nnc.compile("zoo:unet")
    assert result.ok
    assert result.solution is not None
    assert [r.text for r in result.solution.requirements] == ["H >= 16", "W >= 16"]
    assert nnc.compile("zoo:unet", sizes={"H": 64}).graph.outputs[""].type.shape[2] == 64
    assert nnc.compile(SPEC, stop_after="schema").elaborated is None
    with pytest.raises(nnc.SpecError, match="NNC0709"):
        nnc.compile(SPEC, clases=3).graph  # noqa: B018


def test_what_is_no_spec() -> None:
    with pytest.raises(KeyError, match="did you mean `zoo:lenet5`"):
        nnc.check("zoo:lenet")
    with pytest.raises(TypeError, match="not set"):
        nnc.check({"nnc": 1, "layers": {1, 2}})


# -- load and save -----------------------------------------------------------------------------------------------------


def test_load_from_data_a_path_a_name_and_an_artifact(tmp_path: Path) -> None:
    model = nnc.load(SPEC, classes=3)
    assert isinstance(model, nn.Module)
    x = torch.randn(5, 8)
    assert model(x).shape == (5, 3)

    path = tmp_path / "net.json"
    path.write_text(json.dumps(SPEC))
    for given in (path, str(path)):
        assert nnc.load(given, classes=3)(x).shape == (5, 3)
    assert list(nnc.load("zoo:lenet5").state_dict()) == list(nnc.load(find("lenet5")).state_dict())

    saved = nnc.save(model, tmp_path / "net.safetensors")
    again = nnc.load(saved)
    assert torch.equal(again(x), model(x))
    assert (again.spec, again.source) == (model.spec, model.source)


def test_load_on_meta_and_with_sizes() -> None:
    model = nnc.load("zoo:lenet5", device="meta", sizes={"B": 2})
    assert all(p.is_meta for p in model.parameters())


def test_a_model_knows_what_it_was_made_from() -> None:
    model = nnc.load(SPEC)
    assert model.spec["layers"]["fc"] == {"type": "Linear", "out_features": "$classes"}  # in canonical form
    assert nnc.check(model.spec) == []
    assert "nn.Linear(8, 16)" in str(model.source)
    assert [n.name for n in nnc.compile(SPEC).graph.nodes] == [n.name for n in model.graph.nodes]  # type: ignore[union-attr]


def test_load_of_a_faulty_spec_raises_with_every_fault() -> None:
    with pytest.raises(nnc.SpecError) as caught:
        nnc.load(SPEC | {"layers": {"a": "Linaer(1)", "b": {"type": "Linear(2, bais=True)", "from": "x"}}})
    assert [d.code for d in caught.value.diagnostics] == ["NNC0301", "NNC0302"]
    assert "did you mean `Linear`?" in str(caught.value)


def test_an_artifact_takes_no_arguments(tmp_path: Path) -> None:
    saved = nnc.save(nnc.load(SPEC), tmp_path / "net.safetensors")
    with pytest.raises(TypeError, match="keeps the arguments"):
        nnc.load(saved, classes=3)


def test_a_foreign_module_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(nnc.Failure, match="no spec to save"):
        nnc.save(nn.Linear(1, 1), tmp_path / "net.safetensors")


# -- train, evaluate, predict ------------------------------------------------------------------------------------------


def test_train_evaluate_predict(tmp_path: Path) -> None:
    import numpy as np

    x = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
    npz = f'Npz("{tmp_path / "data.npz"}", ["x", "y"])'
    data = {"fields": ["x", "y"], "train": npz, "test": npz}
    train = {"loss": "CrossEntropyLoss", "optimizer": "Adam(lr=0.1)", "metrics": ["Accuracy"], "epochs": 9}
    spec = SPEC | {"data": data, "train": train}
    trained = nnc.train(spec, classes=2, epochs=3, run_dir=tmp_path / "run", progress=False, device="cpu")
    assert trained.result.epoch == 3
    assert trained.artifact == tmp_path / "run" / "model.safetensors"
    assert nnc.evaluate(trained.artifact).quantities["accuracy"] > 0.8
    np.save(tmp_path / "x.npy", np.array([[3.0] + [0.0] * 7, [-3.0] + [0.0] * 7], np.float32))
    results = nnc.predict(trained.artifact, tmp_path / "x.npy")
    assert [r["index"] for r in results] == [1, 0]
    assert results == nnc.predict(tmp_path / "run", [tmp_path / "x.npy"])


@pytest.mark.parametrize("name", ["nnc: 1\ninputs: {x: [B, 4]}\nlayers: [Linear(3)]\n", "{\n}", "a\nb#c"])
def test_the_text_of_a_spec_is_no_file_name(name: str) -> None:
    (fault,) = nnc.check(name)
    assert fault.message == "this is the text of a spec, and not the name of a file"
    assert "yaml.safe_load" in str(fault.fix)
    with pytest.raises(nnc.SpecError, match="<text>"):
        nnc.load(name)

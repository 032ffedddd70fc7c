"""A spec names what to train with, and cannot make nnc import, unpickle or overwrite anything."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.driver import compile_text
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.commands import run_training
from nnc.runtime.failure import Failure

ROOT = Path(__file__).parents[2]
NETWORK = """\
nnc: 1
name: net
inputs: {x: [B, 1, 8, 8]}
layers: {flat: flatten(1), fc: Linear(10)}
"""

HOSTILE_NAMES = [
    "os.system", "system", "Optimizer", "_LRScheduler", "LRScheduler", "__class__", "__import__", "eval", "exec",
    "functional", "Tensor", "VisionDataset", "DatasetFolder", "Lambda", "Compose", "Module", "partial",
    "swa_utils.AveragedModel", "torch.optim.SGD", "load", "Кириллица", "SGD.__init__", "[SGD]", "SGD + SGD",
    "(lambda: 1)", "SGD()()", "${SGD}", "../SGD", "SGD; import os",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("place", ["optimizer", "scheduler", "loss", "metric", "dataset", "transform"])
def test_only_names_of_the_vocabulary(place: str, name: str) -> None:
    import json

    quoted = json.dumps(name, ensure_ascii=False)
    places = {
        "optimizer": "Adam",
        "scheduler": "StepLR(1)",
        "loss": "MSELoss",
        "metric": "Accuracy",
        "transform": "ToImage",
    }
    places |= {"dataset": "MNIST('data')", place: quoted if place != "dataset" else name}
    text = NETWORK + (
        f"data: {{train: {json.dumps(places['dataset'], ensure_ascii=False)}, transforms: {{image: [{places['transform']}]}}}}\n"
        f"train: {{loss: {places['loss']}, optimizer: {places['optimizer']}, scheduler: {places['scheduler']}, epochs: 1,\n"
        f"  metrics: [{places['metric']}]}}\n"
    )
    assert compile_text(text).problems.has_errors


@given(st.text(max_size=30))
def test_any_text_in_the_place_of_an_optimizer(text: str) -> None:
    import json

    spec = NETWORK + f"train: {{loss: MSELoss, optimizer: {json.dumps(text)}, epochs: 1}}\n"
    compilation = compile_text(spec)
    named = text.strip().split("(")[0].strip() in VOCABULARY["optimizer"]
    assert compilation.problems.has_errors or named


def test_a_pickled_dataset_of_old_is_not_opened(tmp_path: Path) -> None:
    """torchvision's MNIST reads `processed/training.pt` where it is there."""

    class Canary:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    folder = tmp_path / "data" / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save((Canary(), Canary()), folder / name)
    cifar = tmp_path / "data" / "cifar-10-batches-py"
    cifar.mkdir()
    for name in (
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
        "batches.meta",
    ):
        (cifar / name).write_bytes(pickle.dumps(Canary()))
    for dataset in ("MNIST", "FashionMNIST", "CIFAR10"):
        if dataset == "FashionMNIST":
            folder.parent.rename(folder.parent.with_name("FashionMNIST"))
        spec = tmp_path / "spec.yaml"
        train = "train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}\n"
        spec.write_text(NETWORK + f"data: {{train: '{dataset}(\"data\")'}}\n" + train)
        with pytest.raises(Failure, match=f"{dataset} cannot be opened"):
            run_training(spec, folder=tmp_path / "run", device="cpu")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "root", ["/tmp/x", "../x", "a/../../x", "~/x", "C:\\\\x", "\\\\\\\\host\\\\x", "a\\\\..\\\\..\\\\x"]
)
def test_a_download_stays_below_the_spec(root: str) -> None:
    text = NETWORK + f'data:\n  train: MNIST("{root}", download=True)\n'
    assert [d.code for d in compile_text(text).problems] == ["NNC0817"]
    assert not compile_text(text.replace("True", "False")).problems.found


def test_a_name_makes_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a run is named after the spec, and lies in `runs/` whatever that name is."""
    from nnc.runtime.commands import _folder

    monkeypatch.chdir(tmp_path)
    for name in ("../../etc", "/etc/passwd", "a/b", "..", "", "con\0", "x" * 500, "*", "[a-z]"):
        folder = _folder(name, resume=False)
        assert folder.parent == Path("runs")
        assert len(folder.name) < 80
        assert not set(folder.name) & set('/\\\0*?[]:<>|"')


SAFELY = {"weights_only=True", "allow_pickle=False"}


def test_the_runtime_unpickles_nothing_and_imports_by_no_name() -> None:
    """No call in our code could: neither pickle's, nor torch.load of more than weights, nor import by a computed name,
    nor eval."""
    found = []
    for path in sorted([*(ROOT / "runtime").rglob("*.py"), *(ROOT / "compiler" / "training").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                found += [
                    (path.name, n)
                    for n in names
                    if n.split(".")[0] in ("pickle", "importlib", "marshal", "shelve", "dill")
                    and n != "importlib.metadata"  # versions of what is installed
                    and path.name
                    != "own.py"  # the user's own code, for a caller who trusts it: tests/runtime/test_own.py
                    and path.name != "extras.py"  # which imports packages that our own code names
                ]
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                given = {ast.unparse(k) for k in node.keywords}
                if (called, given & SAFELY) in (
                    ("torch.load", {"weights_only=True"}),
                    ("np.load", {"allow_pickle=False"}),
                ):
                    continue
                if called in ("torch.load", "eval", "exec", "compile", "__import__", "np.load", "numpy.load"):
                    found.append((path.name, called))
    assert found == []

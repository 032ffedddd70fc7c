"""Datasets and transforms of one's own: run only for a caller who trusts the spec, and then as exact as all others."""

from __future__ import annotations

import json
import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nnc.cli import main
from nnc.compiler.driver import SpecError, compile_text
from nnc.runtime.commands import open_spec_data, run_evaluation, run_prediction, run_training
from nnc.runtime.failure import Failure
from tests.expectations import compare
from tests.runtime.helpers import StopAfter, same_state

CODE = '''
from os import system
from pathlib import Path

import numpy as np
import torch

(Path(__file__).parent / "ran").touch()


class Waves:
    """Sequences of different lengths, and which of two waves they are."""

    classes = ["slow", "fast"]

    def __init__(self, count, noise=0.1):
        self.count, self.noise = count, noise

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == 13:
            raise OSError("the recording is cut short")
        random = np.random.default_rng(index)
        length = int(random.integers(5, 12))
        wave = np.sin(np.arange(length) * (0.4 + index % 2)) + self.noise * random.standard_normal(length)
        return {"label": index % 2, "x": wave.astype(np.float32)[:, None]}


def jitter(scale):
    return lambda x: x + scale * torch.randn(x.shape)


def broken():
    return 1 / 0


class Endless:
    def __iter__(self):
        return iter(())
'''
SPEC: dict[str, Any] = {
    "nnc": 1,
    "name": "waves",
    "imports": {"mine": "./mine.py"},
    "inputs": {"x": ["B", "T", 1], "mask": {"shape": ["B", "T"], "dtype": "bool"}},
    "layers": {
        "gru": {"type": "GRU(8, batch_first=True)", "from": "x"},
        "kept": "gru.output * unsqueeze(mask, 2)",
        "mean": "sum(kept, 1)",
        "fc": "Linear(2)",
    },
    "data": {
        "fields": ["x", "label"],
        "train": "mine.Waves(count=40)",
        "validation": "mine.Waves(count=10, noise=0.0)",
        "transforms": {"x": {"train": ["mine.jitter(scale=0.05)"], "eval": []}},
        "padding": {"fields": ["x"]},
        "on_error": "skip",
        "workers": 0,
    },
    "train": {
        "loss": "CrossEntropyLoss",
        "optimizer": "Adam(lr=0.03)",
        "metrics": ["Accuracy"],
        "epochs": 4,
        "batch_size": 8,
    },
}


@pytest.fixture
def waves(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    return written(tmp_path / "spec.json", SPEC)


def written(path: Path, spec: dict[str, Any]) -> Path:
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


def changed(**data: Any) -> dict[str, Any]:
    return {**SPEC, "data": {**SPEC["data"], **data}}


def ran(path: Path) -> bool:
    return (path.parent / "ran").exists()


def test_nothing_runs_without_trust(waves: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "train", "data"):
        assert main([command, str(waves)]) == 1
        said = capsys.readouterr()
        assert "NNC0217" in said.out + said.err
        assert "runs Python code, which only a spec that you trust may do" in said.out + said.err
    with pytest.raises(SpecError, match="NNC0217"):
        run_training(waves, folder=waves.parent / "run")
    with pytest.raises(SpecError, match="NNC0217"):
        open_spec_data(waves)
    assert not ran(waves)
    assert main(["check", str(waves), "--trust"]) == 0
    assert main(["summary", str(waves)]) == 0
    assert not ran(waves), "what only reads the spec runs nothing of it, trusted or not"


def test_trained_evaluated_and_used(waves: Path) -> None:
    folder = waves.parent / "run"
    trained = run_training(waves, folder=folder, trust=True)
    assert ran(waves)
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert records[-1]["validation"]["accuracy"] >= 0.9
    assert records[-1]["dropped"] == 1
    assert any("cut short" in r["names"][0] for r in records if r.get("event") == "left out")
    for source in (folder, folder / "model.safetensors"):
        (waves.parent / "ran").unlink()
        with pytest.raises(SpecError, match="NNC0217"):
            run_evaluation(source, device="cpu")
        assert not ran(waves)
        assert run_evaluation(source, device="cpu", trust=True).quantities["accuracy"] >= 0.9
    (waves.parent / "ran").unlink()
    import numpy as np

    np.savez(waves.parent / "new.npz", x=np.zeros((2, 6, 1), np.float32), mask=np.ones((2, 6), bool))
    assert trained.artifact is not None
    assert len(list(run_prediction(trained.artifact, [waves.parent / "new.npz"], device="cpu"))) == 2
    assert not ran(waves), "a saved model needs nobody's code"


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_exactly(waves: Path, workers: int) -> None:
    """Its own transform draws with the sample's seed, in whatever process."""
    whole = run_training(waves, folder=waves.parent / "whole", trust=True, epochs=2)
    path = written(waves, changed(workers=workers))
    run_training(path, folder=waves.parent / "run", trust=True, epochs=2, reporter=StopAfter(7, signal.SIGTERM))
    resumed = run_training(path, folder=waves.parent / "run", trust=True, resume=True)
    assert same_state(resumed.model.state_dict(), whole.model.state_dict())


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no such name": (changed(train="mine.Wave(count=40)"), "mine.py defines no class or function `Wave`"),
    "what the file imports": (
        changed(train='mine.system(command="touch ran2")'),
        "defines no class or function `system`",
    ),
    "its module": (changed(train="mine.torch()"), "defines no class or function `torch`"),
    "another argument": (changed(train="mine.Waves(size=40)"), "mine.Waves raised TypeError"),
    "an exception": (changed(train="mine.broken()"), "mine.broken raised ZeroDivisionError: division by zero"),
    "no length": (changed(train="mine.Endless()"), "does not say how many samples it has"),
    "no samples": (changed(train="mine.Waves(count=0)"), "mine.Waves is empty"),
    "no file": ({**SPEC, "imports": {"mine": "./none.py"}}, "there is no such file, which `imports:` calls `mine`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_code(waves: Path, name: str) -> None:
    spec, expected = FAULTS[name]
    with pytest.raises(Failure) as caught:
        run_training(written(waves, spec), folder=waves.parent / "run", trust=True)
    assert expected in str(caught.value)
    assert not (waves.parent / "ran2").exists()


def test_code_that_cannot_be_run(waves: Path) -> None:
    (waves.parent / "mine.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    with pytest.raises(Failure, match="it cannot be run: ModuleNotFoundError"):
        run_training(waves, folder=waves.parent / "run", trust=True)


SECTIONS = {
    "a file that is not imported": """
        data:
          train: other.Waves(count=3)  # error: [unknown-training-name] "add `imports: {other: ./my_code.py}`"
    """,
    "by position": """
        data:
          train: mine.Waves(3)  # error: [too-many-training-arguments] "takes no arguments by position"
    """,
    "a hidden name": """
        data:
          train: mine._Waves()  # error: [unknown-training-name] "a name that begins with _"
    """,
    "a loss": """
        data: {train: mine.Waves()}
        train:
          loss: mine.Loss()  # error: [unknown-training-name] "code of your own gives datasets and transforms"
          optimizer: Adam
          epochs: 1
    """,
    "a file elsewhere": """
        data: {train: mine.Waves()}
        imports:
          other: ../other.py  # error: [not-trusted] "a .py file below the folder of the spec"
    """,
    "no Python": """
        data: {train: mine.Waves()}
        imports:
          other: os  # error: [not-trusted] "a .py file below the folder of the spec"
    """,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_faults_of_the_section(name: str) -> None:
    text = "nnc: 1\ninputs: {image: [B, 4]}\nlayers: [Linear(2)]\n" + textwrap.dedent(SECTIONS[name])
    listed = "imports:\n" in text
    text = text.replace("imports:", "imports:\n  mine: ./mine.py") if listed else text + "imports: {mine: ./mine.py}\n"
    assert compare(text, compile_text(text, trust=True).problems.sorted()) == []


def test_an_item_of_another_form(waves: Path) -> None:
    code = CODE.replace('return {"label": index % 2, "x": wave.astype(np.float32)[:, None]}', "return wave")
    (waves.parent / "mine.py").write_text(code, encoding="utf-8")
    with pytest.raises(Failure, match=r"an item of mine\.Waves holds x, label"):
        run_training(written(waves, changed(on_error="fail")), folder=waves.parent / "run", trust=True)


def test_labels_that_cannot_be_read(waves: Path) -> None:
    """Counting classes reads every sample of a dataset that does not say its `targets`."""
    spec = {**changed(on_error="fail"), "train": {**SPEC["train"], "loss": 'CrossEntropyLoss(weight="balanced")'}}
    with pytest.raises(Failure, match="the recording is cut short"):
        run_training(written(waves, spec), folder=waves.parent / "run", trust=True)


OPEN = """
class Open(Waves):
    def __init__(self, count):
        super().__init__(count)
        self.hook = lambda: 0
"""


@pytest.mark.filterwarnings("ignore:Got pickle error")
def test_a_dataset_that_no_other_process_can_have(waves: Path) -> None:
    (waves.parent / "mine.py").write_text(CODE + OPEN, encoding="utf-8")
    loader = {"num_workers": 1, "multiprocessing_context": "spawn"}
    spec = {**changed(train="mine.Open(count=40)", loader=loader)}
    del spec["data"]["workers"]
    with pytest.raises(Failure, match="the processes that read samples cannot be begun"):
        run_training(written(waves, spec), folder=waves.parent / "run", trust=True)

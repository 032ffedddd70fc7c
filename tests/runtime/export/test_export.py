"""A network in other forms: what was written is read again as others would read it, and computes the same; what does not is
refused. ONNX and torch.export take seconds a network, so here stands one of each kind, and more in test_kinds.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import nnc
from nnc.runtime.export import export
from nnc.runtime.export.compare import difference, draw, run
from nnc.runtime.export.sizes import trials
from nnc.runtime.failure import Failure
from tests.runtime.export.specs import CNN, LSTM, NOISE, RNN, SKIP, STEP, trained

MODULE = sys.modules["nnc.runtime.export.export"]


def refused(model: Any, path: Path, **options: Any) -> tuple[str, str]:
    with pytest.raises(Failure) as caught:
        export(model, path, **options)
    assert list(path.parent.glob("*")) == [], "nothing is left behind"
    return caught.value.code, str(caught.value)


# -- weights -----------------------------------------------------------------------------------------------------------

TIED = {
    "nnc": 1, "name": "tied", "inputs": {"tokens": {"shape": ["B", "T"], "dtype": "int64"}},
    "layers": {"embed": "Embedding(7, 4)", "out": "Linear(7, bias=False)"}, "tie": {"out.weight": "embed.weight"},
}  # fmt: skip


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
def test_weights_alone(tmp_path: Path, name: str) -> None:
    """They load into the same network by torch's own means, strictly, and nothing in them runs."""
    model = trained(CNN).eval()
    done = export(model, tmp_path / name)
    assert done.kind == ("safetensors" if name.endswith("s") else "state_dict")
    read = load_file(done.path) if name.endswith("s") else torch.load(done.path, weights_only=True)
    other = trained(CNN, seed=1).eval()
    other.load_state_dict(read)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(model(x), other(x))
    assert done.path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_tied_weights_have_both_names(tmp_path: Path, name: str) -> None:
    model = trained(TIED)
    done = export(model, tmp_path / name)
    again = trained(TIED, seed=1)
    nnc.load_weights(again, str(done.path))
    assert torch.equal(again.embed.weight, model.embed.weight)
    assert again.embed.weight is again.out.weight


# -- programs ----------------------------------------------------------------------------------------------------------


def test_onnx(tmp_path: Path) -> None:
    """Held against the network by onnxruntime itself, at a size that it was neither traced nor compared at."""
    import onnxruntime

    model = trained(CNN)
    assert model.training
    done = export(model, tmp_path / "cnn.onnx")
    assert model.training, "the network is left as it was"
    assert done.compared == ("B=2, H=64, W=96", "B=3, H=96, W=128", "B=1, H=64, W=96")
    assert 0 <= done.difference < 1e-5
    assert list(done.free) == ["B", "H", "W"]
    session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
    (given,), (taken,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, taken.name) == ("image", ["B", 1, "H", "W"], "output")
    x = torch.randn(4, 1, 9, 11)
    (made,) = session.run(None, {"image": x.numpy()})
    assert difference(model.eval()(x).detach(), torch.from_numpy(made)) < 1e-5


def test_pt2(tmp_path: Path) -> None:
    model = trained(SKIP)
    done = export(model, tmp_path / "skip.pt2")
    x = torch.randn(1, 3, 10, 14)
    again = torch.export.load(done.path).module()
    assert torch.equal(again(x), model.eval()(x))
    assert done.difference == 0


def test_python_runs_without_nnc(tmp_path: Path) -> None:
    done = export(trained(LSTM), tmp_path / "lstm.py")
    assert (done.difference, len(done.compared)) == (0.0, 3)
    assert "import nnc" not in done.path.read_text()


def test_a_size_that_torch_cannot_free_is_fixed_and_said(tmp_path: Path) -> None:
    """torch.export writes the steps of an RNN out. LSTM and GRU it can do for any number of them."""
    done = export(trained(LSTM), tmp_path / "lstm.pt2")
    assert (done.fixed, list(done.free), done.difference) == ({}, ["B", "T"], 0)
    model = trained(RNN)
    done = export(model, tmp_path / "rnn.pt2", sizes={"T": 5})
    assert (done.fixed, done.compared) == ({}, ("B=2, T=5", "B=3, T=5", "B=1, T=5"))  # as asked for
    done = export(model, tmp_path / "rnn.pt2")
    assert done.fixed == {"T": 12}
    assert "T is fixed at 12, torch cannot export it free: --size T=N chooses another" in list(done.lines())
    torch.export.load(done.path).module()(torch.zeros(7, 12, dtype=torch.int64))


def test_a_size_that_onnx_cannot_free_is_fixed(tmp_path: Path) -> None:
    """torch writes windows of an adaptive pool for one size of image: at another, the ONNX model is wrong."""
    done = export(trained(CNN, size=2), tmp_path / "cnn.onnx")
    assert (done.fixed, list(done.free)) == ({"H": 64, "W": 96}, ["B"])


def test_an_output_called_like_an_input(tmp_path: Path) -> None:
    import onnxruntime

    done = export(trained(STEP), tmp_path / "step.onnx")
    session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
    assert [v.name for v in [*session.get_inputs(), *session.get_outputs()]] == ["x", "h", "y", "h_out"]


def test_of_random_numbers_the_shapes_are_compared(tmp_path: Path) -> None:
    done = export(trained(NOISE), tmp_path / "noise.pt2")
    assert done.random
    assert next(iter(done.lines())).startswith("the network draws random numbers")


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_program_that_computes_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = torch.export.load

    class Wrong:
        def __init__(self, file: Any) -> None:
            self.program = load(file)

        def module(self) -> Any:
            return lambda *inputs: self.program.module()(*inputs) * 1.001

    monkeypatch.setattr(torch.export, "load", Wrong)
    code, words = refused(trained(CNN), tmp_path / "cnn.pt2")
    assert code == "NNC0913"
    assert "1.0e-03 of the largest value apart at B=2, H=64, W=96" in words


def test_source_that_does_not_run_alone_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "ALONE", "raise SystemExit('no such module')")
    code, words = refused(trained(CNN), tmp_path / "cnn.py")
    assert (code, "no such module" in words) == ("NNC0913", True)


def test_what_onnx_has_no_operator_for(tmp_path: Path) -> None:
    spec = {"nnc": 1, "name": "odd", "inputs": {"x": ["B", 4]}, "layers": {"a": "Linear(3)", "b": "lgamma(abs(a) + 1)"}}
    code, words = refused(trained(spec), tmp_path / "odd.onnx")
    assert (code, "torch.onnx cannot follow the network" in words, "lgamma" in words) == ("NNC0912", True, True)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"Q": 3}, "`Q` is no free size of the network: there is B, H, W"),
        ({"H": 7}, "it requires H % 2 == 0"),  # an odd height
    ],
)
def test_sizes_that_do_not_fit(tmp_path: Path, sizes: Mapping[str, int], words: str) -> None:
    code, said = refused(trained(SKIP), tmp_path / "skip.onnx", sizes=sizes)
    assert (code, words in said) == ("NNC0912", True)


def test_other_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(trained(CNN), tmp_path / "cnn.tflite")[0] == "NNC0912"
    assert "did not compile" in refused(torch.nn.Linear(2, 2), tmp_path / "cnn.onnx")[1]
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    code, words = refused(trained(CNN), tmp_path / "cnn.onnx")
    assert (code, "pip install 'nnc[onnx]' brings it" in words) == ("NNC0911", True)


# -- sizes and inputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "layers", "expected"),
    [
        ({"x": ["B", 3, 8, 8]}, {"f": "flatten(1)"}, [{"B": 2}, {"B": 3}, {"B": 1}]),
        ({"x": [5, 4]}, {"f": "relu"}, [{}]),
        ({"x": ["B", 1, "H", "W"]}, {"a": "Conv2d(1, 99)"}, [{"H": 99, "W": 99}]),  # nothing smaller will do
        ({"x": ["B", "T", 4]}, {"f": "view([B, T // 2 * 2, 4])"}, [{"T": 12}]),
        ({"x": ["B", "N"], "y": ["B", "M"]}, {"f": "x + y"}, [{"N": 13, "M": 13}]),  # M == N
    ],
)  # fmt: skip
def test_sizes_meet_the_requirements(inputs: Any, layers: Any, expected: list[Mapping[str, int]]) -> None:
    result = nnc.compile({"nnc": 1, "name": "n", "inputs": inputs, "layers": layers})
    found = trials(result, {})
    assert result.solution is not None
    assert all(result.solution.holds(t) for t in found)
    assert {**found[0], **expected[0]} == found[0]
    assert len(found) >= len(expected)


def test_tokens_are_in_the_table() -> None:
    model = trained(LSTM)
    (tokens,) = draw(model, model.graph, {"B": 50, "T": 50})
    assert (tokens.dtype, int(tokens.max()), int(tokens.min())) == (torch.int64, 10, 0)
    assert run(model.eval(), (tokens,))[0].shape == (50, 3)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 4.0], [1.0, 3.0], 0.25),
        ([0.0, 0.0], [0.0, 0.5], 0.5),
        ([float("nan"), 1.0], [float("nan"), 1.0], 0.0),
        ([float("nan"), 1.0], [0.0, 1.0], float("inf")),
        ([float("inf")], [float("-inf")], float("inf")),
        ([1, 2], [1, 3], float("inf")),
        ([1, 2], [1.0, 2.0], float("inf")),
        ([1.0], [[1.0]], float("inf")),
        ([], [], 0.0),
        ([1j, 2j], [1j, 1j], 0.5),
    ],
)
def test_difference(a: list[Any], b: list[Any], expected: float) -> None:
    assert difference(torch.tensor(a), torch.tensor(b)) == expected

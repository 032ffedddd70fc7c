"""The source of every shipped spec: alone with torch it loads the compiled model's weights and gives equal outputs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import nnc
from nnc.compiler.types.dim import evaluate
from nnc.compiler.types.tensor import TensorType
from nnc.specs import families, find
from tests.zoo.by_hand import cases as by_hand
from tests.zoo.families import CASES

SIZES = {"B": 2, "T": 7, "H": 33, "W": 36}  # of what no table below has inputs for


def example(family: str) -> tuple[nn.Module, list[Tensor]]:
    """A small network of a family, and inputs: those that it is compared with torchvision or with a hand on."""
    torch.manual_seed(0)
    for case in by_hand.CASES.values():
        if case.spec == family:
            return nnc.load(f"zoo:{family}", **case.args), list(case.inputs[0]())
    known = [c for c in CASES.values() if Path(find(c.spec).partition("#")[0]).stem == family]
    for model in sorted(known, key=lambda c: not c.quick)[:1]:
        return nnc.load(model.spec, **model.args), [torch.randn(model.batch, *model.sizes[0])]
    other = nnc.load(f"zoo:{family}")
    return other, [drawn(value.type) for value in other.graph.inputs]


def drawn(kind: TensorType) -> Tensor:
    shape = [d if isinstance(d, int) else evaluate(d, SIZES) for d in kind.shape]
    return torch.randint(0, 100, shape) if kind.dtype == "int64" else torch.randn(shape)


ALONE = """
import importlib.util, sys, traceback, torch
class Refuse:
    def find_spec(self, name, path=None, target=None):  # torch asks whether there is a networkx, and does not need it
        if name.partition(".")[0] in ("nnc", "yaml", "networkx", "jsonschema"):
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError(f"{spec.name} is not to be had here")
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Refuse())
torch.set_num_threads(1)

def compare(source, name, weights):
    spec = importlib.util.spec_from_file_location("emitted", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = getattr(module, name)().eval()
    saved = torch.load(weights, weights_only=True, mmap=True)
    assert list(model.state_dict()) == list(saved["state"])
    model.load_state_dict(saved["state"])
    torch.manual_seed(1)
    with torch.no_grad():
        out = model(*saved["inputs"])
    outputs = list(out.values()) if isinstance(out, dict) else [out]
    assert all(torch.equal(a, b) for a, b in zip(outputs, saved["outputs"], strict=True))

for line in sys.stdin:
    try:
        compare(*line.split())
        print("equal", flush=True)
    except Exception:
        print(repr(traceback.format_exc()[-2000:]), flush=True)
"""


@pytest.fixture(scope="module")
def alone() -> Iterator[subprocess.Popen[str]]:
    """A process that knows torch and nothing of nnc: it answers a line, `source class weights`, with a line."""
    argv = [sys.executable, "-I", "-c", ALONE]
    with (
        tempfile.TemporaryDirectory() as empty,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=empty) as process,
    ):
        yield process
        process.kill()


@pytest.mark.parametrize("name", families())
def test_the_emitted_file_stands_alone(name: str, tmp_path: Path, alone: subprocess.Popen[str]) -> None:
    model, inputs = example(name)
    model.eval()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)  # a variational autoencoder draws in eval mode too
    with torch.no_grad():
        out = model(*inputs)
    torch.set_num_threads(threads)
    outputs = list(out.values()) if isinstance(out, dict) else [out]
    source, saved = tmp_path / "emitted.py", tmp_path / "saved.pt"
    torch.save({"state": model.state_dict(), "inputs": inputs, "outputs": outputs}, saved)
    source.write_text(str(model.source), encoding="utf-8")
    assert alone.stdin is not None
    assert alone.stdout is not None
    print(source, type(model).__name__, saved, file=alone.stdin, flush=True)
    assert alone.stdout.readline() == "equal\n"
    saved.unlink()

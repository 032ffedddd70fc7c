"""Runs with each kind of speed: names, resuming and saved weights are those of a plain run."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnc.runtime.speed.speed as implementation
from nnc.runtime.report import Reporter
from nnc.runtime.saving.checkpoint import CheckpointFolder
from tests.runtime.helpers import DATA, TRAIN, StopAfter, network, run, same_state

KINDS = {
    "channels_last": "{channels_last: true}",
    "checkpointing": '{checkpointing: ["0", "1"]}',
    "compile": "{compile: {mode: reduce-overhead, fullgraph: true}}",
    "dynamic": "{compile: {dynamic: true}}",
    "fused": "{optimizer: fused}",
    "foreach": "{optimizer: foreach}",
    "plain": "plain",
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """torch.compile without the compiler behind it, which takes seconds; the arguments that it was called with."""
    calls: list[dict[str, Any]] = []
    genuine = torch.compile

    def compile(model: nn.Module, **arguments: Any) -> Any:
        calls.append(arguments)
        return genuine(model, **(arguments | {"mode": None}), backend="aot_eager")

    monkeypatch.setattr(implementation.torch, "compile", compile)
    return calls


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_near_or_equal_and_names_the_same(tmp_path: Path, kind: str, traced: list[dict[str, Any]]) -> None:
    networks = network(), network()
    if "compile" in KINDS[kind]:
        for each in networks:
            each[3].p = 0.0  # compiled dropout draws other numbers
    text = DATA + TRAIN.replace("AdamW(lr=1e-2)", "SGD(lr=0.05, momentum=0.9)")
    _, plain = run(tmp_path / "plain", text, module=networks[0])
    _, fast = run(tmp_path / "fast", text + f"      speed: {KINDS[kind]}\n", module=networks[1])
    assert list(fast.state_dict()) == list(plain.state_dict())
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], tensor, rtol=2e-3, atol=2e-4)
        assert fast.state_dict()[name].stride() == tensor.stride()
    if kind in ("checkpointing", "plain"):
        assert same_state(fast.state_dict(), plain.state_dict())
    assert bool(traced) is (kind in ("compile", "dynamic"))
    best = CheckpointFolder(tmp_path / "fast" / "checkpoints")
    assert best.load(best.names()[-1]).model.keys() == plain.state_dict().keys()


@pytest.mark.parametrize("kind", ["channels_last", "checkpointing", "compile", "fused"])
def test_a_resumed_run_equals_one_that_was_not_interrupted(tmp_path: Path, kind: str, traced: Any) -> None:
    text = DATA + TRAIN + f"      speed: {KINDS[kind]}\n"
    _, whole = run(tmp_path / "whole", text)
    stopped, _ = run(tmp_path / "parts", text, reporter=StopAfter(6, signal.SIGINT))
    assert stopped.status == "interrupted"
    _, resumed = run(tmp_path / "parts", text, resume=True, module=network(seed=5))
    assert same_state(resumed.state_dict(), whole.state_dict())


def test_another_speed_is_another_run(tmp_path: Path) -> None:
    from nnc.runtime.failure import Failure

    run(tmp_path / "run", DATA + TRAIN, reporter=StopAfter(6, signal.SIGINT))
    with pytest.raises(Failure, match=r"speed was None, now \{'optimizer': 'fused'\}"):
        run(tmp_path / "run", DATA + TRAIN + "      speed: {optimizer: fused}\n", resume=True)


def test_what_is_chosen_stands_at_the_head(tmp_path: Path) -> None:
    class Heard(Reporter):
        def begin(self, facts: Any) -> None:
            self.facts = facts

    heard = Heard()
    run(tmp_path / "run", DATA + TRAIN + "      speed: {optimizer: fused}\n", epochs=1, reporter=heard)
    assert heard.facts["speed"].endswith("fused optimizer (asked for)")
    assert heard.facts["optimizer"] == "AdamW(lr=0.01)"


def test_what_is_not_asked_for_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own tests freeze its global settings; whoever imports from them trains all the same."""
    monkeypatch.setitem(torch.backends.flags_frozen.__globals__, "__allow_nonbracketed_mutation_flag", False)
    with pytest.raises(RuntimeError, match="not allowed to set"):
        torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark
    run(tmp_path / "run", DATA + TRAIN)


def test_an_average_beside_it(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "run", DATA + TRAIN + "      speed: {channels_last: true}\n      ema: 0.9\n")
    assert math.isfinite(result.quantities["validation.loss"])


def test_the_last_batch_is_not_compiled(tmp_path: Path, traced: list[dict[str, Any]]) -> None:
    """64 training samples in batches of 24: two full ones, and one of 16 that is computed as usual."""
    torch._dynamo.reset()
    from torch._dynamo.utils import counters

    counters.clear()
    text = (DATA + TRAIN).replace("batch_size: 16", "batch_size: 24") + "      speed: {compile: true}\n"
    run(tmp_path / "run", text, epochs=2)
    assert traced == [{"mode": None, "fullgraph": False, "dynamic": None}]
    assert counters["stats"]["unique_graphs"] == 1


def test_compiled_for_real(tmp_path: Path) -> None:
    """Through Inductor and the C++ compiler, which takes some seconds."""
    text = DATA + TRAIN + "      speed: {compile: true}\n"
    result, model = run(tmp_path / "run", text, module=nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), epochs=1)
    assert math.isfinite(result.quantities["validation.loss"])
    assert list(model.state_dict()) == ["1.weight", "1.bias"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA GPU")
def test_cuda_graphs_replay_what_eager_computes() -> None:
    from nnc.runtime.speed.graphs import Graphed

    torch.manual_seed(0)
    device = torch.device("cuda")
    model = network().to(device).train()
    model[3].p = 0.0
    import copy

    twin = copy.deepcopy(model)
    graphed = Graphed(twin, device)
    for size in (16, 16, 12, 16):
        x = torch.randn(size, 1, 8, 8, device=device)
        for each, call in ((model, model), (twin, graphed)):
            each.zero_grad()
            call(x).square().sum().backward()
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)
        assert same_state(model.state_dict(), twin.state_dict())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="what is chosen for a GPU needs one to run on")
@pytest.mark.parametrize("settings", ["", "precision: bf16", "precision: tf32", "speed: {cuda_graphs: true}"])
def test_on_a_gpu(tmp_path: Path, settings: str) -> None:
    """Two runs of one file are equal to the bit, and a run that was interrupted goes on."""
    text = DATA + TRAIN + (f"      {settings}\n" if settings else "")
    _, first = run(tmp_path / "first", text, device="cuda")
    _, second = run(tmp_path / "second", text, device="cuda")
    assert same_state(first.state_dict(), second.state_dict())
    stopped, _ = run(tmp_path / "parts", text, device="cuda", reporter=StopAfter(6, signal.SIGINT))
    assert stopped.status == "interrupted"
    resumed, _ = run(tmp_path / "parts", text, device="cuda", resume=True)
    assert resumed.status == "finished"

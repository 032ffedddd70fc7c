"""What is chosen for a device, and that torch is left as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from nnc.compiler.training import TrainConfig
from nnc.compiler.training.config.speed import CompileConfig, SpeedConfig
from nnc.runtime.speed import Choices, Speed, choose, memory
from nnc.runtime.speed.choose import fusable
from nnc.runtime.speed.memory import can_keep_memory
from tests.runtime.helpers import DATA, TRAIN, network, read

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def config(*, precision: Any = "float32", **speed: Any) -> TrainConfig:
    return replace(read(DATA + TRAIN)[1], precision=precision, speed=SpeedConfig(**speed))


def chosen(device: torch.device, model: nn.Module | None = None, **settings: Any) -> Choices:
    return choose(config(**settings), model or network(), device)


@pytest.fixture(autouse=True)
def hopper(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a choice for a GPU asks of torch, where there is none."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))


def test_on_the_cpu_nothing_changes_a_bit() -> None:
    choices = chosen(CPU)
    assert choices == Choices(keep_memory=can_keep_memory(), why=choices.why)
    assert str(choices) == "memory kept between steps (fewer page faults)"


def test_on_a_gpu() -> None:
    choices = chosen(GPU, precision="bf16")
    assert choices == Choices(channels_last=True, implementation="fused", deterministic=True, why=choices.why)
    assert str(choices) == (
        "channels_last (as tensor cores read images), deterministic (the same bits in every run), "
        "fused optimizer (one kernel for all parameters)"
    )


def test_channels_last_is_for_images_in_half_precision() -> None:
    assert not chosen(GPU).channels_last
    assert not chosen(GPU, nn.Linear(3, 3), precision="bf16").channels_last
    assert chosen(GPU, nn.Conv3d(1, 1, 1), precision="fp16").channels_last


def test_what_is_said_is_done() -> None:
    assert chosen(CPU, channels_last=True).channels_last
    assert chosen(CPU, optimizer="fused").implementation == "fused"
    assert chosen(CPU, deterministic=True).deterministic
    assert not chosen(GPU, deterministic=False).deterministic
    assert not chosen(GPU, precision="bf16", channels_last=False).channels_last
    assert chosen(CPU, compile=CompileConfig()).compile == CompileConfig()
    assert chosen(GPU, cuda_graphs=True).cuda_graphs
    assert str(chosen(CPU, optimizer="loop", compile=CompileConfig("max-autotune"), checkpointing=("1",))) == (
        "memory kept between steps (fewer page faults), torch.compile max-autotune (asked for), "
        "activation checkpointing of 1 part of the network (asked for), loop optimizer (asked for)"
    )


def test_a_choice_by_time_is_not_deterministic() -> None:
    choices = chosen(GPU, cudnn_benchmark=True)
    assert choices.cudnn_benchmark
    assert not choices.deterministic


@pytest.mark.parametrize("device", [CPU, GPU])
def test_plain_is_torch_s_own(device: torch.device) -> None:
    assert chosen(device, precision="bf16", plain=True) == Choices()
    assert str(chosen(device, plain=True)) == "torch's own defaults"


def test_what_a_device_does_not_have_is_said() -> None:
    assert not chosen(CPU, precision="tf32").tf32
    assert "no TF32 (the tensor cores of an Ampere GPU or newer have it" in str(chosen(CPU, precision="tf32"))
    assert "no CUDA graphs (there are none on cpu)" in str(chosen(CPU, cuda_graphs=True))
    assert chosen(GPU, precision="tf32").tf32


def test_fused_is_for_dense_gradients() -> None:
    assert fusable("AdamW", network())
    assert not fusable("AdamW", nn.Embedding(3, 3, sparse=True))
    assert not fusable("RMSprop", network())
    assert not fusable("AdamW", nn.Linear(2, 2, dtype=torch.complex64))


def test_an_optimizer_s_own_argument_stands() -> None:
    """`SGD(lr=0.1, foreach=True)` says more than `speed:`."""
    given = config(optimizer="fused")
    assert Speed(network(), given, CPU).config.optimizer.call.arguments["fused"] is True
    call = replace(given.optimizer.call, arguments={"lr": 0.1, "foreach": True})
    said = replace(given, optimizer=replace(given.optimizer, call=call))
    assert "fused" not in Speed(network(), said, CPU).config.optimizer.call.arguments
    assert Speed(network(), config(optimizer="loop"), CPU).config.optimizer.call.arguments["foreach"] is False


def test_torch_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    model = network()
    before = state(model)
    speed = Speed(model, config(channels_last=True, deterministic=True, checkpointing=("0",)), CPU)
    speed.choices = replace(speed.choices, tf32=True)
    with suppress(KeyError), speed.applied():
        inside = state(model)
        raise KeyError
    assert state(model) == before
    assert inside != before
    assert inside["forward"] == ["0"]
    assert (inside["matmul"], inside["deterministic"], inside["fill"]) == ("high", True, False)


def state(model: nn.Module) -> dict[str, Any]:
    settings: Any = torch.utils.deterministic
    return {
        "matmul": torch.get_float32_matmul_precision(),
        "benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "fill": settings.fill_uninitialized_memory,
        "layout": [p.stride() for p in model.parameters()],
        "forward": [n for n, m in model.named_modules() if "forward" in vars(m)],
    }


@pytest.mark.skipif(not can_keep_memory(), reason="mallopt is glibc's")
def test_memory_that_is_kept_comes_without_page_faults() -> None:
    """A megabyte that comes and goes: each time 256 pages are taken from the system anew."""
    program = """
import resource, runpy, sys
module = runpy.run_path(sys.argv[1])
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        x = b"x" * (1 << 20)
        del x
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
mallopt = module["_function"]("mallopt")
for option in (module["M_MMAP_THRESHOLD"], module["M_TRIM_THRESHOLD"]):
    mallopt(option, 128 << 10)
given_back = faults()
with module["kept_memory"]():
    faults()
    print(given_back, faults())
"""
    ended = subprocess.run([sys.executable, "-c", program, memory.__file__], capture_output=True, text=True, check=True)
    given_back, kept = map(int, ended.stdout.split())
    assert kept * 10 < given_back

"""FSDP2 of a network that nnc wrote: its blocks, its feed-forward parts, and torch's optimizers over what is sharded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.driver import compile_text
from nnc.compiler.training.config.parallel import UNSHARDED
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.failure import Failure
from nnc.runtime.parallel import ALONE, World
from nnc.runtime.report import Reporter
from tests.parallel.helpers import distance, run, saved, write_images
from tests.parallel.processes import together
from tests.parallel.test_equal import EXACT, text_of

SPEC = """
nnc: 1
name: t
inputs: {x: [B, 1, 8, 8]}
blocks:
  Layer:
    inputs: {x: [B, D]}
    layers: {norm: LayerNorm, up: Linear(2 * D), act: gelu, down: Linear(D), out: x + down}
layers: {flat: flatten(1), first: Linear(16), layers: {repeat: 3, type: Layer}, last: Linear(3)}
"""


def module() -> nn.Module:
    compiled = compile_text(SPEC)
    assert compiled.graph is not None
    torch.manual_seed(3)
    return build(compiled.graph).double()


class Facts(Reporter):
    """Says what stands at the head of the report."""

    def begin(self, facts: Any) -> None:
        print(facts.get("processes"), flush=True)


def trained(world: World, base: Path, texts: dict[str, str]) -> None:
    if world is not ALONE:
        world.begin(torch.device("cpu"), 30)
    for name, text in texts.items():
        run(base / name, text, world, module=module(), reporter=Facts() if world.main else None)
    if world is not ALONE:
        world.end()


WAYS = {
    "blocks": "fsdp",
    "named": '{type: fsdp, units: ["layers.*"], reshard_after_forward: false}',
    "offload": "{type: fsdp, cpu_offload: true}",
    "tensor": "{type: fsdp, tensor: 2}",
    "chosen": "{type: fsdp, tensor: {size: 2, match: layers.1}}",
}
CLIPPED = "clip_grad_norm: 0.05\n      optimizer: AdamW(1e-2)\n      ema: 0.9\n      epochs: 1"


def test_ways(tmp_path: Path) -> None:
    alone, several = tmp_path / "alone", tmp_path / "several"
    for base in (alone, several):
        base.mkdir()
        write_images(base / "train.npz")
    trained(ALONE, alone, {"one": text_of(CLIPPED, "ddp")})
    said = together(4, tmp_path / "said", trained, several, {n: text_of(CLIPPED, way) for n, way in WAYS.items()})
    one = saved(alone / "one")
    for name in WAYS:
        many = saved(several / name)
        assert distance(one.model, many.model) < EXACT, name
        for part in ("optimizer", "averaging"):
            assert distance({part: one.state[part]}, {part: many.state[part]}) < EXACT, (name, part)
    assert said[0].splitlines() == [
        "4, fsdp, in 5 parts",  # three blocks, a large layer, and the rest
        "4, fsdp, in 4 parts",
        "4, fsdp, in 5 parts",
        "4, fsdp, in 5 parts, feed-forward parts divided by 2",
        "4, fsdp, in 5 parts, feed-forward parts divided by 2",
    ]


def test_optimizers(tmp_path: Path) -> None:
    """Each of torch's that nnc allows steps over sharded parameters as it does over whole ones."""
    alone, several = tmp_path / "alone", tmp_path / "several"
    names = [n for n in VOCABULARY["optimizer"] if n not in (*UNSHARDED, "Muon")]
    for base in (alone, several):
        base.mkdir()
        write_images(base / "train.npz")
    course = "optimizer: {name}\n      epochs: 1\n      batch_size: 24"
    texts = {n: text_of(course.format(name=f"{n}(lr=0.01)"), "fsdp") for n in names}
    trained(ALONE, alone, texts)
    together(2, tmp_path / "said", trained, several, texts)
    assert len(names) > 10
    for name in names:
        assert distance(saved(alone / name).model, saved(several / name).model) < EXACT, name


def test_with_checkpointing(tmp_path: Path) -> None:
    """Activations computed again by block change nothing."""
    alone, several = tmp_path / "alone", tmp_path / "several"
    for base in (alone, several):
        base.mkdir()
        write_images(base / "train.npz")
    course, kinds = "epochs: 1\n      speed: {checkpointing: true}", ("ddp", "fsdp")
    trained(ALONE, alone, {"plain": text_of("epochs: 1", "ddp")})
    together(2, tmp_path / "said", trained, several, {k: text_of(course, k) for k in kinds})
    for kind in kinds:
        assert distance(saved(alone / "plain").model, saved(several / kind).model) < EXACT


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_compiled(tmp_path: Path, kind: str) -> None:
    write_images(tmp_path / "train.npz")
    course = "epochs: 1\n      batch_size: 20\n      drop_last: true"
    trained(ALONE, tmp_path, {"plain": text_of(course, "ddp")})
    compiled = text_of(course + "\n      speed: {compile: true}", kind)
    together(2, tmp_path / "said", trained, tmp_path, {"compiled": compiled}, limit=280)
    assert distance(saved(tmp_path / "plain").model, saved(tmp_path / "compiled").model) < 1e-9


def refused(world: World, base: Path, courses: list[tuple[str, str]]) -> None:
    world.begin(torch.device("cpu"), 30)
    for course, parallel in courses:
        with pytest.raises(Failure) as caught:
            run(base / "run", text_of(course, "ddp"), world, module=module(), parallel=parallel)
        print(caught.value.diagnostics[0].message, flush=True)
    world.end()


def test_what_cannot_be_sharded(tmp_path: Path) -> None:
    """As it comes from `--parallel`, which is not read with the spec."""
    write_images(tmp_path / "train.npz")
    courses = {
        "torch's LBFGS cannot step over sharded parameters": ("optimizer: LBFGS", "fsdp"),
        "no module is called `nowhere`": ("", '{type: fsdp, units: "nowhere"}'),
        "2 processes are no multiple of `tensor: 4`": ("", "{type: fsdp, tensor: 4}"),
        "torch's SyncBatchNorm works on GPUs": ("", "{type: fsdp, sync_batchnorm: true}"),
        "a sharded parameter lies flat in memory": ("speed: {channels_last: true}", "fsdp"),
    }
    said = together(2, tmp_path / "said", refused, tmp_path, list(courses.values()))
    for line, message in zip(said[0].splitlines(), courses, strict=True):
        assert line.startswith(message)

"""A run on 2 or 4 processes is the run on one: weights, optimizer, averages and log, but for the last digits of float64."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parallel.helpers import DATA, TRAIN, distance, run, run_all, saved, write_images
from tests.parallel.processes import together

EXACT = 1e-12
COURSES = {
    "plain": "",  # 73 samples in batches of 10: the last one has 3, fewer than there are processes
    "accumulated": "accumulate: 3",
    "clipped": "clip_grad_norm: 0.05",
    "adam": "optimizer: AdamW(lr=1e-2, weight_decay=0.1)\n      scheduler: OneCycleLR(0.05, total_steps=steps)",
    "value": "clip_grad_value: 0.01",
    "summed": 'loss: CrossEntropyLoss(reduction="sum")',
    "ignored": "loss: CrossEntropyLoss(ignore_index=0)",  # each process has another number of targets that count
    "ignored and accumulated": "loss: CrossEntropyLoss(ignore_index=0)\n      accumulate: 3",
    "ema": "ema: 0.9",
    "swa": "swa: 2",
    "stopped": "early_stopping: {patience: 1, min_delta: 10}",
}
REPLICATED = {"lbfgs": "optimizer: LBFGS(lr=0.1, max_iter=3)"}


FEW = ("plain", "accumulated", "ema", "swa", "stopped")  # on 4 processes, which are slow to start


def texts(kind: str, size: int = 2) -> dict[str, str]:
    courses = COURSES | REPLICATED if kind == "ddp" else COURSES
    return {name: text_of(course, kind) for name, course in courses.items() if size == 2 or name in FEW}


def text_of(course: str, kind: str) -> str:
    """The text with the lines of a course in the place of those with the same keys."""
    lines = [line for line in TRAIN.splitlines() if line.strip()]
    for new in course.splitlines():
        key = new.strip().split(":")[0]
        lines = [line for line in lines if not line.strip().startswith(f"{key}:")] + [f"      {new.strip()}"]
    return DATA + "\n".join([*lines, f"      parallel: {kind}"]) + "\n"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs on one process."""
    base = tmp_path_factory.mktemp("alone")
    write_images(base / "train.npz")
    for name, text in texts("ddp").items():
        run(base / name, text)
    return base


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """The same runs on several, all of a kind in the same processes."""
    made: dict[tuple[str, int], Path] = {}

    def runs(kind: str, size: int) -> Path:
        if (kind, size) not in made:
            base = made[kind, size] = tmp_path_factory.mktemp(f"{kind}{size}")
            write_images(base / "train.npz")
            together(size, base / "said", run_all, base, texts(kind, size))
        return made[kind, size]

    return runs


CASES = [(kind, size, course) for kind in ("ddp", "fsdp") for size in (2, 4) for course in texts(kind, size)]


@pytest.mark.parametrize(("kind", "size", "course"), CASES)
def test_equal(alone: Path, several: Callable[[str, int], Path], kind: str, size: int, course: str) -> None:
    base = several(kind, size)
    exact = EXACT if course != "lbfgs" else 1e-9  # it divides by differences of gradients
    one, many = saved(alone / course), saved(base / course)
    assert distance(one.model, many.model) < exact
    for part in ("optimizer", "scheduler", "averaging", "average"):
        assert distance({part: one.state[part]}, {part: many.state[part]}) < exact, part
    assert distance({"log": log_of(alone / course)}, {"log": log_of(base / course)}) < exact


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if "second" not in k} for line in lines]


def test_the_comparison_can_fail(alone: Path) -> None:
    assert distance(saved(alone / "plain").model, saved(alone / "clipped").model) > EXACT


def test_early_stopping_stopped(alone: Path) -> None:
    assert any(line.get("stopped early") for line in log_of(alone / "stopped"))

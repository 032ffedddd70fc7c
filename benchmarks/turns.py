"""A contestant's side of benchmarks/training.py: wait for the word, train an epoch, tell what it took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Stopwatch", "skip", "take_turns", "tell", "wait"]

OUT = sys.stdout
sys.stdout = sys.stderr  # whatever a library prints is not for the other side


class Stopwatch:
    """Seconds in forward, backward and optimizer of an epoch."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent[part] = self.spent.get(part, 0.0) + time.perf_counter() - began

        return call

    def read(self) -> dict[str, float]:
        spent, self.spent = self.spent, {}
        return spent


def wait() -> None:
    """Until it is this contestant's turn."""
    print("ready", file=OUT, flush=True)
    if not sys.stdin.readline():
        sys.exit(0)


def tell(seconds: float, samples: int, loss: float | None, parts: dict[str, float]) -> None:
    report = {"seconds": seconds, "samples": samples, "loss": loss, **parts}
    print("epoch " + json.dumps(report), file=OUT, flush=True)


def skip(reason: str) -> None:
    print(f"skip {reason}", file=OUT, flush=True)
    sys.exit(0)


def take_turns(epochs: Iterator[float], samples: int, watch: Stopwatch) -> None:
    """`epochs` trains one epoch for every value, its mean loss."""
    while True:
        wait()
        began = time.perf_counter()
        loss = next(epochs)
        tell(time.perf_counter() - began, samples, loss, watch.read())

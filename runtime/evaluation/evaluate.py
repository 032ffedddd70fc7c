"""Loss and metrics of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import nn

from nnc.compiler.training.config import TrainConfig
from nnc.runtime.data.sampling import evaluation_order
from nnc.runtime.data.splits import Split
from nnc.runtime.evaluation.metrics import LossAverage, Metrics
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.parallel.shares import samples_of, shares
from nnc.runtime.parallel.world import ALONE
from nnc.runtime.signature import Signature
from nnc.runtime.training.carry import carrying
from nnc.runtime.training.loss import Loss
from nnc.runtime.training.modes import modes, restore_modes

__all__ = ["autocast", "evaluate", "evaluation_mode"]


class Observer(Protocol):
    """Sees outputs and batches, as metrics do."""

    def update(self, outputs: Any, batch: Mapping[str, torch.Tensor]) -> None: ...


DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for forward and loss; nothing for float32 and TF32."""
    return torch.autocast(device.type, dtype=DTYPES[precision]) if precision in DTYPES else nullcontext()


@contextmanager
def evaluation_mode(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode without gradients, that leaves no trace: every module's mode is restored, and so are the random
    generators."""
    before = modes(model)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        model.eval()
        try:
            yield
        finally:
            restore_modes(before)


def evaluate(
    model: nn.Module,
    split: Split,
    config: TrainConfig,
    *,
    signature: Signature,
    feeding: Mapping[str, str],
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
    observers: Sequence[Observer] = (),
    loss: Loss | None = None,
    engine: Engine | None = None,
) -> dict[str, float] | None:
    """`loss`, averaged over the samples, and the metrics of `config`, in evaluation mode. The network is left as it
    was, and so are the random generators. `observers` see every batch; `loss` is the one of `config` where it is made
    already. Of several processes, each takes its part of every batch, and all get the same result. None where `stop` asked to
    give up. Raises `Failure`."""
    engine = engine or Engine(ALONE, config, device)
    world = engine.data
    loss = loss or Loss(config.loss, signature, device)
    metrics = Metrics(config.metrics, signature, device)
    average = LossAverage(loss, device)
    inputs = [feeding[name] for name in signature.fed]
    forward = carrying(model, signature, config.carry)
    order = evaluation_order(split, config.batch_size, carried=bool(config.carry))
    with evaluation_mode(model, device):
        for batch in shares(split, order, max(config.batch_size, world.size), device, world):
            if not batch:
                continue  # none of its samples could be read
            with autocast(config.precision, device):
                outputs = forward(*(batch[field] for field in inputs))
                _, terms = loss.checked(outputs, batch)
            samples = samples_of(batch, len(batch[inputs[0]]))
            if samples:
                average.add(terms, samples, loss.counted(batch))
            metrics.update(outputs, batch, counted=samples > 0)
            for observer in observers:
                observer.update(outputs, batch)
            if stop():
                return None
    engine.rest(model)
    metrics.reduce(world)
    return average.total(world).compute() | metrics.compute()

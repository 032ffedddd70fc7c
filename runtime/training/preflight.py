"""Before the first step: a batch through everything, without a trace. What does not fit is said now, at its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training.config import DataConfig, LossTerm, TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data import Batch, Split
from nnc.runtime.data.checks import check_inputs, check_labels
from nnc.runtime.data.sampling import Sampling
from nnc.runtime.evaluation.evaluate import autocast, evaluation_mode
from nnc.runtime.evaluation.metrics import Metrics
from nnc.runtime.failure import Failure, raise_errors, reason_of
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.parallel.shares import share_sizes
from nnc.runtime.signature import Signature
from nnc.runtime.training.carry import carrying
from nnc.runtime.training.loss import Loss, named_outputs
from nnc.runtime.training.mix import Mixer

__all__ = ["Preflight"]

TRIED = 10  # batches, until one holds a sample that can be read


@dataclass(frozen=True)
class Preflight:
    """`used` of the split's samples are trained on; `refused` makes a `Failure` of what torch says in a forward."""

    model: nn.Module
    config: TrainConfig
    data_config: DataConfig
    split: Split
    sampling: Sampling
    used: int
    loss: Loss
    signature: Signature
    feeding: Mapping[str, str]
    device: torch.device
    refused: Callable[[Exception], Failure]
    engine: Engine
    mixer: Mixer

    @property
    def inputs(self) -> Sequence[str]:
        return [self.feeding[name] for name in self.signature.fed]

    def _called(self, model: nn.Module) -> Callable[..., Any]:
        return carrying(model, self.signature, self.config.carry)

    def run(self) -> None:
        """Raises `Failure`."""
        config = self.config
        order, size = self.sampling.order(1), config.batch_size
        batches = self.split.batches(order[: size * TRIED], size, self.device, seed=config.seed, epoch=1)
        batch = next((b for b in batches if b), None)
        if batch is None:
            raise Failure("NNC0823", self.data_config.span, f"no sample of the first {TRIED} batches can be read")
        problems = Problems()
        check_inputs(self.signature, batch, self.feeding, self.data_config, problems)
        raise_errors(problems)
        with evaluation_mode(self.model, self.device), autocast(config.precision, self.device):
            try:
                outputs = self._called(self.model)(*(batch[name] for name in self.inputs))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                raise self.refused(error) from error
            named = named_outputs(outputs, self.signature.outputs)
            for term in config.loss.terms:
                if "classes" in VOCABULARY["loss"][term.call.name].traits:
                    self._check_labels(term, named, batch, problems)
            raise_errors(problems)
            for seen in (batch, *self.mixer.each(batch)):
                self.loss.checked(outputs, seen)
            Metrics(config.metrics, self.signature, self.device).update(outputs, batch)
        self.engine.rest(self.model)
        if 1 in share_sizes(self.used, config.batch_size, self.engine.data):
            self._check_single({name: tensor[:1] for name, tensor in batch.items()})

    def _check_labels(
        self, term: LossTerm, outputs: Mapping[str, torch.Tensor], batch: Batch, problems: Problems
    ) -> None:
        """Class numbers, all of them where they are in memory, against the scores of the network."""
        scores, target = term.source[:2]
        if scores not in outputs or target in self.signature.outputs or outputs[scores].ndim < 2:
            return
        whole = self.split.whole(target)
        ignored = term.call.arguments.get("ignore_index", -100)
        labels = batch[target] if whole is None else whole
        highest = self.split.highest(target) if whole is None and not labels.is_floating_point() else None
        if highest is not None:
            labels = torch.cat([labels.reshape(-1), labels.new_tensor([highest])])
        where = self.data_config.spans.get("train", self.data_config.span)
        check_labels(labels, outputs[scores].shape[1], ignored, target, where, problems)

    def _check_single(self, batch: Batch) -> None:
        """The last batch will have one sample, which some networks cannot train on."""
        devices = [self.device] if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=devices), torch.no_grad(), self.engine.trying(self.model) as trial:
                self._called(trial)(*(batch[name] for name in self.inputs))
        except ValueError as error:
            notes = ("`drop_last: true` leaves that batch out", reason_of(error))
            size, processes = self.config.batch_size, self.engine.data.size
            message = f"{self.used} samples in batches of {size} leave one over, too few to normalize a batch"
            if processes > 1:
                notes = (
                    "as many processes as divide a batch into larger parts do, and so does `drop_last: true`",
                    notes[1],
                )
                message = f"{self.used} samples in batches of {size} leave one of {processes} processes one, too few to normalize"
            raise Failure("NNC0813", self.config.span, message, notes=notes) from error

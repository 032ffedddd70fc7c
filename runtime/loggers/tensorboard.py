"""A run for TensorBoard, in a folder of its own: scalars, samples and predictions, the graph, histograms of
weights and gradients, and settings.

Steps are the optimizer's, for everything: a run that is resumed purges what an interrupted one wrote after the checkpoint, so
nothing is there twice.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.runtime.evaluation.evaluate import autocast, evaluation_mode
from nnc.runtime.extras import require
from nnc.runtime.failure import reason_of
from nnc.runtime.loggers.pictures import grid_of, guesses_of, image_field, picture_of
from nnc.runtime.report import Reporter, Watched
from nnc.runtime.runs import rates_of

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

__all__ = ["TensorBoard"]


class TensorBoard(Reporter):
    """Raises `Failure` where the package is missing. A part that cannot be written, such as the graph of a network that
    torch.jit cannot trace, is left out, and said in TensorBoard's text."""

    def __init__(self, config: TensorBoardConfig, folder: Path) -> None:
        require("tensorboard", "tensorboard", "TensorBoard")
        self._config, self._path = config, folder
        self._writer: SummaryWriter | None = None
        self._given_up: set[str] = set()
        self._seen = (0.0, 0)  # mean and number of samples of the loss that was written last

    def watch(self, run: Watched) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._run, self._training = run, run.training
        step = run.training.position.step
        self._writer = SummaryWriter(str(self._path), purge_step=step + 1 if run.resumed else None)
        if not run.resumed:
            self._part("hparams", self._hparams)
            self._part("samples", self._samples)
            self._part("graph", self._graph)
            self._writer.flush()

    def begin_epoch(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        self._seen = self._mean()

    def step(self, done: int, loss: Callable[[], float]) -> None:
        step = self._training.position.step
        if self._writer is None or not step or step % self._config.every:
            return
        (before, earlier), (now, count) = self._seen, self._mean()
        if count > earlier:
            self._seen = now, count
            self._writer.add_scalar("loss/step", (now * count - before * earlier) / (count - earlier), step)

    def _mean(self) -> tuple[float, int]:
        average = self._training.average
        return (average.compute()["loss"], average.count) if average.count else (0.0, 0)

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        assert self._writer is not None, "a run is watched before its epochs end"
        step = int(record["step"])
        for part in ("train", "validation"):
            for name, value in record[part].items():
                self._writer.add_scalar(f"{name}/{part}", value, step)
        for name, rate in rates_of(record["lr"]):
            self._writer.add_scalar(f"lr/{name}" if name else "lr", rate, step)
        self._writer.add_scalar("epoch", record["epoch"], step)
        self._writer.add_scalar("samples_per_second", record["samples_per_second"], step)
        if self._config.histograms:
            self._part("histograms", lambda: self._histograms(step))
        self._part("predictions", lambda: self._predictions(step))
        self._writer.flush()

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _part(self, name: str, write: Callable[[], None]) -> None:
        """Parts that look into the network and the data may meet anything there. None of them changes it: random generators
        and modes are put back."""
        if name in self._given_up:
            return
        device = self._training.device
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write()
        except OSError:
            raise
        except Exception as error:
            self._given_up.add(name)
            assert self._writer is not None, "parts are written while there is a writer"
            self._writer.add_text("left out", f"{name}: {reason_of(error)}", self._training.position.step)

    def _hparams(self) -> None:
        """Settings, and which scalars are compared by them."""
        from torch.utils.tensorboard import summary

        make: Any = summary.hparams
        assert self._writer is not None, "there is a writer"
        config = self._training.config
        settings = {k: v for k, v in config.names.items() if isinstance(v, bool | int | float | str)}
        settings |= {
            "optimizer": str(config.optimizer.call),
            "lr": self._training.rates[0],
            "seed": config.seed,
        }
        settings |= {"batch_size": config.batch_size, "precision": config.precision}
        name = config.monitor.partition(".")
        compared = {f"{name[2]}/{name[0]}": 0.0, "loss/train": 0.0}
        writer: Any = self._writer
        for part in make(settings, compared):
            writer._get_file_writer().add_summary(part, 0)  # `add_hparams` would make a run of its own

    def _samples(self) -> None:
        """What goes into the network in the first epoch."""
        assert self._writer is not None, "there is a writer"
        split, config = self._run.data.train, self._training.config
        count = min(self._config.images, len(split) if split is not None else 0)
        if split is None or not count:
            return
        order = torch.arange(count)
        batch = next(iter(split.batches(order, count, self._training.device, seed=config.seed, epoch=1)))
        field = image_field(batch, self._run.inputs)
        if field is not None:
            self._writer.add_image(f"samples/{field}", grid_of(batch[field]), 0, dataformats="HWC")

    def _first(self, count: int) -> dict[str, Any] | None:
        """The first samples of the validation data, else of the training data."""
        split = self._run.data.validation or self._run.data.train
        if split is None or not count:
            return None
        count = min(count, len(split))
        return dict(next(iter(split.batches(torch.arange(count), count, self._training.device))))

    def _predictions(self, step: int) -> None:
        batch = self._first(self._config.images)
        field = image_field(batch, self._run.inputs) if batch is not None else None
        if batch is None or field is None or self._training.engine.world.size > 1:
            return  # several processes would have to compute them together
        config, device = self._training.config, self._training.device
        with evaluation_mode(self._training.judged, device), autocast(config.precision, device):
            outputs = self._training.judged(*(batch[name] for name in self._run.inputs))
        found = guesses_of(config, outputs, self._run.signature.outputs, batch, field, self._run.data.classes)
        if found is not None:
            assert self._writer is not None, "there is a writer"
            self._writer.add_image("predictions", picture_of(found), step, dataformats="HWC")

    def _graph(self) -> None:
        batch = self._first(2) if self._config.graph and self._training.engine.world.size == 1 else None
        if batch is None:
            return
        assert self._writer is not None, "there is a writer"
        model = self._training.model
        silent = contextlib.redirect_stdout(io.StringIO())
        with evaluation_mode(model, self._training.device), silent, contextlib.redirect_stderr(io.StringIO()):
            self._writer.add_graph(model, tuple(batch[name] for name in self._run.inputs))

    def _histograms(self, step: int) -> None:
        """Of what is trained; of sharded parameters, the part of this process."""
        for name, parameter in self._training.model.named_parameters():
            self._histogram(f"weights/{name}", parameter, step)
            if parameter.grad is not None:
                self._histogram(f"gradients/{name}", parameter.grad, step)

    def _histogram(self, name: str, tensor: torch.Tensor, step: int) -> None:
        assert self._writer is not None, "there is a writer"
        local: Any = getattr(tensor, "to_local", lambda: tensor)()
        values = local.detach()
        values = (values.coalesce().values() if values.is_sparse else values).float()
        values = values[torch.isfinite(values)]
        if values.numel():
            self._writer.add_histogram(name, values.cpu(), step)

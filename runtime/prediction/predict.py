"""Samples in, one result for each out, batch by batch: files, folders, tables, arrays, lines of JSON.

predict_sources.py    where samples come from, in order, read as they are needed
predict_inputs.py     raw values -> the network's inputs, through the transforms that it was trained with
predict_results.py    the network's outputs -> classes with probabilities, labels, masks, numbers
predict_write.py      results -> lines of JSON, CSV, pictures of masks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from nnc.compiler.training.config import CarriedConfig
from nnc.runtime.evaluation.evaluate import evaluation_mode
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.prediction.inputs import Block, Inputs, Place, Preprocessing
from nnc.runtime.prediction.results import MASK, Results
from nnc.runtime.prediction.sources import IMAGES, Sources
from nnc.runtime.signature import Signature
from nnc.runtime.training.carry import carrying
from nnc.runtime.training.loss import named_outputs

__all__ = ["IMAGES", "Predictor", "Preprocessing"]

SaveMask = Callable[[Place, torch.Tensor], str]  # a mask (H, W) becomes a file: its name


class Predictor:
    """A network ready for files. `scores` says what its first output holds (`Header.scores`)."""

    def __init__(
        self,
        model: nn.Module,
        signature: Signature,
        preprocessing: Preprocessing,
        *,
        classes: Sequence[str] = (),
        scores: str = "",
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        carried = preprocessing.carried.items()
        self._carried = [CarriedConfig(name, output, start, signature.spans[name]) for name, (output, start) in carried]
        self.model, self.signature = model.to(self.device), signature.carrying(self._carried)
        self.classes, self.scores = tuple(classes), scores
        self.inputs = Inputs(self.signature, preprocessing)

    def files(
        self,
        paths: Iterable[str | Path],
        *,
        batch_size: int = 64,
        top_k: int = 1,
        probabilities: bool = False,
        save_mask: SaveMask | None = None,
        passed_over: Callable[[Failure], None] | None = None,
        stdin: IO[bytes] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One result per sample, in order, with its file as `input`, see `Results.of`; a file with several samples counts them in
        `sample`. Samples of equal shape go through the network together, from however many files.

        Raises `Failure` for what cannot be read, or does not fit, after the results before it; with `passed_over` that is told
        instead, and the others go on."""
        results = Results(self.signature.outputs, self.classes, self.scores, top_k, probabilities)
        for block in _together(Sources(self.inputs, batch_size, stdin).blocks(paths), batch_size):
            found = block if isinstance(block, Failure) else None
            if isinstance(block, Block):
                for place, result in self._block(block, results):
                    if isinstance(result, Failure):
                        found = result
                        if passed_over is None:
                            raise result
                        passed_over(result)
                        continue
                    yield place.as_plain() | _with_mask(place, result, save_mask)
                continue
            assert found is not None, "a source gives blocks and failures"
            if passed_over is None:
                raise found
            passed_over(found)

    def tensors(self, inputs: Mapping[str, torch.Tensor], *, top_k: int = 1) -> list[dict[str, Any]]:
        """Results for transformed tensors (N, …), by input."""
        return Results(self.signature.outputs, self.classes, self.scores, top_k).of(self._outputs(inputs))

    def _outputs(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        with evaluation_mode(self.model, self.device):
            forward = carrying(self.model, self.signature, self._carried)
            outputs = forward(*(inputs[name].to(self.device) for name in self.signature.fed))
            return {k: _real(v).float().cpu() for k, v in named_outputs(outputs, self.signature.outputs).items()}

    def _block(self, block: Block, results: Results) -> Iterator[tuple[Place, dict[str, Any] | Failure]]:
        """A result for each sample; where the network refuses the block, its samples go one by one."""
        try:
            found = results.of(self._outputs(block.tensors))
        except (RuntimeError, ValueError, IndexError, NotImplementedError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise Failure(
                    "NNC0910", str(block.places[0]), f"{len(block)} samples at a time are too many for the memory"
                ) from error
            if len(block) > 1:
                for i in range(len(block)):
                    yield from self._block(block.part(i, i + 1), results)
                return
            place = block.places[0]
            yield place, Failure("NNC0910", str(place), f"the network cannot take it: {reason_of(error)}")
            return
        yield from zip(block.places, found, strict=True)


def _real(output: torch.Tensor) -> torch.Tensor:
    """A complex number as the pair of its parts: (*) → (*, 2)."""
    return torch.view_as_real(output.resolve_conj()) if output.is_complex() else output


def _together(found: Iterable[Block | Failure], size: int) -> Iterator[Block | Failure]:
    """Blocks of `size` samples, of one shape each, out of smaller ones; a failure keeps its place."""
    waiting: list[Block] = []
    for block in found:
        apart = isinstance(block, Failure) or (bool(waiting) and block.shapes != waiting[0].shapes)
        if apart and waiting:
            yield from _cut(waiting, size)
            waiting = []
        if isinstance(block, Failure):
            yield block
            continue
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            whole = Block.joined(waiting)
            full = len(whole) // size * size
            yield from _cut([whole.part(0, full)], size)
            waiting = [whole.part(full, len(whole))] if full < len(whole) else []
    if waiting:
        yield from _cut(waiting, size)


def _cut(blocks: Sequence[Block], size: int) -> Iterator[Block]:
    whole = Block.joined(blocks)
    for at in range(0, len(whole), size):
        yield whole.part(at, at + size)


def _with_mask(place: Place, result: dict[str, Any], save: SaveMask | None) -> dict[str, Any]:
    """The mask as the name of its file; without one, what it shows is told by `shares` alone."""
    mask = result.get(MASK)
    if mask is None:
        return result
    rest = {k: v for k, v in result.items() if k != MASK}
    return rest if save is None else {MASK: save(place, mask)} | rest

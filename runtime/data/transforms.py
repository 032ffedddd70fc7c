"""A field's transforms, on tensors from the start. Those that are the same for every sample work on whole batches,
which gives the same as one by one; from the first random one to the last, samples go through one by one, each with
randomness of its own: f(seed, epoch, index, field)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torchvision.transforms import v2

from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.registry import Vocabulary
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.seed import derive

__all__ = ["Pipeline", "build", "image_batch"]

Step = Callable[[torch.Tensor], torch.Tensor]


def build(call: BoundCall) -> Any:
    """torchvision's transform of a checked call. Raises `Failure` where torchvision refuses it."""
    arguments = {k: _value(k, v) for k, v in call.arguments.items()}
    if call.name == "ToDtype":
        arguments["dtype"] = getattr(torch, arguments["dtype"])  # one of the twelve that `Dtype` allows
    try:
        return getattr(v2, call.name)(**arguments)
    except (TypeError, ValueError) as error:
        raise Failure("NNC0822", call.span, f"torchvision refuses {call.name}: {error}") from error


def _value(name: str, value: Any) -> Any:
    match value:
        case BoundCall():
            return build(value)
        case tuple():
            return [_value(name, v) for v in value]
        case str() if name == "interpolation":
            return v2.InterpolationMode(value)
        case str() if name == "policy":
            return v2.AutoAugmentPolicy(value)
    return value


class Pipeline:
    """The transforms of one field, in three parts: `before` and `after` by the batch, `random` by the sample.

    `arrays`: the samples are NumPy's, laid out as their owner chose, and a `ToImage` at the beginning reads them as (H,
    W) or (H, W, C). Otherwise images are (C, H, W) already."""

    def __init__(
        self,
        calls: Sequence[BoundCall],
        field: str,
        *,
        arrays: bool = False,
        vocabulary: Vocabulary = VOCABULARY["transform"],
    ) -> None:
        self.calls, self.field, self.arrays = tuple(calls), field, arrays
        where = [i for i, c in enumerate(self.calls) if "random" in vocabulary[c.name].traits]
        first, last = (where[0], where[-1] + 1) if where else (len(self.calls), len(self.calls))
        self.before = [self._step(i) for i in range(first)]
        self.random = [self._single(i) for i in range(first, last)]
        self.after = [self._step(i) for i in range(last, len(self.calls))]

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        """The part that is the same in every epoch, on a batch."""
        return self._run(self.before, batch)

    def finish(self, batch: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """The rest, on a prepared batch; `seeds` has one number per sample, which decides its randomness."""
        if self.random:
            samples = [self._sample(x, s) for x, s in zip(batch, seeds, strict=True)]
            batch = self._stack(samples)
        return self._run(self.after, batch)

    def item(self, sample: torch.Tensor, seed: int) -> torch.Tensor:
        """All of it on one sample."""
        return self.finish(self.prepare(sample[None]), [seed])[0]

    def seeds(self, seed: int, epoch: int, indices: Sequence[int]) -> list[int]:
        """The randomness of samples in an epoch, wherever and in whatever order they are transformed."""
        if not self.random:
            return [0] * len(indices)
        return [derive(seed, "augment", epoch, i, self.field) for i in indices]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _step(self, index: int) -> Step:
        call = self.calls[index]
        if call.name == "ToImage":
            return self._guard(call, image_batch if self.arrays and index == 0 else _with_channel)
        if call.name == "ChannelsBeforeTime":
            return self._guard(call, lambda x: x.transpose(-4, -3))
        if call.name in ("ToPureTensor", "Identity"):
            return lambda x: x
        return self._guard(call, build(call))

    def _single(self, index: int) -> Step:
        call = self.calls[index]
        if call.name == "ToImage":
            whole = self._step(index)
            return lambda x: whole(x[None])[0]
        return self._guard(call, build(call))

    def _guard(self, call: BoundCall, step: Step) -> Step:
        """What a transform says about a tensor that it cannot take becomes a `Failure` at its place in the spec."""

        def guarded(x: torch.Tensor) -> torch.Tensor:
            try:
                return step(x)
            except (TypeError, ValueError, RuntimeError, IndexError) as error:
                raise Failure(
                    "NNC0823",
                    call.span,
                    f"{call.name} cannot take `{self.field}` {list(x.shape)} {_dtype(x)}: {reason_of(error)}",
                ) from error

        return guarded

    def _sample(self, x: torch.Tensor, seed: int) -> torch.Tensor:
        """One sample with its own randomness; the global generator is as it was before."""
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            return self._run(self.random, x)
        finally:
            torch.default_generator.set_state(state)

    def _run(self, steps: Sequence[Step], x: torch.Tensor) -> torch.Tensor:
        for step in steps:
            x = step(x)
        return x

    def _stack(self, samples: list[torch.Tensor]) -> torch.Tensor:
        sizes = {tuple(s.shape) for s in samples}
        if len(sizes) > 1:
            listed = ", ".join(map(str, map(list, sorted(sizes)[:3])))
            raise Failure(
                "NNC0823", self.calls[-1].span, f"samples of `{self.field}` have different sizes: {listed}",
                notes=("end with a transform that makes them equal, such as Resize([224, 224])",),
            )  # fmt: skip
        return torch.stack(samples)


def image_batch(x: torch.Tensor) -> torch.Tensor:
    """Images as files and arrays have them: (N, H, W) → (N, 1, H, W), (N, H, W, C) → (N, C, H, W)."""
    if x.ndim == 4:
        return x.permute(0, 3, 1, 2).contiguous()
    if x.ndim == 3:
        return x.unsqueeze(1)
    raise ValueError("an image is (H, W) or (H, W, C)")


def _with_channel(x: torch.Tensor) -> torch.Tensor:
    """`ToImage` on images that are tensors already: only a missing channel is added."""
    return x.unsqueeze(1) if x.ndim == 3 else x


def _dtype(x: torch.Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")

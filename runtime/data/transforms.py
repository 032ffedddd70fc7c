"""Transforms, on tensors from the start. Those that are the same for every sample work on whole batches, which gives the same as
one by one; from the first random one to the last, samples go through one by one, each with randomness of its own: f(seed,
epoch, index, fields)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from nnc.compiler.training.config import BoundCall, TransformStage
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.training.vocabulary.dataset_parts import FIXED_VALUES
from nnc.compiler.training.vocabulary.registry import Vocabulary
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.own import OwnCall
from nnc.runtime.training.seed import derive

__all__ = ["Chain", "Pipeline", "build", "chains_of", "image_batch"]

Step = Callable[[torch.Tensor], torch.Tensor]
Act = tuple[tuple[str, ...], BoundCall]  # a transform, and the fields that it is for
REFUSALS = (TypeError, ValueError, RuntimeError, IndexError)  # what torchvision raises for a tensor that it cannot take
VALUES = frozenset({"Normalize", "ToDtype"})  # in a list of the mask alone these are for its numbers


def build(call: BoundCall) -> Any:
    """torchvision's transform of a checked call. Raises `Failure` where torchvision refuses it."""
    if isinstance(call, OwnCall):
        return call.make()
    if "." in call.name:
        raise Failure("NNC0217", call.span, f"{call.name} is Python code, which only a spec that you trust may run")
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
        case Mapping() if name == "fill":
            return _fills(value)
        case str() if name == "interpolation":
            return v2.InterpolationMode(value)
        case str() if name == "policy":
            return v2.AutoAugmentPolicy(value)
    return value


def _fills(value: Mapping[str, Any]) -> dict[Any, Any]:
    """`{image: 0, mask: 255}` by torchvision's types; a plain tensor is an image."""
    image = _value("", value.get("image", 0))
    images = (tv_tensors.Image, tv_tensors.Video, torch.Tensor)
    return {**dict.fromkeys(images, image), tv_tensors.Mask: value.get("mask", 0), "others": 0}


class Chain:
    """The transforms of one field, or of several that share draws: `acts` say which fields a transform is for, in order.

    Each field has three parts: `before` and `after`, the same for every sample and done by the batch, and between them all
    that happens from its first random transform to its last, sample by sample, where every field of an act gets the same
    draw. `kinds` says what fields hold: masks take the nearest pixel and no change of color, as torchvision's tv_tensors do, and
    come out as int64, unless a list of their own says ToDtype. `arrays`: the samples are laid out as their owner chose, and a
    `ToImage` at the beginning reads them as (H, W) or (H, W, C). Otherwise images are (C, H, W) already."""

    def __init__(
        self,
        acts: Sequence[Act],
        kinds: Mapping[str, str],
        fields: Sequence[str] = (),
        *,
        arrays: bool = False,
        vocabulary: Vocabulary = VOCABULARY["transform"],
    ) -> None:
        self.acts, self.kinds, self.arrays = tuple(acts), dict(kinds), arrays
        self.fields = tuple(dict.fromkeys((*fields, *(f for names, _ in acts for f in names))))
        self.key = ", ".join(self.fields)
        self.before: dict[str, list[Step]] = {f: [] for f in self.fields}
        self.after: dict[str, list[Step]] = {f: [] for f in self.fields}
        self.random: list[Callable[[dict[str, torch.Tensor]], None]] = []
        random = [i for i, (_, c) in enumerate(acts) if "random" in vocabulary[c.name].traits]
        spans = {f: [i for i in random if f in acts[i][0]] for f in self.fields}
        self.varying = frozenset(f for f, found in spans.items() if found)
        for i, (names, call) in enumerate(self.acts):
            if i in random:
                self.random.append(self._draw(names, call))
                continue
            for field in names:
                step = self._step(i, field)
                if not spans[field] or i < spans[field][0]:
                    self.before[field].append(step)
                elif i > spans[field][-1]:
                    self.after[field].append(step)
                else:
                    self.random.append(_single(field, _on_one(step)))
        for field in self.fields:
            own = any(names == (field,) and c.name == "ToDtype" for names, c in self.acts)
            if kinds.get(field) == "mask" and not own:
                (self.after if field in self.varying else self.before)[field].append(_class_numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        """As what it was made of: for processes that are not forks of this one."""
        return _chain, (self.acts, self.kinds, self.fields, self.arrays)

    def prepared(self, field: str, batch: torch.Tensor) -> torch.Tensor:
        """The part of a field that is the same in every epoch, on a batch."""
        return _run(self.before[field], batch)

    def finished(self, batch: Mapping[str, torch.Tensor], seeds: Sequence[int]) -> dict[str, torch.Tensor]:
        """The rest, on prepared batches of its fields; `seeds` has one number per sample, which decides its randomness."""
        done = {f: batch[f] for f in self.fields}
        if self.random:
            samples = [self._sample({f: batch[f][i] for f in self.varying}, seed) for i, seed in enumerate(seeds)]
            done |= {f: self._stack(f, [s[f] for s in samples]) for f in self.varying}
        return {f: _run(self.after[f], x) for f, x in done.items()}

    def apply(self, sample: Mapping[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
        """All of it on one sample: its fields, transformed."""
        ready = {f: self.prepared(f, sample[f][None]) for f in self.fields}
        return {f: x[0] for f, x in self.finished(ready, [seed]).items()}

    def seeds(self, seed: int, epoch: int, indices: Sequence[int]) -> list[int]:
        """The randomness of samples in an epoch, wherever and in whatever order they are transformed."""
        if not self.random:
            return [0] * len(indices)
        return [derive(seed, "augment", epoch, i, self.key) for i in indices]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _step(self, index: int, field: str) -> Step:
        """A transform that is the same for every sample, on batches of one field."""
        names, call = self.acts[index]
        kind, joint = self.kinds.get(field), len(names) > 1
        if call.name == "ToImage":
            if kind == "mask" and joint:
                return _without_channel if self.arrays else _same
            first = next(i for i, (fields, _) in enumerate(self.acts) if field in fields) == index
            return self._guard(call, field, image_batch if self.arrays and first else _with_channel)
        if call.name == "ChannelsBeforeTime":
            return self._guard(call, field, lambda x: x.transpose(-4, -3))
        if call.name in ("ToPureTensor", "Identity"):
            return _same
        transform, wrapper = build(call), _wrapper(kind, joint)
        if wrapper is tv_tensors.Mask and not joint and call.name in VALUES:
            wrapper = None
        return self._guard(call, field, transform if wrapper is None else lambda x: _plain(transform(wrapper(x))))

    def _draw(self, names: tuple[str, ...], call: BoundCall) -> Callable[[dict[str, torch.Tensor]], None]:
        """A random transform, on one sample of its fields."""
        transform, joint = build(call), len(names) > 1
        if not joint and self.kinds.get(names[0]) != "mask":
            return _single(names[0], self._guard(call, names[0], transform))
        wrappers = [_wrapper(self.kinds.get(n), joint) for n in names]

        def together(sample: dict[str, torch.Tensor]) -> None:
            given = [sample[n] if w is None else w(sample[n]) for n, w in zip(names, wrappers, strict=True)]
            try:
                drawn = transform(*given)
            except REFUSALS as error:
                shown = " and ".join(f"`{n}` {list(x.shape)} {_dtype(x)}" for n, x in zip(names, given, strict=True))
                raise _refused(call, shown, error) from error
            sample.update(zip(names, map(_plain, drawn if joint else (drawn,)), strict=True))

        return together

    def _guard(self, call: BoundCall, field: str, step: Step) -> Step:
        """What a transform says about a tensor that it cannot take becomes a `Failure` at its place in the spec."""

        def guarded(x: torch.Tensor) -> torch.Tensor:
            try:
                return step(x)
            except REFUSALS as error:
                raise _refused(call, f"`{field}` {list(x.shape)} {_dtype(x)}", error) from error

        return guarded

    def _sample(self, sample: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
        """One sample with its own randomness; the global generator is as it was before."""
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            for draw in self.random:
                draw(sample)
            return sample
        finally:
            torch.default_generator.set_state(state)

    def _stack(self, field: str, samples: list[torch.Tensor]) -> torch.Tensor:
        sizes = {tuple(s.shape) for s in samples}
        if len(sizes) > 1:
            listed = ", ".join(map(str, map(list, sorted(sizes)[:3])))
            raise Failure(
                "NNC0823", self.acts[-1][1].span, f"samples of `{field}` have different sizes: {listed}",
                notes=("end with a transform that makes them equal, such as Resize([224, 224])",),
            )  # fmt: skip
        return torch.stack(samples)


class Pipeline(Chain):
    """The transforms of one field by itself."""

    def __init__(
        self,
        calls: Sequence[BoundCall],
        field: str,
        *,
        arrays: bool = False,
        kind: str | None = None,
        vocabulary: Vocabulary = VOCABULARY["transform"],
    ) -> None:
        kinds = {} if kind is None else {field: kind}
        super().__init__([((field,), c) for c in calls], kinds, (field,), arrays=arrays, vocabulary=vocabulary)
        self.field = field

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        return self.prepared(self.field, batch)

    def finish(self, batch: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        return self.finished({self.field: batch}, seeds)[self.field]

    def item(self, sample: torch.Tensor, seed: int) -> torch.Tensor:
        """All of it on one sample."""
        return self.apply({self.field: sample}, seed)[self.field]


def _chain(acts: Sequence[Act], kinds: Mapping[str, str], fields: Sequence[str], arrays: bool) -> Chain:
    return Chain(acts, kinds, fields, arrays=arrays)


def chains_of(
    stages: Sequence[TransformStage], kinds: Mapping[str, str], use: Literal["train", "eval"], *, arrays: bool = False
) -> list[Chain]:
    """A chain for each field that has transforms, or is a mask, and one for fields that share some."""
    order = list(dict.fromkeys((*kinds, *(f for stage in stages for f in stage.fields))))
    groups: list[tuple[str, ...]] = [(f,) for f in order]
    for stage in stages:
        touched = [g for g in groups if set(g) & set(stage.fields)]
        groups = [g for g in groups if g not in touched]
        groups.append(tuple(sorted((f for g in touched for f in g), key=order.index)))
    chains = []
    for group in groups:
        own = [s for s in stages if s.fields[0] in group]
        acts = [(s.fields, call) for s in own for call in getattr(s, use)]
        if acts or any(kinds.get(f) == "mask" for f in group):
            chains.append(Chain(acts, kinds, group, arrays=arrays))
    return chains


def _wrapper(kind: str | None, joint: bool) -> Any:
    """The type by which torchvision knows what a field is; None for a plain tensor, which it takes for an image."""
    if kind == "mask" or (joint and kind in FIXED_VALUES):
        return tv_tensors.Mask
    if not joint:
        return None
    return tv_tensors.Video if kind == "frames" else tv_tensors.Image


def _single(field: str, step: Step) -> Callable[[dict[str, torch.Tensor]], None]:
    def done(sample: dict[str, torch.Tensor]) -> None:
        sample[field] = step(sample[field])

    return done


def _on_one(step: Step) -> Step:
    """A step on batches, for one sample."""
    return lambda x: step(x[None])[0]


def _plain(x: torch.Tensor) -> torch.Tensor:
    return x.as_subclass(torch.Tensor)


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


def _without_channel(x: torch.Tensor) -> torch.Tensor:
    """Masks of arrays (N, H, W, 1) as all masks are: (N, H, W)."""
    return x.squeeze(-1) if x.ndim == 4 and x.shape[-1] == 1 else x


def _run(steps: Sequence[Step], x: torch.Tensor) -> torch.Tensor:
    for step in steps:
        x = step(x)
    return x


def _class_numbers(x: torch.Tensor) -> torch.Tensor:
    """Masks as losses take them; those of true and false, and of numbers with a point, stay what they are."""
    return x if x.is_floating_point() or x.dtype is torch.bool else x.to(torch.int64)


def _refused(call: BoundCall, what: str, error: Exception) -> Failure:
    return Failure("NNC0823", call.span, f"{call.name} cannot take {what}: {reason_of(error)}")


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

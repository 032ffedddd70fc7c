"""The loss and what it is given: outputs of the network and fields of the data, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from nnc.compiler.training.config import BoundCall, LossConfig, LossTerm
from nnc.compiler.training.vocabulary.losses import BALANCED
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.signature import Signature
from nnc.runtime.training.loss_block import LossOfBlock

__all__ = ["Loss", "Value", "build_loss", "named_outputs"]

Named = Mapping[str, torch.Tensor]
Value = tuple[torch.Tensor, Mapping[str, torch.Tensor]]  # the sum, which has the gradient, and each term by itself


def build_loss(call: BoundCall) -> nn.Module:
    """torch.nn's loss of a checked call; lists of numbers (`weight`, `pos_weight`) become tensors. Raises `Failure` where
    weights are wanted from data that nobody has counted."""
    if BALANCED in call.arguments.values():
        raise Failure("NNC0813", call.span, "the weights of the classes in training are not known")
    arguments = {
        k: torch.tensor(v, dtype=torch.float32) if isinstance(v, tuple) else v for k, v in call.arguments.items()
    }
    module: nn.Module = getattr(nn, call.name)(**arguments)
    return module


def named_outputs(outputs: Any, names: Sequence[str]) -> Named:
    """What `forward` returned, by name: one tensor, a mapping, or a tuple in order."""
    if isinstance(outputs, torch.Tensor):
        return {names[0]: outputs}
    if isinstance(outputs, Mapping):
        return outputs
    return dict(zip(names, outputs, strict=False))


class Part(Protocol):
    """Part of a loss. `factors` are those of its terms in the sum, by name: 0 for one that only stands in the log."""

    @property
    def factors(self) -> Mapping[str, float]: ...

    @property
    def mean(self) -> bool: ...

    def present(self, named: Named) -> bool: ...

    def __call__(self, named: Named, batch: Named, *, check: bool = False) -> Named:
        """Its terms. With `check`, what torch says about tensors that do not go together becomes a `Failure`."""
        ...


class Loss:
    """The loss of a batch: a sum of terms. Terms of outputs that are not there, outside of training, do not count. `parts` are
    the losses of several steps, of which it is the sum."""

    def __init__(self, config: LossConfig, signature: Signature, device: torch.device) -> None:
        self.config = config
        self.parts = [Loss(part, signature, device) for part in config.parts]
        self._parts: list[Part] = [part for loss in self.parts for part in loss._parts]
        if not self.parts:
            self._parts += [_Term(term, signature, device) for term in config.terms]
        if config.block is not None:
            self._parts.append(LossOfBlock(config.block, signature, device))
        self.factors = {name: factor for part in self._parts for name, factor in part.factors.items()}
        self.means = {name: part.mean for part in self._parts for name in part.factors}
        self._names = signature.outputs

    def __call__(self, outputs: Any, batch: Named, share: float = 1.0, shares: Named | None = None) -> Value:
        """Of a batch that is a `share` of all samples in a step, means over samples count by that much in the sum; `shares` are
        those of terms that count something else."""
        return self._sum(outputs, batch, share, shares or {}, check=False)

    def checked(self, outputs: Any, batch: Named) -> Value:
        """As a call, but tensors that do not go together are named. Raises `Failure`."""
        return self._sum(outputs, batch, 1.0, {}, check=True)

    def counted(self, batch: Named) -> Named:
        """What the means of terms divide by, where that is not the number of samples: targets that are not ignored, such as
        the tokens of sequences that were filled up, each by the weight of its class."""
        found = {part.config.name: part.counted(batch) for part in self._parts if isinstance(part, _Term)}
        return {name: value for name, value in found.items() if value is not None}

    def _sum(self, outputs: Any, batch: Named, share: float, shares: Named, *, check: bool) -> Value:
        named = named_outputs(outputs, self._names)
        terms: dict[str, torch.Tensor] = {}
        total: torch.Tensor | None = None
        for part in self._parts:
            if not part.present(named):
                continue
            for name, value in part(named, batch, check=check).items():
                factor = self.factors[name]
                if part.mean and name in shares:  # of a batch in which nothing counts, torch's mean is NaN
                    value = value.where(shares[name] > 0, 0)
                terms[name] = value.detach()
                if factor:
                    portion = factor * shares.get(name, share) if part.mean else factor
                    if isinstance(portion, torch.Tensor):
                        weighed = value * portion.to(value.dtype)
                    else:
                        weighed = value if portion == 1 else value * portion
                    total = weighed if total is None else total + weighed
        assert total is not None, "a loss has a term that is always there"
        return total, terms


class _Term:
    """One of torch.nn's losses. `mean` says that torch averages it over the samples."""

    def __init__(self, config: LossTerm, signature: Signature, device: torch.device) -> None:
        self.config = config
        self.factors = {config.name: config.factor}
        self.mean = config.call.arguments.get("reduction", "mean") != "sum"
        self._module = build_loss(config.call).to(device)
        self._outputs = [n for n in config.source if n in signature.outputs]
        by_target = self.mean and config.call.name in ("CrossEntropyLoss", "NLLLoss")
        self._target = config.source[1] if by_target and config.source[1] not in signature.outputs else None
        self._pick = [_picker(name, signature) for name in config.source]

    def present(self, named: Named) -> bool:
        return not self.config.train_only or all(n in named for n in self._outputs)

    def counted(self, batch: Named) -> torch.Tensor | None:
        """What its mean divides by (as torch.nn.CrossEntropyLoss says it), or None where that is the number of samples."""
        if self._target is None or self._target not in batch:
            return None
        target: torch.Tensor = batch[self._target]
        weight: torch.Tensor | None = getattr(self._module, "weight", None)
        if target.is_floating_point():  # probabilities (N, C, *)
            return None if target.ndim < 3 else target.new_tensor(target.numel() / target.shape[1])
        if target.ndim < 2 and weight is None and "ignore_index" not in self.config.call.arguments:
            return None
        kept: torch.Tensor = target != self.config.call.arguments.get("ignore_index", -100)
        return kept.sum() if weight is None else (weight[target.where(kept, 0)] * kept).sum()

    def __call__(self, named: Named, batch: Named, *, check: bool = False) -> Named:
        tensors = [pick(named, batch) for pick in self._pick]
        if not check:
            return {self.config.name: self._module(*tensors)}
        try:
            return {self.config.name: self._module(*tensors)}
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as error:
            parts = zip(self.config.source, tensors, strict=True)
            shown = ", ".join(f"`{n}` {list(t.shape)} {str(t.dtype).removeprefix('torch.')}" for n, t in parts)
            message = f"{self.config.call.name} cannot take {shown}: {reason_of(error)}"
            raise Failure("NNC0813", self.config.call.span, message) from error


def _picker(name: str, signature: Signature) -> Callable[[Named, Named], torch.Tensor]:
    """An output of that name, else a field."""
    if name in signature.outputs:
        return lambda outputs, batch: outputs[name]
    return lambda outputs, batch: batch[name]

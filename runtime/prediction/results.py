"""What a network's outputs mean: classes with probabilities, labels, masks, or numbers. One plain dict per sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["MASK", "Results"]

MASK = "mask"  # where a result has its mask, a tensor (H, W) until it is written
LIKELY = 0.5  # a label is named from this probability on


@dataclass(frozen=True)
class Results:
    """`scores` says what the first of the `outputs` holds (`Header.scores`). Of classes the `top_k` likeliest are told, or, with
    `probabilities`, every one's."""

    outputs: tuple[str, ...]
    classes: Sequence[str] = ()
    scores: str = ""
    top_k: int = 1
    probabilities: bool = False

    def of(self, named: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """Results for the outputs (N, …) of N samples:

        - classes: `{"class": "7", "index": 7, "probability": 0.99}`, with `top` for several and `probabilities` for all
        - labels that do not exclude each other: `{"labels": ["a", "c"], "probabilities": {…}}`
        - a mask: `{"mask": (H, W), "shares": {"sky": 0.4}}`, the part of the pixels that each class has
        - else numbers: `{"output": […]}`, or `{"outputs": {…}}` of several outputs
        """
        first = named[self.outputs[0]]
        if first.ndim >= 1 and len(first):
            rows = self._classes(first)
            if rows is not None:
                return [self._ranked(row) for row in rows]
            if self.scores == "binary_logits" and first.ndim == 2:
                return [self._labels(row) for row in first.sigmoid()]
            masks = self._masks(first)
            if masks is not None:
                return [{MASK: mask, "shares": self._shares(mask)} for mask in masks]
        return self._values(named, len(first))

    def _classes(self, scores: torch.Tensor) -> torch.Tensor | None:
        """Probabilities (N, C) of classes of which one is right, or None where the output is no such thing."""
        if self.scores == "binary_logits" and scores[0].numel() == 1:
            yes = scores.reshape(-1, 1).sigmoid()
            return torch.cat([1 - yes, yes], dim=1)
        if scores.ndim != 2:
            return None
        match self.scores:
            case "logits":
                return scores.softmax(1)
            case "log_probabilities":
                return scores.exp()
            case "probabilities" if scores.shape[1] > 1:
                return scores
        return None

    def _masks(self, scores: torch.Tensor) -> torch.Tensor | None:
        """The likeliest class of each pixel (N, H, W), of scores (N, C, H, W); None where the output is no such thing."""
        if scores.ndim != 4:
            return None
        if self.scores == "binary_logits" and scores.shape[1] == 1:
            return (scores[:, 0] > 0).long()
        if self.scores in ("logits", "log_probabilities", "probabilities") and scores.shape[1] > 1:
            return scores.argmax(1)
        return None

    def _ranked(self, row: torch.Tensor) -> dict[str, Any]:
        values, indices = row.topk(min(self.top_k, len(row)))
        found = [
            {"class": self._name(i), "index": i, "probability": _finite(p)}
            for p, i in zip(values.tolist(), indices.tolist(), strict=True)
        ]
        top = {} if self.top_k == 1 else {"top": found}
        return found[0] | top | (self._all(row) if self.probabilities else {})

    def _labels(self, row: torch.Tensor) -> dict[str, Any]:
        labels = [self._name(i) for i, p in enumerate(row.tolist()) if p >= LIKELY]
        return {"labels": labels} | self._all(row)

    def _all(self, row: torch.Tensor) -> dict[str, Any]:
        return {"probabilities": {self._name(i): _finite(p) for i, p in enumerate(row.tolist())}}

    def _shares(self, mask: torch.Tensor) -> dict[str, float]:
        numbers, counts = torch.unique(mask, return_counts=True)
        parts = zip(numbers.tolist(), (counts / mask.numel()).tolist(), strict=True)
        return {self._name(i): share for i, share in sorted(parts, key=lambda part: -part[1])}

    def _values(self, named: Mapping[str, torch.Tensor], count: int) -> list[dict[str, Any]]:
        if len(named) == 1:
            (only,) = named.values()
            return [{"output": row.tolist()} for row in only]
        return [{"outputs": {k: v[i].tolist() for k, v in named.items() if len(v) == count}} for i in range(count)]

    def _name(self, index: int) -> str:
        return self.classes[index] if index < len(self.classes) else str(index)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)

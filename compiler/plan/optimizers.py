"""What each optimizer of torch.optim remembers, and what a step of it needs for a moment: data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

__all__ = ["scratch_of", "state_of"]

COPIES: Mapping[str, int] = {
    "Adadelta": 2, "Adagrad": 1, "Adam": 2, "AdamW": 2, "Adamax": 2, "ASGD": 1, "Muon": 1, "NAdam": 2, "RAdam": 2,
    "RMSprop": 1, "Rprop": 2, "SGD": 0, "SparseAdam": 2,
}  # fmt: skip
"""Tensors as large as the parameter."""

MORE: Mapping[tuple[str, str], int] = {
    ("Adam", "amsgrad"): 1, ("AdamW", "amsgrad"): 1, ("SGD", "momentum"): 1, ("RMSprop", "momentum"): 1,
    ("RMSprop", "centered"): 1,
}  # fmt: skip
"""One more where an argument is set."""

FUSED = frozenset({"Adagrad", "Adam", "AdamW", "SGD"})
PLAIN = frozenset({"SGD"})  # without weight decay and Nesterov they work in place


def state_of(name: str, arguments: Mapping[str, Any], shapes: Sequence[tuple[int, ...]]) -> int:
    """Numbers that it keeps from step to step, for parameters of these shapes."""
    total = sum(map(prod, shapes))
    if name == "Adafactor":  # a number for each row and column of a matrix
        return sum(prod(s) // max(s[-1], 1) + prod(s) // max(s[-2], 1) if len(s) > 1 else prod(s) for s in shapes)
    if name == "LBFGS":  # steps and changes of the gradient, and a few vectors
        return total * (2 * int(arguments.get("history_size", 100)) + 4)
    more = sum(n for (kind, argument), n in MORE.items() if kind == name and arguments.get(argument))
    return total * (COPIES[name] + more)


def scratch_of(name: str, arguments: Mapping[str, Any], shapes: Sequence[tuple[int, ...]], implementation: str) -> int:
    """Numbers that a step needs besides: of one parameter after the other (`loop`), or of all at once (`foreach`)."""
    if implementation == "fused" or not shapes:
        return 0
    decay = bool(arguments.get("weight_decay", 1e-2 if name == "AdamW" else 0))
    if name in PLAIN:
        copies = int(decay or bool(arguments.get("nesterov")))
    else:
        copies = 2 if implementation == "loop" else 1 + int(decay and name != "AdamW")
    numbers = [prod(s) for s in shapes]
    return copies * (sum(numbers) if implementation == "foreach" else max(numbers))

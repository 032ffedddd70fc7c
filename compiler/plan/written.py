"""An optimizer written on the command line."""

from __future__ import annotations

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training.config import BoundCall

__all__ = ["parse_optimizer"]


def parse_optimizer(written: str) -> tuple[str, BoundCall | None]:
    """`Adam(lr=1e-3)` as `optimizer:` would read it; None after saying what is wrong."""
    from nnc.compiler.source import read_text
    from nnc.compiler.source.tree import Mapping
    from nnc.compiler.training.read.train import read_train

    problems = Problems()
    tree = read_text(f"loss: MSELoss\nepochs: 1\noptimizer: {written}\n", "--optimizer", problems)
    config = read_train(tree, problems) if isinstance(tree, Mapping) else None
    first = next(iter(problems), None)
    if config is None or (first is not None and problems.has_errors):
        return (first.message if first is not None else "write a call such as Adam(lr=1e-3)"), None
    return "", config.optimizer.call

"""Which settings each parameter has: the groups of an optimizer, known before there is a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnc.compiler.training.config import BoundCall, OptimizerConfig, Parameter
from nnc.compiler.training.vocabulary import VOCABULARY

__all__ = ["Grouped", "base_rate", "decays", "group_names"]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Parameters of equal settings, by name. `settings` are those that differ from the optimizer's, which is `call`."""

    call: BoundCall
    names: tuple[str, ...]
    settings: Mapping[str, Any]


def group_names(config: OptimizerConfig, names: Iterable[str]) -> list[Grouped]:
    """Parameters with equal settings together, in the order of their first one; those of each optimizer after those of the
    one before. Every rule that fits a name adds its settings; `layer_decay` then scales the rate."""
    every = list(names)
    return [g for one in config.all for g in _groups(one, [n for n in every if one.names is None or n in one.names])]


def _groups(config: OptimizerConfig, names: Sequence[str]) -> list[Grouped]:
    rules, decay = config.groups, config.layer_decay
    groups: dict[tuple[tuple[int, ...], float], list[str]] = {}
    for name in names:
        fitting = tuple(i for i, rule in enumerate(rules) if rule.fits(name))
        groups.setdefault((fitting, decay.scale(name) if decay else 1.0), []).append(name)
    found = []
    for (fitting, scale), members in groups.items():
        settings = {k: v for i in fitting for k, v in rules[i].settings.items()}
        if scale != 1:
            settings["lr"] = settings.get("lr", base_rate(config.call)) * scale
        found.append(Grouped(config.call, tuple(members), settings))
    return found


def base_rate(call: BoundCall) -> float:
    """The learning rate of an optimizer as written, or torch's default."""
    argument = VOCABULARY["optimizer"][call.name].argument("lr")
    assert argument is not None, "every optimizer has a learning rate"
    return float(call.arguments.get("lr", argument.default))


def decays(parameter: Parameter) -> bool:
    """Whether weights like this one are decayed in practice: not biases, scales and shifts of normalization, embeddings
    (GPT, BEiT, timm)."""
    own = parameter.name.rpartition(".")[2]
    spared = "Norm" in parameter.layer or parameter.layer in ("Embedding", "EmbeddingBag") or "bias" in own
    return parameter.ndim > 1 and not spared

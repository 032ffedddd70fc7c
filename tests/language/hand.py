"""Hand-written modules, short enough to stand beside the spec that they are compared with."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Case", "Hand", "Last", "case", "spec_text"]


class Hand(nn.Module):
    """Named members and a `forward` over them: `Hand(lambda m, x: m.fc(x), fc=nn.Linear(8, 4))`."""

    def __init__(self, run: Callable[..., Any], members: Mapping[str, Any] | None = None, **named: Any) -> None:
        super().__init__()
        for name, member in {**(members or {}), **named}.items():
            if isinstance(member, nn.Parameter):
                self.register_parameter(name, member)
            elif isinstance(member, Tensor):
                self.register_buffer(name, member)
            else:
                self.add_module(name, member)
        self.run = run

    def __getitem__(self, name: str) -> Any:
        """Members whose names are no identifiers."""
        return self._modules.get(name, self._parameters.get(name, self._buffers.get(name)))

    def forward(self, *tensors: Tensor) -> Any:
        return self.run(self, *tensors)


class Last(nn.Module):
    """A function as a member of an `nn.Sequential`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        super().__init__()
        self.run = run

    def forward(self, *tensors: Tensor) -> Any:
        return self.run(*tensors)


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    by_hand: Callable[[], nn.Module]
    inputs: tuple[tuple[Any, ...], ...]  # shapes, each time the network runs; a tensor is taken as it is
    args: Mapping[str, Any]

    def tensors(self) -> list[list[Tensor]]:
        torch.manual_seed(0)
        return [[s if isinstance(s, Tensor) else torch.randn(s) for s in shapes] for shapes in self.inputs]


def spec_text(text: str) -> str:
    """A whole spec; `x: [B, 8]` flows in where no inputs are written."""
    text = textwrap.dedent(text).strip("\n")
    head = "" if "inputs:" in text.split("layers:")[0].split("blocks:")[0] else "inputs: {x: [B, 8]}\n"
    return f"nnc: 1\nname: net\n{head}{text}\n"


def case(name: str, text: str, by_hand: Callable[[], nn.Module], *inputs: tuple[Any, ...], **args: Any) -> Case:
    return Case(name, spec_text(text), by_hand, inputs or (([3, 8],), ([1, 8],)), args)

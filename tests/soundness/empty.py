"""Makes an empty tensor an error."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["NoEmptyTensors"]


class NoEmptyTensors(TorchDispatchMode):
    """Where a requirement is broken, torch's meta kernels may go on with nothing at all; no size of a spec is 0
    (docs/decisions/0027)."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor) and tensor.dim() > 1 and tensor.numel() == 0:  # (0,) is a kernel's own
                raise RuntimeError(f"{func} gave an empty tensor")
        return out

"""`--device auto|cpu|cuda|cuda:1|mps`."""

from __future__ import annotations

import re

import torch

from nnc.runtime.failure import Failure

__all__ = ["describe", "resolve"]


def resolve(name: str) -> torch.device:
    """The device of that name; `auto` takes a CUDA GPU, else Apple's, else the CPU. Raises `Failure` where there is
    none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    match = re.fullmatch(r"(cpu|cuda|mps)(?::(\d{1,3}))?", name)
    if match is None or (match[1] != "cuda" and match[2]):
        raise Failure("NNC0818", "--device", f"there is no device `{name}`", notes=("auto, cpu, cuda, cuda:0 …, mps",))
    if match[1] == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(match[2] or 0) >= count:
            found = f"this machine has {count or 'no'} CUDA GPU{'s' if count != 1 else ''} that torch can use"
            raise Failure("NNC0818", "--device", f"`{name}` is not there: {found}")
    if match[1] == "mps" and not _has_mps():
        raise Failure("NNC0818", "--device", "`mps` is not there: it needs an Apple GPU")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device in the words of a report: `cuda:0 (NVIDIA H200)`, `cpu (2 threads)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"cpu ({threads} thread{'s' if threads != 1 else ''})" if device.type == "cpu" else str(device)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()

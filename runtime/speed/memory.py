"""Memory that a step frees is kept for the next one.

glibc gives large freed blocks back to the system, and every step then takes them again, page by page: for LeNet on batches of
64 images, that is 800 to 1,300 page faults and a fifth of the step's time. No bit of any result depends on it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["can_keep_memory", "kept_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = 256 << 20  # bytes; larger blocks come and go by themselves
MOST_FREE = 2**31 - 1  # bytes at the heap's end before any are given back
USUAL = {M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 64 << 20}  # where glibc's own adaptation ends


@cache
def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where there is none of that name."""
    if sys.platform != "linux":
        return None
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found


def can_keep_memory() -> bool:
    return _function("mallopt") is not None


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within it the process keeps what it frees, up to what it needed at the most; afterwards that is given back."""
    mallopt, trim = _function("mallopt"), _function("malloc_trim")
    if mallopt is None:
        yield
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, MOST_FREE)
    try:
        yield
    finally:
        for option, value in USUAL.items():
            mallopt(option, value)
        if trim is not None:
            trim(0)

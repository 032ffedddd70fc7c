"""Python's garbage collector, paused while things are made by the ten thousand and all are kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Trees, graphs, syntax trees and modules are made in one go: to look for garbage among them is a third of the time.

    What was made joins the oldest generation as it is, instead of being looked through at the first allocation afterwards. Where
    somebody has frozen objects of his own it does not: thawing would take all."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()

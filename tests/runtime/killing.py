"""Processes that a test can kill. They come from torch warmed up once in a server process that has never run anything: a
process that is forked from the tests themselves may wait for ever for a thread of torch's that the fork left behind."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["started"]

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["torch", "torchvision.transforms.v2", "torchmetrics", "nnc.runtime.commands", "tests.runtime.helpers"]
)


def started(action: Callable[..., object], *args: Any, **named: Any) -> BaseProcess:
    """The running process of an action that a module defines by name."""
    process = SERVER.Process(target=action, args=args, kwargs=named, daemon=True)
    process.start()
    return process

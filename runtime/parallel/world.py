"""The processes that train together, and what they tell each other. One process by itself has nobody to tell: it imports
nothing of torch.distributed, and every call here is next to free."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from nnc.runtime import device as devices

__all__ = ["ALONE", "World", "launched", "world_of_environment"]

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what torchrun tells a process


class World:
    """`rank` of `size` processes, `local_rank` of `local_size` on this machine; `attempt` counts restarts."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1
    attempt = 0

    @property
    def main(self) -> bool:
        """Whether this is the process that writes: the log, checkpoints, the saved model, progress."""
        return self.rank == 0

    # -- before there is a group ---------------------------------------------------------------------------------------

    def agreed(self, key: str, value: Callable[[], str]) -> str:
        """What the main process says under this key; it alone computes it."""
        return value()

    def remember(self, key: str, value: str) -> None:
        """Leaves a word for the processes that are started in the place of these, if one of them fails."""

    def recall(self, key: str) -> str:
        """What the processes before these left under a key; "" where there is nothing, or nobody was before them."""
        return ""

    @contextmanager
    def first(self, key: str) -> Iterator[None]:
        """The first process of a machine goes first, and the others when it is through: a download happens once."""
        yield

    def device(self, name: str) -> torch.device:
        """The device of that name for this process: of several GPUs, one for each. Raises `Failure`."""
        return devices.resolve(name)

    def begin(self, device: torch.device, timeout: float) -> None:
        """Joins the others; what waits longer than `timeout` seconds for them fails."""

    # -- in the group --------------------------------------------------------------------------------------------------

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        return tensor

    def highest(self, number: int) -> int:
        """The highest of all processes' numbers; they wait for each other."""
        return number

    def poll(self, number: int) -> int:
        """The highest of the numbers that the processes gave in their last poll, for which nobody waits. Of one process, this
        number."""
        return number

    def settle(self, number: int) -> int:
        """The highest of all processes' numbers, and of those in the last poll; they wait for each other."""
        return number

    def texts(self, text: str) -> list[str]:
        """The texts of all processes, by rank; they wait for each other."""
        return [text]

    def barrier(self) -> None:
        """Waits until all are here."""

    def check(self, error: BaseException) -> None:
        """Ends this process where an error only says that another one ended: silently where that one says why, else with a
        `Failure`."""

    def end(self) -> None:
        """Leaves the group; all do."""

    @contextmanager
    def speaking_first(self) -> Iterator[None]:
        """Of the errors in which the processes end, the first is shown, and says whose it is."""
        yield


ALONE = World()


def launched() -> bool:
    """Whether torchrun, or something like it, started this process as one of several."""
    return all(os.environ.get(name) for name in VARIABLES) and os.environ["WORLD_SIZE"] != "1"


def world_of_environment() -> World:
    """The world that torchrun put this process into; `ALONE` where nothing did. Raises `Failure` where there is nobody to be
    met there."""
    if not launched():
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
        if not attempt.isdigit() or not int(attempt):
            return ALONE
        again = World()  # one process, which torchrun started again
        again.attempt = int(attempt)
        return again
    from nnc.runtime.parallel.group import Group

    return Group.of_environment()

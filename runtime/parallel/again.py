"""A run that torchrun begins again, because one of its processes failed: it goes on in its folder, from its last checkpoint.

Where the processes before had their folder, they left word in the store. A store that went with them leaves the folder that
was asked for, or the last run of the network's name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nnc.runtime.failure import Failure
from nnc.runtime.parallel.world import World
from nnc.runtime.runs import RUN

__all__ = ["place"]

FOLDER = "folder"


def place(world: World, folder: str | None, chosen: Callable[[bool], Path], *, resume: bool) -> tuple[Path, bool]:
    """The folder of the run, and whether to resume what is in it. `chosen` finds a folder where none is asked for: a new one, or
    with True the last one. All processes call it."""

    def main() -> str:
        before = world.recall(FOLDER)
        again = bool(before) or world.attempt > 0
        where = Path(folder or before or _found(chosen, again=again, resume=resume))
        world.remember(FOLDER, str(where))
        return f"{int(resume or (again and (where / RUN).is_file()))}{where}"

    said = world.agreed("place", main)
    return Path(said[1:]), said[0] == "1"


def _found(chosen: Callable[[bool], Path], *, again: bool, resume: bool) -> Path:
    if resume or not again:
        return chosen(resume)
    try:
        return chosen(True)
    except Failure:  # it failed before it had one
        return chosen(False)

"""Checkpoints that all processes write together, with torch.distributed.checkpoint: each its own parts of sharded tensors, as
safetensors files with the place of every part in their headers, so that any number of processes can read them again. What is
not sharded is the main process's. Nothing is pickled, neither in files nor where they are read.

    checkpoints/000007/shards/shard-00001-model-00001-of-00001.safetensors    the parts of the first process
                              shard-00002-…                                   of the second
                       model.safetensors  state.safetensors  state.json  manifest.json    as of any other run
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import async_save, save
from torch.distributed.tensor import DTensor

from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.saving.files import TEMPORARY, remove_leftovers, writing
from nnc.runtime.saving.saves import Saves
from nnc.runtime.saving.shards import SHARDS
from nnc.runtime.training.state import model_tensors
from nnc.runtime.training.training import Training

__all__ = ["SharedSaves"]

MODEL, STATE = "model.", "state."  # how names of sharded tensors begin


class SharedSaves(Saves):
    """In the background: what is to be written is copied first, then training goes on. A save waits for the one before."""

    def __init__(self, checkpoints: CheckpointFolder, engine: Engine, *, background: bool) -> None:
        super().__init__(checkpoints, engine)
        self.background = background
        self._group: Any = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def next_name(self) -> str:
        self.wait()
        return self.checkpoints.next_name()

    def save(self, model: nn.Module, training: Training, *, keep: str | None) -> None:
        self.wait()
        group = self._own_group()
        temporary, name = self._agreed(group)
        shards: dict[str, torch.Tensor] = {}
        tensors = _split(model_tensors(model), MODEL, shards)
        state = _split(training.state(gathered=False), STATE, shards)
        commit = self._commit(tensors, state, temporary, name, keep)
        writer = HuggingFaceStorageWriter(str(temporary / SHARDS), save_distributed=True) if shards else None
        try:
            if not self.background:
                if writer is not None:
                    save(shards, storage_writer=writer, process_group=group)
                commit()
                return
            future: Any = None
            if writer is not None:
                future = async_save(shards, storage_writer=writer, process_group=group)
        except (Exception, CheckpointException) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise self._failure(error, name) from error
        self._thread = threading.Thread(
            target=self._finish, args=(future, commit, temporary), name="nnc checkpoint", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise self._failure(error, "checkpoint") from error

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(timeout=self.engine.config.parallel.timeout)
            self._thread = None

    # -- writing -------------------------------------------------------------------------------------------------------

    def _own_group(self) -> Any:
        """A group for saving alone: what is said in it, in the background, does not meet what training says."""
        if self._group is None:
            self._group = dist.new_group(backend="gloo")
        return self._group

    def _agreed(self, group: Any) -> tuple[Path, str]:
        """The folder to write into, and its name to be: the main process says, when it has cleared away what an earlier run
        left."""
        given = torch.zeros(2, dtype=torch.int64)
        if self.engine.world.main:
            with writing(self.checkpoints.path):
                self.checkpoints.path.mkdir(parents=True, exist_ok=True)
                remove_leftovers(self.checkpoints.path)
            given[0], given[1] = int(self.checkpoints.next_name()), secrets.randbits(32)
        dist.broadcast(given, src=0, group=group)
        name = f"{int(given[0]):06d}"
        return self.checkpoints.path / f"{TEMPORARY}{name}-{int(given[1]):08x}", name

    def _commit(
        self,
        tensors: Mapping[str, torch.Tensor],
        state: Mapping[str, Any],
        temporary: Path,
        name: str,
        keep: str | None,
    ) -> Callable[[], None]:
        """What makes a checkpoint of the parts, when all are written: the main process adds what is not sharded, and renames the
        folder."""
        if not self.engine.world.main:
            return lambda: None
        copied = {n: t.detach().to("cpu", copy=True) for n, t in tensors.items()} if self.background else tensors
        contents = self.checkpoints.contents(copied, state, name)
        return lambda: self.checkpoints.commit(contents, temporary, name, keep=keep)

    def _finish(self, future: Any, commit: Callable[[], None], temporary: Path) -> None:
        try:
            if future is not None:
                future.result()
            commit()
        except BaseException as error:  # shown by the next save, or at the end
            shutil.rmtree(temporary, ignore_errors=True)
            self._error = error

    def _failure(self, error: BaseException, name: str) -> Failure:
        if isinstance(error, Failure):
            return error
        self.engine.world.check(error)
        first = next(iter(error.failures.items()), None) if isinstance(error, CheckpointException) else None
        reason = f"rank {first[0]}: {reason_of(first[1][0])}" if first is not None else reason_of(error)
        notes = ("what was saved before is intact",)
        return Failure("NNC0903", self.checkpoints.path / name, f"cannot be written: {reason}", notes=notes)


def _split(tree: Any, path: str, shards: dict[str, torch.Tensor]) -> Any:
    """The tree without its sharded tensors, which go to `shards` under their paths. Of a flat mapping of tensors they are
    left out; elsewhere a mark stands in their place."""
    if path == MODEL:
        shards |= {f"{path}{n}": t for n, t in tree.items() if isinstance(t, DTensor)}
        return {n: t for n, t in tree.items() if not isinstance(t, DTensor)}
    match tree:
        case DTensor():
            name = f"{STATE}{len(shards)}"
            shards[name] = tree.detach()
            return {"shard": name}
        case dict():
            return {k: _split(v, path + "*", shards) for k, v in tree.items()}
        case list():
            return [_split(v, path + "*", shards) for v in tree]
        case tuple():
            return tuple(_split(v, path + "*", shards) for v in tree)
    return tree

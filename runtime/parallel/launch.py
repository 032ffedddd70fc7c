"""Starts the processes of a run on this machine, as torchrun does, with torch's own agent: a free port, everyone ended when one
fails, signals passed on."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Sequence

from nnc.runtime.failure import Failure

__all__ = ["launch"]

PATIENCE = 60  # seconds that processes which are asked to end have to save
ENDED = (signal.SIGTERM, signal.SIGINT)  # how the agent ends the others when one has failed


def launch(arguments: Sequence[str], processes: int, *, restarts: int = 0) -> int:
    """Runs `nnc ARGUMENTS` in so many processes and returns their exit code, that of the first that failed. What fails is
    begun again `restarts` times. Raises `Failure` where a process ended without a word."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    logging.disable(logging.ERROR)  # the processes say themselves what is wrong
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id=uuid.uuid4().hex, rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", max_restarts=restarts, monitor_interval=0.1, shutdown_timeout=PATIENCE,
        local_addr="localhost",
    )  # fmt: skip
    command = [sys.executable, "-m", "nnc", *arguments]
    try:
        elastic_launch(config, command[0])(*command[1:])
    except SignalException as asked:
        return 128 + asked.sigval
    except ChildFailedError as error:
        return _code({rank: failure.exitcode for rank, failure in error.failures.items()}, processes)
    return 0


def _code(failed: dict[int, int], processes: int) -> int:
    """The exit code of several that failed. A process that was killed has said nothing, and so have those that missed it.
    Raises `Failure` for it."""
    for rank, code in sorted(failed.items()):
        if code < 0 and -code not in ENDED:
            name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
            notes: tuple[str, ...] = ("`--resume` goes on from the last checkpoint",)
            if -code == signal.SIGKILL:
                notes = ("the system kills processes when memory runs out", *notes)
            raise Failure("NNC0930", "run", f"rank {rank} of {processes} was ended by {name}", notes=notes)
    return next((code for code in failed.values() if code > 0), 1)

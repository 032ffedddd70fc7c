"""Writes docs/reliability.md: what was done to runs and files, how often, and how often they held.

python -m tests.reliability.report                 all of it: some 30 minutes
python -m tests.reliability.report stop twice      single experiments; the other rows stay
python -m tests.reliability.report --share 0.05    so much of the trials
"""

from __future__ import annotations

import argparse
import errno
import platform
import re
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from tests.hostile.cases import CASES
from tests.hostile.test_hostile import NAIVE
from tests.hostile.test_hostile import tried as tried_hostile
from tests.reliability.damage import (
    Damage,
    cut,
    damaged_artifact,
    damaged_checkpoint,
    flipped,
    unnoticed_by_safetensors,
)
from tests.reliability.killing import IN_PLACE, OURS, Subject, at_operations, at_random_moments, operations_of
from tests.reliability.mutating import KINDS, LIMIT, MEMORY, tried
from tests.reliability.room import in_a_read_only_folder, refused_operations, with_files_of_at_most
from tests.reliability.stopping import asked_to_stop, begun_twice
from tests.reliability.tally import Tally
from tests.reliability.tracing import Operation
from tests.reliability.trial import go_on, write_project

__all__ = ["EXPERIMENTS", "FILE", "Row", "read", "write"]

FILE = Path(__file__).parents[2] / "docs" / "reliability.md"
ROW = re.compile(r"^\| (?P<title>[^|]+) \| (?P<trials>[\d,]+) \| (?P<held>[\d,]+) \| (?P<notes>[^|]*)\|$", re.MULTILINE)
MUTATED = 7700  # of each kind: 100,000 in all
Few = Callable[[int], int]  # how many of so many trials


@dataclass(frozen=True)
class Row:
    """What came of one experiment."""

    trials: int
    held: int
    notes: str = ""

    @classmethod
    def of(cls, tally: Tally, *notes: str) -> Row:
        for fault in tally.lost:
            print(fault, file=sys.stderr)
        return cls(tally.trials, tally.held, ", ".join(notes))


@dataclass(frozen=True)
class Experiment:
    """`run` is given an empty folder that everybody can reach, and how many trials to make of so many. `bound` says that all
    have to hold; of what is shown for comparison, some must not."""

    section: str
    title: str
    run: Callable[[Path, Few], Row]
    bound: bool = True


# -- the experiments ---------------------------------------------------------------------------------------------------


def random_moments(folder: Path, few: Few) -> Row:
    tally = at_random_moments(OURS, write_project(folder), folder, few(200), seed=200)
    return Row.of(tally, f"{tally.seen['while saving']} of them while saving")


def every_operation(subject: Subject, folder: Path, few: Few) -> Row:
    spec = write_project(folder)
    operations = operations_of(subject, spec, folder / "counted")
    numbers = chosen(operations, few)
    tally = at_operations(subject, spec, folder, numbers)
    return Row.of(tally, f"{_part(numbers, operations)}: before each, and in the middle of each write")


def failing(error: int, folder: Path, few: Few) -> Row:
    spec = write_project(folder)
    operations = operations_of(OURS, spec, folder / "counted")
    numbers = chosen(operations, few)
    tally = refused_operations(spec, folder, numbers, error)
    said = f"{tally.seen['said']} said so and ended, the others could do without"
    return Row.of(tally, f"{_part(numbers, operations)}: {said}")


def _part(numbers: Sequence[int], operations: Sequence[Operation]) -> str:
    """How many of a run's operations were tried."""
    return f"all {len(operations)}" if len(numbers) == len(operations) else f"{len(numbers)} of {len(operations)}"


def chosen(operations: Sequence[Operation], few: Few) -> list[int]:
    """The numbers of as many of them, spread evenly."""
    count = few(len(operations))
    return sorted({1 + i * (len(operations) - 1) // max(1, count - 1) for i in range(count)})


def damage(what: Callable[[Path, Damage, int, int], Tally], kind: Damage, count: int, folder: Path, few: Few) -> Row:
    go_on(write_project(folder), folder / "run")
    return Row.of(what(folder / "run", kind, few(count), 1))


def safetensors_alone(folder: Path, few: Few) -> Row:
    go_on(write_project(folder), folder / "run")
    return Row.of(
        unnoticed_by_safetensors(folder / "run", few(1000), 1), "for comparison: this is why there are digests"
    )


def small_files(folder: Path, few: Few) -> Row:
    tally = with_files_of_at_most(write_project(folder), folder, range(250, 40_000, max(250, 40_000 // few(160))))
    return Row.of(tally, f"{tally.seen['said']} said so and ended")


def read_only(folder: Path, few: Few) -> Row:
    return Row.of(in_a_read_only_folder(folder))


def stopping(folder: Path, few: Few) -> Row:
    tally = asked_to_stop(write_project(folder), folder, few(100), seed=100)
    return Row.of(tally, "exit codes 143 and 130")


def twice(folder: Path, few: Few) -> Row:
    return Row.of(begun_twice(write_project(folder), folder, few(20)))


def mutated(kind: str, folder: Path, few: Few) -> Row:
    found = tried(kind, folder, range(50_000, 50_000 + few(MUTATED)))
    for fault in found.faults:
        print(fault, file=sys.stderr)
    notes = f"{found.refused:,} refused, the others read; at most {found.slowest:.2f} s and {found.megabytes} MiB"
    return Row(found.cases, found.cases - len(found.faults), notes)


def hostile(folder: Path, few: Few) -> Row:
    tally = Tally()
    for number, case in enumerate(CASES[: few(len(CASES))]):
        where = folder / str(number)
        where.mkdir()
        fault = tried_hostile(case, where)
        tally.add(f"{case.name}: {fault}" if fault else "")
    return Row.of(tally, f"the canary of {len(NAIVE)} sings when they are loaded carelessly")


KILLED, DAMAGED, REFUSED = (
    "Killed",
    "Damaged checkpoints and saved models",
    "Refused by the system, stopped, begun twice",
)
FILES, HOSTILE = "Damaged files", "Hostile files"
EXPERIMENTS: dict[str, Experiment] = {
    "kill": Experiment(KILLED, "`kill -9` at a random moment of a run", random_moments),
    "operations": Experiment(KILLED, "`kill -9` at every file operation of a run", partial(every_operation, OURS)),
    "in-place": Experiment(
        KILLED,
        "the same over a loop that saves in place with `torch.save`",
        partial(every_operation, IN_PLACE),
        bound=False,
    ),
    "flips": Experiment(DAMAGED, "a bit of a checkpoint flipped", partial(damage, damaged_checkpoint, flipped, 1000)),
    "cuts": Experiment(DAMAGED, "a file of a checkpoint cut short", partial(damage, damaged_checkpoint, cut, 500)),
    "model-flips": Experiment(
        DAMAGED, "a bit of a saved model flipped", partial(damage, damaged_artifact, flipped, 1000)
    ),
    "model-cuts": Experiment(DAMAGED, "a saved model cut short", partial(damage, damaged_artifact, cut, 500)),
    "alone": Experiment(
        DAMAGED, "a bit flipped, and the file read by safetensors alone", safetensors_alone, bound=False
    ),
    "full": Experiment(REFUSED, "no space left, at every file operation of a run", partial(failing, errno.ENOSPC)),
    "broken": Experiment(
        REFUSED, "an input/output error, at every file operation of a run", partial(failing, errno.EIO)
    ),
    "small": Experiment(REFUSED, "files that may not grow beyond a size (`RLIMIT_FSIZE`)", small_files),
    "read-only": Experiment(REFUSED, "a folder that became read-only", read_only),
    "stop": Experiment(REFUSED, "SIGTERM or SIGINT at a random moment", stopping),
    "twice": Experiment(REFUSED, "a second process in the folder of a run", twice),
    **{f"mutated-{k}": Experiment(FILES, k, partial(mutated, k)) for k in KINDS},
    "hostile": Experiment(HOSTILE, "files made to do harm", hostile),
}
MEANING = {
    KILLED: """
        A run is killed, resumed, and held where it ends with the weights, the saved model and the log of one that was never
        interrupted, bit for bit. The operations are the system calls that change files, seen by the kernel (`ptrace`), whichever
        library makes them. A power failure asks for more: `tests/reliability/test_killing.py` proves that every byte has been
        flushed before a checkpoint gets its name.""",
    DAMAGED: """
        Held where the damage is noticed, the file named, and the checkpoint before used.""",
    REFUSED: """
        Held where the run says what failed and names the file (or does not need it), what was saved before is intact, and the
        run goes on to the same weights once it may. A run that is asked to stop finishes its step, saves, and ends with 128 and
        the signal's number; a second process is refused without harm to the first.""",
    FILES: f"""
        Good files with one to three damages; where a digest would hide what lies behind it, it is taken anew. Held where the
        file is read or refused: no traceback, at most {LIMIT:.0f} s of processor time and {MEMORY} MiB, all included, of which
        PyTorch alone takes some 500.""",
    HOSTILE: """
        Bombs of aliases and of compression, deep nesting, `!!python/object`, powers, repeats, paths out of the folder, links out
        of a run, pipes and devices, pickles under every name, giant headers, checkpoints and saved models whose digests somebody
        took anew. Held where the command that would load it refuses it with a reason, in bounded time and memory, and no file
        has changed.""",
}


# -- the file ----------------------------------------------------------------------------------------------------------


def read(text: str) -> dict[str, Row]:
    """The rows of a file that was written before, by title."""
    return {
        m["title"]: Row(int(m["trials"].replace(",", "")), int(m["held"].replace(",", "")), m["notes"].strip())
        for m in ROW.finditer(text)
    }


def write(rows: Mapping[str, Row]) -> str:
    """The whole file."""
    return "\n".join(_text(rows)) + "\n"


def _text(rows: Mapping[str, Row]) -> Iterator[str]:
    yield "# Reliability"
    yield ""
    yield "Made by `make reliability`, which does all of this and counts; `make test` does a part of it every time."
    yield f"Python {platform.python_version()}, torch {torch.__version__}, {platform.system()} on {platform.machine()}."
    for section in dict.fromkeys(e.section for e in EXPERIMENTS.values()):
        yield from ("", f"## {section}", "", *_wrapped(MEANING[section]), "")
        yield "| | trials | held | |"
        yield "|---|---:|---:|---|"
        for experiment in EXPERIMENTS.values():
            row = rows.get(experiment.title)
            if experiment.section == section and row is not None:
                yield f"| {experiment.title} | {row.trials:,} | {row.held:,} | {row.notes} |"
        found = [rows[e.title] for e in EXPERIMENTS.values() if e.section == section and e.title in rows]
        if section == FILES and found:
            yield f"| **all** | {sum(r.trials for r in found):,} | {sum(r.held for r in found):,} | |"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 140, break_long_words=False, break_on_hyphens=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Does harm to runs and files, and writes docs/reliability.md.")
    parser.add_argument("experiments", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; all where none is given")
    parser.add_argument("--share", type=float, default=1.0, help="how much of the trials (1: all of them)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = []
    for name in options.experiments or EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        with tempfile.TemporaryDirectory(prefix="nnc-reliability-") as folder:
            Path(folder).chmod(0o755)
            row = experiment.run(Path(folder), lambda count: max(1, round(count * options.share)))
        print(f"{experiment.title}: {row.held:,} of {row.trials:,} {row.notes}", flush=True)
        known = read(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        FILE.write_text(write(known | {experiment.title: row}), encoding="utf-8")
        if experiment.bound != (row.held == row.trials):
            failed.append(name)
    if failed:
        print(f"not as it should be: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

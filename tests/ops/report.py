"""Writes docs/against-torch.md: how many cases of every op were compared with torch, and what came of them.

python -m tests.ops.report                      every op, 300 cases each: some 15 minutes
python -m tests.ops.report --family linear      one family; the other rows stay
python -m tests.ops.report --cases 40 Conv2d    fewer cases, of single ops
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torchvision

from nnc.compiler.ops.catalogue import CATALOGUE
from tests.ops.comparison import examine
from tests.ops.exceptions import STRICTER
from tests.ops.module_samples import samples
from tests.ops.test_module_samples import LOSSES, OTHERS

__all__ = ["FILE", "Line", "read", "write"]

FILE = Path(__file__).parents[2] / "docs" / "against-torch.md"
ROW = re.compile(r"^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """Cases of one op: taken by both, refused by both for one cause, refused here on purpose, and different."""

    cases: int
    accepted: int
    refused: int
    stricter: int
    differs: int


def compared(name: str, cases: int) -> Line:
    """The line of one op. A case that differs is printed; there is none in a table that is committed."""
    try:
        counts = examine(CATALOGUE[name], cases)
    except AssertionError as difference:
        print(difference, file=sys.stderr)
        counts = Counter(differs=1)
    return Line(counts.total(), counts["accepted"], counts["refused"], counts["stricter"], counts["differs"])


def read(text: str) -> dict[str, Line]:
    """The lines of a table that was written before."""
    return {name: Line(*map(int, numbers)) for name, *numbers in ROW.findall(text)}


def write(lines: Mapping[str, Line]) -> str:
    """The whole file."""
    return "\n".join(_text({n: lines[n] for n in CATALOGUE if n in lines})) + "\n"


def _text(lines: Mapping[str, Line]) -> Iterator[str]:
    modules = {n: line for n, line in lines.items() if CATALOGUE[n].form == "module"}
    functions = {n: line for n, line in lines.items() if n not in modules}
    yield "# Against torch"
    yield ""
    yield "Made by `make against-torch`. Every op is given arguments and input shapes that hypothesis draws, valid and invalid;"
    yield f"torch {torch.__version__} and torchvision {torchvision.__version__} get the same on the CPU. In how many cases"
    yield ""
    yield "- both **accept**: results have the same shapes, dtypes and names, parameters the same names, shapes and dtypes,"
    yield "- both **refuse**, for the same cause: `tests/ops/causes.py` says what a cause is,"
    yield "- nnc is **stricter** on purpose: the reasons are below,"
    yield "- they **differ** in any other way: the goal is 0."
    for title, part in (("Modules", modules), ("Functions", functions)):
        yield from ("", f"## {title}", "")
        yield "| op | cases | accepted | refused | stricter | different |"
        yield "|---|---:|---:|---:|---:|---:|"
        yield _row(f"all {len(part)}", part.values())
        yield from (_row(f"`{name}`", [line]) for name, line in sorted(part.items()))
    yield from ("", "## Where nnc is stricter", "")
    yield from (f"- {stricter.reason}" for stricter in STRICTER)
    yield from ("", "## PyTorch's own module samples", "")
    yield "Those of `torch.testing._internal.common_modules`, on the CPU with float32. As a spec, each has"
    yield "the same parameters, and with them copied the same outputs, to the last bit (`tests/ops/test_module_samples.py`)."
    yield from (
        "",
        f"All {_samples('modules')} of modules and {_samples('losses')} of losses are the same: there is no exception.",
    )
    yield from ("", "## Multiply-adds", "")
    yield "Of every shipped spec they are half of what `torch.utils.flop_counter` counts (`tests/zoo/test_flops.py`)."
    yield "What it misses and nnc counts:"
    yield ""
    yield "| | why |"
    yield "|---|---|"
    yield "| `matmul` and `linear` with a vector | `aten::mv` and `aten::dot` are not in its table |"
    yield "| `einsum` that sums over a size of 1 | torch multiplies element by element instead |"
    yield "| attention and recurrent layers in eval mode | kernels fused for inference are not in its table |"


@cache
def _samples(title: str) -> int:
    return sum(1 for name in (LOSSES if title == "losses" else OTHERS) for _ in samples(name))


def _row(name: str, lines: Iterable[Line]) -> str:
    columns = zip(*((n.cases, n.accepted, n.refused, n.stricter, n.differs) for n in lines), strict=True)
    return f"| {name} | {' | '.join(str(sum(column)) for column in columns)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares ops with torch and writes docs/against-torch.md.")
    parser.add_argument("ops", nargs="*", help="names of ops; all of them where none is given")
    parser.add_argument("--family", help="only the ops of this family")
    parser.add_argument("--cases", type=int, help="how many cases of each op (300 of a module, 100 of a function)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = read(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    chosen = options.ops or [n for n, op in CATALOGUE.items() if options.family in (None, op.family)]
    for name in chosen:
        usual = 300 if CATALOGUE[name].form == "module" else 100
        known[name] = compared(name, options.cases or usual)
        FILE.write_text(write(known), encoding="utf-8")
    return int(any(known[name].differs for name in chosen))


if __name__ == "__main__":
    sys.exit(main())

"""Writes the tables of docs/plan.md: memory of a training step, planned and measured.

python benchmarks/plan_memory.py           all of it, about five minutes
python benchmarks/plan_memory.py several   print those of several processes
python benchmarks/plan_memory.py lenet5    print the lines of some networks
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.plan.test_measured import CASES, THOROUGH, compared
from tests.plan.test_several_measured import CASES as SEVERAL
from tests.plan.test_several_measured import compared_on_several

PAGE = Path(__file__).parents[1] / "docs" / "plan.md"
BEGIN_SEVERAL, END_SEVERAL = "<!-- several: written by benchmarks/plan_memory.py -->", "<!-- end of several -->"
BEGIN, END = "<!-- measured: written by benchmarks/plan_memory.py -->", "<!-- end -->"


def lines(names: list[str]) -> list[str]:
    """The table, of all networks or of those named."""
    found = [
        "| network | sizes | optimizer | precision | computed anew | planned | tensors | allocator | error | of allocator |",
        "|---|---|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for case in (*CASES, *THOROUGH):
        name, sizes, how, precision, again = case
        if names and name not in names:
            continue
        plan, tensors, seen = compared(*case)
        written = ", ".join(f"{k}={v}" for k, v in sizes.items())
        figures = " | ".join(f"{n / 1e6:,.1f} MB" for n in (plan, tensors, seen))
        found.append(
            f"| {name} | {written} | {how[1]} | {precision} | {'every block' if again else ''} | {figures} "
            f"| {plan / tensors - 1:+.1%} | {plan / seen - 1:+.1%} |"
        )
        print(found[-1], file=sys.stderr, flush=True)
    return found


def lines_of_several() -> list[str]:
    """The table of DDP and FSDP."""
    found = ["| how | samples each | planned | allocator | error |", "|---|---:|---:|---:|---:|"]
    for kind, processes, batch in SEVERAL:
        with TemporaryDirectory() as folder:
            plan, measured = compared_on_several(Path(folder), kind, processes, batch)
        figures = f"{plan / 1e6:,.1f} MB | {measured / 1e6:,.1f} MB | {plan / measured - 1:+.1%}"
        found.append(f"| {kind.upper()}, {processes} | {batch} | {figures} |")
    return found


def put(page: str, table: list[str], begin: str, end: str) -> str:
    before, rest = page.split(begin)
    return "\n".join([f"{before}{begin}", *table, f"{end}{rest.split(end)[1]}"])


def main() -> None:
    names = sys.argv[1:]
    if names == ["several"]:
        print("\n".join(lines_of_several()))
        return
    table = lines(names)
    if names:
        print("\n".join(table))
        return
    page = put(PAGE.read_text(encoding="utf-8"), table, BEGIN, END)
    PAGE.write_text(put(page, lines_of_several(), BEGIN_SEVERAL, END_SEVERAL), encoding="utf-8")


if __name__ == "__main__":
    main()

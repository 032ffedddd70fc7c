"""Writes the table of docs/plan.md: memory of a training step, planned and measured.

python benchmarks/plan_memory.py           all of it, about five minutes
python benchmarks/plan_memory.py lenet5    print the lines of some networks
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.plan.test_measured import CASES, THOROUGH, compared

PAGE = Path(__file__).parents[1] / "docs" / "plan.md"
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


def main() -> None:
    names = sys.argv[1:]
    table = "\n".join(lines(names))
    if names:
        print(table)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()

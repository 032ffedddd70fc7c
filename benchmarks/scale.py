"""How `nnc check` and `nnc.load` grow with the number of layers: processor time and peak memory, each in a process of
its own, with the ratio per doubling; and spec → module against the same modules constructed by hand.

python benchmarks/scale.py            1,000 … 32,000 layers
python benchmarks/scale.py --full     to 100,000
python benchmarks/scale.py --construction  the second table alone
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.elaborate.scale import KINDS, WIDTH, spec


def measured(command: list[str]) -> tuple[float, float]:
    """Processor seconds and peak MiB of a process. Raises where it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(said.decode()[-2000:])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def check(folder: Path, kind: str, layers: int) -> tuple[float, float]:
    path = folder / f"{kind}{layers}.yaml"
    path.write_text(spec(kind, layers))
    return measured([sys.executable, "-m", "nnc", "check", str(path)])


def growth(folder: Path, counts: list[int]) -> None:
    print("nnc check: processor seconds and peak MiB (× per doubling of the layers, what a start costs taken off)")
    base = check(folder, "list", 2)
    for kind in KINDS:
        before: tuple[int, float, float] | None = None
        for count in counts if kind != "repeated" else [c for c in counts if c <= 8_000]:  # one line makes no more
            seconds, memory = check(folder, kind, count)
            own, room = seconds - base[0], memory - base[1]
            ratios = ""
            if before is not None:
                doublings = count / before[0] / 2
                ratios = f"×{own / before[1] / doublings:.2f}  ×{room / before[2] / doublings:.2f}"
            print(f"  {kind:<9} {count:>7,}  {seconds:7.2f} s  {memory:7.0f} MiB  {ratios}", flush=True)
            before = count, max(own, 0.01), max(room, 1.0)


def construction(folder: Path, counts: list[int], repeats: int) -> None:
    """Contestants take turns; the garbage collector runs as it does in any program."""
    import torch
    from torch import nn

    import nnc
    from nnc.compiler.backends.torch import build

    torch.set_num_threads(1)
    print(
        "spec → module against the same modules by hand (goal: ≤ ×1.20), medians of processor time. By hand: made in a loop;"
    )
    print(
        "as a Python file with a line for each, as the spec has one, read for the first time. nnc: compiled anew; and with"
    )
    print("what an earlier load has kept on disk (long files only, as Python keeps __pycache__)")
    kept = os.environ["NNC_CACHE"] = str(folder / "kept")
    for count, width in product(counts, (WIDTH, 128)):
        pairs = count // 2

        def listed(pairs: int = pairs, width: int = width) -> nn.Module:
            return nn.Sequential(*(m for _ in range(pairs) for m in (nn.Linear(width, width), nn.ReLU())))

        class Named(nn.Module):
            def __init__(self, pairs: int = pairs, width: int = width) -> None:
                super().__init__()
                for i in range(pairs):
                    setattr(self, f"fc{i}", nn.Linear(width, width))
                    setattr(self, f"act{i}", nn.ReLU())

        for kind, loop in (("list", listed), ("mapping", Named)):
            text = spec(kind, count).replace(": relu", ": ReLU()")
            path = folder / f"{kind}.yaml"
            path.write_text(text.replace(f"[B, {WIDTH}]", f"[B, {width}]").replace(f"({WIDTH})", f"({width})"))
            written = _written(kind, pairs, width)

            def file(written: str = written, kind: str = kind) -> nn.Module:
                names: dict[str, Any] = {}
                exec(compile(written, "by_hand.py", "exec"), names)  # noqa: S102  # written here
                return names[kind.title()]()  # type: ignore[no-any-return]  # the class that ran

            def anew(path: Path = path) -> nn.Module:
                os.environ["NNC_CACHE"] = ""
                model = nnc.load(path)
                os.environ["NNC_CACHE"] = kept
                return model

            def later(path: Path = path) -> nn.Module:
                return nnc.load(path)

            contestants: dict[str, Callable[[], object]] = {"loop": loop, "file": file, "anew": anew, "kept": later}
            times = _medians(contestants, repeats, forget=build._loaded.clear)
            ratios = "   ".join(
                f"{name} {times[name]:6.3f} s ×{times[name] / times['loop']:.2f}" for name in ("file", "anew", "kept")
            )
            title = f"{kind} of {count:,}, Linear({width})"
            print(f"  {title:<32} loop {times['loop']:6.3f} s   {ratios}", flush=True)


def _written(kind: str, pairs: int, width: int) -> str:
    """The modules, and for named ones the forward pass, as somebody writes them down."""
    head = "from torch import nn\n\n\n"
    if kind == "list":
        lines = "".join(f"            nn.Linear({width}, {width}),\n            nn.ReLU(),\n" for _ in range(pairs))
        return (
            f"{head}class List(nn.Sequential):\n    def __init__(self):\n        super().__init__(\n{lines}        )\n"
        )
    made = "".join(
        f"        self.fc{i} = nn.Linear({width}, {width})\n        self.act{i} = nn.ReLU()\n" for i in range(pairs)
    )
    run = "".join(f"        x = self.fc{i}(x)\n        x = self.act{i}(x)\n" for i in range(pairs))
    start = "    def __init__(self):\n        super().__init__()\n"
    return f"{head}class Mapping(nn.Module):\n{start}{made}\n    def forward(self, x):\n{run}        return x\n"


def _medians(
    contestants: dict[str, Callable[[], object]], repeats: int, forget: Callable[[], None]
) -> dict[str, float]:
    """`forget` makes the process one that has never seen the file."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name in sorted(contestants, reverse=turn % 2 == 1):
            forget()
            gc.collect()
            start = time.process_time()
            contestants[name]()
            if turn:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    full = "--full" in sys.argv[1:]
    sizes = [1_000 * 2**i for i in range(6)] + ([64_000, 100_000] if full else [])
    with tempfile.TemporaryDirectory() as temporary:
        if "--construction" not in sys.argv[1:]:
            growth(Path(temporary), sizes)
        construction(Path(temporary), [1_000, 10_000], 9)
    print(
        f"load {os.getloadavg()[0]:.1f}, peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"
    )

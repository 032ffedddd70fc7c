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
    """Rivals take turns; the garbage collector runs as it does in any program."""
    import torch
    from torch import nn

    import nnc

    torch.set_num_threads(1)
    print(
        "spec → module against the same modules by hand (goal: ≤ ×1.20), medians of processor time: compiled anew, and"
    )
    print("with what an earlier load has kept on disk (long files only, as Python keeps __pycache__)")
    os.environ["NNC_CACHE"] = str(folder / "kept")
    for count, width in product(counts, (WIDTH, 128)):
        pairs = count // 2

        def by_hand(pairs: int = pairs, width: int = width) -> nn.Module:
            return nn.Sequential(*(m for _ in range(pairs) for m in (nn.Linear(width, width), nn.ReLU())))

        class Named(nn.Module):
            def __init__(self, pairs: int = pairs, width: int = width) -> None:
                super().__init__()
                for i in range(pairs):
                    setattr(self, f"fc{i}", nn.Linear(width, width))
                    setattr(self, f"act{i}", nn.ReLU())

        for kind, rival in (("list", by_hand), ("mapping", Named)):
            text = spec(kind, count).replace(": relu", ": ReLU()")
            path = folder / f"{kind}.yaml"
            path.write_text(text.replace(f"[B, {WIDTH}]", f"[B, {width}]").replace(f"({WIDTH})", f"({width})"))
            title = f"{kind} of {count:,}, Linear({width})"
            _rivals(title, rival, lambda path=path: nnc.load(path), repeats)  # type: ignore[misc]


def _rivals(title: str, rival: Callable[[], object], ours: Callable[[], object], repeats: int) -> None:
    kept = os.environ["NNC_CACHE"]

    def anew() -> None:
        os.environ["NNC_CACHE"] = ""
        ours()
        os.environ["NNC_CACHE"] = kept

    contestants = {"by hand": rival, "anew": anew, "kept": ours}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name in sorted(contestants, reverse=turn % 2 == 1):
            gc.collect()
            start = time.process_time()
            contestants[name]()
            if turn:
                times[name].append(time.process_time() - start)
    hand, first, later = (statistics.median(times[name]) for name in contestants)
    ratios = f"nnc anew {first:6.3f} s ×{first / hand:.2f}   kept {later:6.3f} s ×{later / hand:.2f}"
    print(f"  {title:<32} by hand {hand:6.3f} s   {ratios}", flush=True)


if __name__ == "__main__":
    full = "--full" in sys.argv[1:]
    sizes = [1_000 * 2**i for i in range(6)] + ([64_000, 100_000] if full else [])
    with tempfile.TemporaryDirectory() as temporary:
        if "--construction" not in sys.argv[1:]:
            growth(Path(temporary), sizes)
        construction(Path(temporary), [1_000, 10_000], 5)
    print(
        f"load {os.getloadavg()[0]:.1f}, peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"
    )

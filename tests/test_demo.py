"""`make demo` does what it says: every command succeeds, every file it names is there, the network has learnt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "examples/demo.sh", str(tmp_path / "demo")],
        cwd=ROOT,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    heading, names = re.search(r"(Everything was written to .*):\n((?:  \S+ .*\n)+)", done.stdout).groups()  # type: ignore[union-attr]
    assert heading.endswith(str(tmp_path / "demo"))
    for line in names.splitlines():
        assert (tmp_path / "demo" / line.split()[0]).exists(), line
    accuracy = float(done.stdout.split()[-1])
    assert done.stdout.splitlines()[-1].split()[0] == "accuracy"
    assert accuracy >= 0.98

"""The references in docs/ are what `make docs` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nnc.specs import families

ROOT = Path(__file__).parents[1]


def test_the_generated_references_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_shipped_spec_is_drawn() -> None:
    zoo = ROOT / "docs" / "zoo"
    assert sorted(p.stem for p in zoo.glob("*.svg")) == families(), "run `make docs-zoo`"
    page = (zoo / "README.md").read_text(encoding="utf-8")
    assert [f for f in families() if f"]({f}.svg)" not in page] == [], "run `make docs-zoo`"

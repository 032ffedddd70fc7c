"""What is heavy is imported when it is needed, and torch never."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "networkx", "graphviz", "pygraphviz", "rich", "subprocess")
MODULES = ("sketch", "dot", "mermaid", "json")


def loaded(statements: str) -> set[str]:
    """Which heavy modules a fresh interpreter has after the statements."""
    code = f"{statements}\nimport sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", [*(f"backends.{m}" for m in MODULES), "summary", "graph.printing"])
def test_importing_is_light(module: str) -> None:
    assert loaded(f"import nnc.compiler.{module}") == set()


def test_a_drawing_needs_two_of_them() -> None:
    statements = """
from nnc.compiler.driver import compile_text
from nnc.compiler.backends.dot import to_dot
from nnc.compiler.backends.sketch import sketch
to_dot(sketch(compile_text("nnc: 1\\nname: n\\ninputs: {x: [B, 8]}\\nlayers: [Linear(4)]\\n").graph))
"""
    assert loaded(statements) >= {"networkx", "graphviz"}
    assert "torch" not in loaded(statements)

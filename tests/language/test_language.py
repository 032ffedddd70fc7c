"""Every construct of the language, alone and in odd company, against hand-written modules: the same keys in the same
order, the same numbers with the same weights, and all of it again after `nnc fmt`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnc.compiler.backends.torch.build import build
from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_text, default_catalogue
from nnc.compiler.schema.fmt import format_text
from tests.language.cases import CASES
from tests.language.hand import Case


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_network_is_the_hand_written_one(case: Case) -> None:
    compare(case.text, case)


@pytest.mark.parametrize("form", ["mapping", "call"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_other_spelling_is_the_same_network(case: Case, form: str) -> None:
    problems = Problems()
    formatted = format_text(case.text, "test.yaml", default_catalogue(), problems, form=form)  # type: ignore[arg-type]
    assert formatted is not None, problems.sorted()
    compare(formatted, case)


def test_printed_sources_run_on_their_own(tmp_path: Path) -> None:
    """Without nnc, in another process: each makes its module, with the keys that it has here."""
    wanted = {}
    for i, case in enumerate(CASES):
        module: Any = build(compile_text(case.text, args=case.args).graph)
        (tmp_path / f"network{i}.py").write_text(module.source, encoding="utf-8")
        wanted[f"network{i}"] = [type(module).__name__, list(module.state_dict())]
    lines = ["import sys", f"for name, (kind, keys) in {wanted!r}.items():"]
    lines += ["    assert list(getattr(__import__(name), kind)().state_dict()) == keys, name"]
    lines += ["assert not any(m.partition('.')[0] == 'nnc' for m in sys.modules)", "print('all run')"]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "all run\n", done.stderr


def compare(text: str, case: Case) -> None:
    graph = compile_text(text, args=case.args).graph
    ours, theirs = build(graph), case.by_hand()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    for tensors in case.tensors():
        for training in (True, False):
            ours.train(training)
            theirs.train(training)
            assert same(run(ours, tensors), run(theirs, tensors))


def run(module: nn.Module, tensors: list[Tensor]) -> Any:
    torch.manual_seed(1)
    return module(*tensors)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    assert list(one) == list(other)
    return all(same(one[k], other[k]) for k in one)

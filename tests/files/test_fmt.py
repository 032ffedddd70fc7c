"""`nnc fmt` on files that build on others: alone it changes the spelling only, `--merged` prints what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnc.cli import main
from nnc.cli.exits import OK
from nnc.compiler.diagnostics import Problems
from nnc.compiler.driver import compile_file, compile_text, default_catalogue
from nnc.compiler.graph.printing import print_graph
from nnc.compiler.schema.fmt import format_text
from tests.files.helpers import written

MAIN = """\
extends: lenet.yaml
blocks:
  Stage.act1: gelu
layers:
  flat: ~
  features.1: {type: LeakyReLU, negative_slope: 0.5}
  norm: {type: BatchNorm2d, num_features: 6, after: features}
  again: {type: flatten(1), after: stage}
  own: {type: ./lenet.yaml, from: image}
  fc: {from: again}
outputs: {logits: fc, own: own}
"""


@pytest.mark.parametrize("form", ["call", "mapping"])
def test_the_spelling_changes_and_nothing_else(tmp_path: Path, form: Any) -> None:
    problems = Problems()
    text = format_text(MAIN, "main.yaml", default_catalogue(), problems, form=form)
    assert [str(d) for d in problems] == []
    assert text is not None
    assert text != MAIN
    one, other = written(tmp_path, {"main.yaml": MAIN}), written(tmp_path / "other", {"main.yaml": text})
    assert print_graph(compile_file(one / "main.yaml").graph) == print_graph(compile_file(other / "main.yaml").graph)


@pytest.mark.parametrize("form", ["call", "mapping"])
def test_merged_it_needs_no_other_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str) -> None:
    path = written(tmp_path, {"main.yaml": MAIN}) / "main.yaml"
    assert main(["fmt", "--merged", "--form", form, str(path)]) == OK
    assert print_graph(compile_text(capsys.readouterr().out).graph) == print_graph(compile_file(path).graph)
    assert path.read_text() == MAIN

"""Every broken spec in tests/errors: the expectations beside its mistakes hold, and it prints what its .txt file says.

`pytest tests/test_errors.py --update-golden` writes the .txt files; read the difference before committing it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nnc.compiler.diagnostics import Diagnostic
from nnc.compiler.driver import compile_text
from nnc.compiler.render.full import render
from tests.expectations import compare, expectations

FOLDER = Path(__file__).parent / "errors"
SPECS = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("*.json")])


def diagnostics_of(path: Path) -> list[Diagnostic]:
    return compile_text(path.read_text(encoding="utf-8"), name=path.name).problems.sorted()


def test_there_are_specs() -> None:
    assert len(SPECS) >= 60


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.name)
def test_expectations(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":  # JSON has no comments: the golden file alone says what is expected
        assert diagnostics_of(path)
        return
    assert expectations(text), "a broken spec says what is wrong with it"
    assert not (differences := compare(text, diagnostics_of(path))), "\n".join(differences)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.name)
def test_printed(path: Path, update_golden: bool) -> None:
    golden = path.with_suffix(".txt")
    printed = render(diagnostics_of(path)) + "\n"
    if update_golden:
        golden.write_text(printed, encoding="utf-8")
    assert golden.exists(), f"{golden.name} is missing: write it with --update-golden, and read it"
    assert printed == golden.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.txt")) == sorted(p.stem for p in SPECS)

"""The table of contents is true, and reading it reads nothing else."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from nnc.compiler.ops.catalogue import ALIASES, CATALOGUE, CONTENTS
from nnc.compiler.ops.linear import OPS
from nnc.compiler.ops.registry import Catalogue

FOLDER = Path(__file__).parents[2] / "compiler" / "ops"


@pytest.mark.parametrize("file", list(CONTENTS))
def test_contents_are_what_the_file_declares(file: str) -> None:
    assert CONTENTS[file].split() == [op.name for op in import_module(f"nnc.compiler.ops.{file}").OPS]


def test_no_file_is_left_out() -> None:
    declaring = {path.stem for path in FOLDER.glob("*.py") if "\nOPS: tuple[OpDef, ...]" in path.read_text()}
    assert declaring == set(CONTENTS)


def test_aliases_lead_to_ops() -> None:
    for other, name in ALIASES.items():
        assert other not in list(CATALOGUE)
        assert CATALOGUE[other].name == name


def test_a_name_costs_its_file_only() -> None:
    code = (
        "import sys\n"
        "from nnc.compiler.ops.catalogue import CATALOGUE\n"
        "assert 'Conv2d' in CATALOGUE and len(CATALOGUE) > 300\n"
        "assert 'nnc.compiler.ops.convolution' not in sys.modules\n"
        "assert CATALOGUE['Conv2d'].name == 'Conv2d'\n"
        "assert 'nnc.compiler.ops.convolution' in sys.modules\n"
        "assert 'nnc.compiler.ops.recurrent' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_stands_once() -> None:
    with pytest.raises(ValueError, match="two ops share a name"):
        Catalogue(OPS, contents={"linear": "Linear"})


def test_unknown_names_are_key_errors() -> None:
    with pytest.raises(KeyError):
        CATALOGUE["Conv4d"]
    assert CATALOGUE.get("Conv4d") is None

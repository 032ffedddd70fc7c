"""Every op does what torch does: the same results and parameters, and what torch refuses is refused for the same cause.

docs/against-torch.md, written by `make against-torch`, says how many cases of each op ran."""

from __future__ import annotations

import pytest
from hypothesis import settings

from nnc.compiler.ops.catalogue import CATALOGUE
from tests.ops.comparison import examine

NIGHTLY = settings.get_current_profile_name() == "nightly"


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_does_what_torch_does(name: str) -> None:
    op = CATALOGUE[name]
    examine(op, 300 if NIGHTLY else 20 if op.form == "module" else 8, derandomize=not NIGHTLY)

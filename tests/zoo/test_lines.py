"""The zoo stays compact, and what is counted is what `benchmarks/lines.py` says."""

from __future__ import annotations

import pytest

from benchmarks.lines import SPECS, python_lines, rows, spec_lines

PYTHON = '''"""A docstring
of two lines."""

import torch  # left out


class Net_Weights:
    V1 = 1


class Net(torch.nn.Module):
    """Left out."""

    def forward(self, x):  # counted
        text = """a text
        of two lines"""
        # not counted
        return x


@register
def net():
    return Net()
'''


def test_comments_docstrings_imports_and_weights_do_not_count() -> None:
    assert python_lines(PYTHON) == 7  # class, def, the text's two, return; def, return


def test_sections_can_be_left_out() -> None:
    text = "# a comment\nnnc: 1\n\nvariants:\n  a: {}\n  b: {}\nlayers:\n  # why\n  a: ReLU\ninit:\n  - x\n"
    assert spec_lines(text) == 8
    assert spec_lines(text, ("variants", "init")) == 3


@pytest.mark.parametrize(("family", "most"), [("resnet", 49), ("densenet", 38), ("vit", 39)])
def test_the_architecture_of_a_family_stays_this_short(family: str, most: int) -> None:
    text = (SPECS / f"{family}.yaml").read_text(encoding="utf-8")
    assert spec_lines(text, ("variants", "init")) <= most


def test_every_family_is_shorter_than_torchvisions_code() -> None:
    assert [family for family, _, spec, _, code in rows() if spec >= code] == []

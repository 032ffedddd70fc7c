"""`docs/training.md` names everything that there is, and its example has no fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnc.compiler.driver import compile_text
from nnc.compiler.training.read import data as read_data
from nnc.compiler.training.read import train as read_train
from nnc.compiler.training.vocabulary import VOCABULARY

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", VOCABULARY)
def test_every_name_is_there(group: str) -> None:
    missing = [n for n in VOCABULARY[group] if not re.search(rf"\b{n}\b", TEXT)]  # type: ignore[index]  # a Group
    assert missing == []


def test_every_key_is_there() -> None:
    for key in (*read_data.KEYS, *read_train.KEYS):
        assert f"`{key}`" in TEXT, key


def test_the_example_has_no_fault() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert [str(p) for p in compile_text(example).problems] == []

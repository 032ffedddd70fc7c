"""The names behind `zoo:`, found without parsing the files: what the scan sees is what the parser reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnc.specs
from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_file
from nnc.compiler.source.tree import Mapping, Scalar
from nnc.specs import families, find, names, variants

FOLDER = Path(nnc.specs.__file__).parent


@pytest.mark.parametrize("family", families())
def test_the_scan_sees_every_variant(family: str) -> None:
    read = read_file(FOLDER / f"{family}.yaml", Problems())
    assert read is not None
    section = read[1].get("variants") if isinstance(read[1], Mapping) else None
    entries = section if isinstance(section, Mapping) else ()
    removed = [e for e in entries if isinstance(e.value, Scalar) and e.value.value is None]  # of the file it extends
    written = [str(e.key.value) for e in entries if e not in removed]
    assert variants(family) == written


def test_a_name_means_one_network() -> None:
    owners: dict[str, set[str]] = {}
    for family in families():
        for name in (family, *variants(family)):
            owners.setdefault(name, set()).add(family)
    assert {name: files for name, files in owners.items() if len(files) > 1} == {}
    assert names() == sorted(owners)


def test_where_a_name_leads() -> None:
    assert find("zoo:resnet") == find("resnet") == str(FOLDER / "resnet.yaml")
    assert find("zoo:resnet18") == str(FOLDER / "resnet.yaml") + "#resnet18"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("zoo:resnet81", "did you mean `zoo:resnet18`?"), ("zoo:lenet", "`zoo:lenet5`"), ("../lenet5", "there are")],
)
def test_a_name_that_does_not_ship(name: str, hint: str) -> None:
    with pytest.raises(KeyError, match="ships with nnc") as raised:
        find(name)
    assert hint in raised.value.args[0]

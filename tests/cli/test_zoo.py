"""`nnc zoo`: every network that ships, in numbers that are those of `nnc summary`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nnc import zoo
from nnc.cli.exits import MISUSE, OK
from nnc.specs import families, names, variants


def test_one_family(nnc: Any) -> None:
    ended = nnc("zoo", "resnet")
    assert ended.code == OK
    head, *rows = ended.out.splitlines()
    assert head.split() == ["network", "input", "parameters", "multiply-adds"]
    assert [row.split()[0] for row in rows] == variants("resnet")
    assert rows[0].split()[1:] == ["3×224×224", "11,689,512", "1.81", "G"]  # torchvision's own numbers
    assert len({len(line) for line in (head, *rows)}) == 1
    assert nnc("zoo", "zoo:resnet50").out == ended.out


def test_as_data(nnc: Any) -> None:
    rows = json.loads(nnc("zoo", "lenet5", "--format", "json").out)
    expected = {
        "name": "lenet5",
        "family": "lenet5",
        "inputs": {"image": [1, 1, 28, 28]},
        "parameters": 61706,
        "macs": 416520,
    }
    assert rows == [expected]


def test_a_family_that_does_not_ship(nnc: Any) -> None:
    ended = nnc("zoo", "resnett")
    assert ended.code == MISUSE
    assert "did you mean `zoo:resnet`?" in ended.err


def test_everything_is_listed() -> None:
    known = json.loads(zoo.INDEX.read_bytes())
    current = [f for f in families() if known.get(f, {}).get("digest") == zoo.digest(f)]
    listed = [n.name for f in current for n in zoo.networks(f)]
    assert listed == [name for f in current for name in variants(f) or [f]]
    assert set(listed) <= set(names())


@pytest.mark.parametrize("family", ["lenet5", "resnet", "unet", "inception_v3"])
def test_kept_numbers_are_those_counted(family: str) -> None:
    for network in list(zoo.networks(family))[:2]:
        assert zoo.count(family, network.name) == network


def test_another_text_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "digest", lambda family: "other")
    monkeypatch.setattr(zoo, "count", lambda family, name: (family, name))
    assert list(zoo.networks("resnet")) == [("resnet", name) for name in variants("resnet")]


@pytest.mark.nightly
def test_the_index_is_up_to_date() -> None:
    """`make docs` writes it."""
    known = json.loads(zoo.INDEX.read_bytes())
    assert {f: kept["digest"] for f, kept in known.items()} == {f: zoo.digest(f) for f in families()}

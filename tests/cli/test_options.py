"""What `--set` and `--size` mean."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.cli.exits import Misuse
from nnc.cli.options import parse_set, parse_size


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10", 10),
        ("1e-3", 1e-3),
        ("0.5", 0.5),
        ("true", True),
        ("on", "on"),
        ("010", 10),
        ("BasicBlock", "BasicBlock"),
        ("[3, 4, 23, 3]", [3, 4, 23, 3]),
        ("{a: [1], b: x}", {"a": [1], "b": "x"}),
        ('"10"', "10"),
        ("null", None),
        ("", None),
        ("a=b", "a=b"),
    ],
)
def test_set_reads_values_as_a_spec_would(written: str, value: object) -> None:
    assert parse_set([f"x={written}"]) == {"x": value}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["x"], "write NAME=VALUE"),
        (["=1"], "write NAME=VALUE"),
        (["1x=1"], "write NAME=VALUE"),
        (["x=1", "x=2"], "--set x is given twice"),
        (["x=[1"], "--set x: "),
        (["x=!!python/object/apply:os.system [id]"], "--set x: "),
        (["x=" + "[" * 100_000], "nested more than 64 deep"),
        (["x={a: &a [1,1,1,1,1,1,1,1], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b], d: &d "
          "[*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d], f: [*e,*e,*e,*e,*e,*e,*e,*e]}"], "values"),
        (["x=\x00"], "NUL"),
    ],
)  # fmt: skip
def test_set_refuses(settings: list[str], said: str) -> None:
    with pytest.raises(Misuse) as caught:
        parse_set(settings)
    assert said in str(caught.value)


def test_sizes() -> None:
    assert parse_size(["B=1,H=224", "W=224"]) == {"B": 1, "H": 224, "W": 224}
    assert parse_size([]) == {}


@pytest.mark.parametrize("text", ["H", "H=", "H=0", "H=-1", "H=1.5", "H=²", "=3", "H=1,", "H=1,H=2", "H=" + "9" * 5000])
def test_sizes_refuse(text: str) -> None:
    with pytest.raises(Misuse):
        parse_size([text])


@given(st.lists(st.text(max_size=30), max_size=3))
def test_no_text_is_more_than_misuse(texts: list[str]) -> None:
    for parse in (parse_set, parse_size):
        with suppress(Misuse):
            assert isinstance(parse(texts), dict)

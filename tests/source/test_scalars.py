"""The YAML 1.2 core schema, and where it differs from the 1.1 that PyYAML resolves by."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.source.scalars import OutOfRange, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ["", "~", "null", "Null", "NULL"]),
        *((word, True) for word in ["true", "True", "TRUE"]),
        *((word, False) for word in ["false", "False", "FALSE"]),
        *((word, word) for word in ["on", "off", "yes", "no", "y", "n", "On", "tRue", "nULL", "none", "None"]),
        *((word, word) for word in ["inf", "nan", "Infinity"]),
        ("0", 0), ("-0", 0), ("+7", 7), ("010", 10), ("0o17", 15), ("0x1F", 31), ("-12", -12),
        ("1e-6", 1e-6), ("1e3", 1000.0), ("1E+3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1.5e2", -150.0), ("+.5", 0.5),
        ("1e-999", 0.0), (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf),
        *((word, word) for word in ["12:30:45", "1_000", "0b11", "0o8", "0x", "1e", ".", "-", "+", "-."]),
        *((word, word) for word in ["..5", "1.2.3", "3x3", "-0x1", "2026-01-01", "${x}", "١٢", "1e5a", "- 1"]),
    ],
)  # fmt: skip
def test_resolve(text: str, value: object) -> None:
    resolved = resolve(text)
    assert (type(resolved), resolved) == (type(value), value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan(text: str) -> None:
    assert math.isnan(resolve(text))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 5000, "0x" + "f" * 5000])
def test_out_of_range(text: str) -> None:
    with pytest.raises(OutOfRange):
        resolve(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30))
def test_every_number_that_python_writes(number: float) -> None:
    assert resolve(repr(number)) == number


@given(st.text(st.sampled_from("0123456789+-.eExXoOinfINFaNn_ "), max_size=10))
def test_any_text(text: str) -> None:
    try:
        value = resolve(text)
    except OutOfRange:
        return
    assert value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, str):
        assert value == text

"""The catalogue of codes: every code that the program reports is in it, and every example has exactly its fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnc.compiler.codes import CODES, Code
from nnc.compiler.codes.code import catalogue, define
from nnc.compiler.diagnostics import Severity
from nnc.compiler.driver import Compilation, compile_text

ROOT = Path(__file__).parent.parent
FOLDERS = ("compiler", "runtime", "nnc/cli")
STAGES = {
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
}  # a spec's text alone shows the faults of these; 08 and 09 need more

EXAMPLES = [c for c in CODES.values() if c.example and c.code[3:5] in STAGES]


def compiled(text: str) -> Compilation:
    return compile_text(text, name="example.json" if text.startswith("{") else "example.yaml")


def test_every_code_that_is_reported_is_explained() -> None:
    files = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py") if "codes" not in p.parts]
    reported = {code for path in files for code in re.findall(r'"(NNC\d{4})"', path.read_text(encoding="utf-8"))}
    assert len(reported) > 50
    assert sorted(reported - CODES.keys()) == []


def test_codes_are_in_order_and_complete() -> None:
    assert list(CODES) == sorted(CODES)
    for number, code in CODES.items():
        assert code.code == number
        assert re.fullmatch(r"NNC0[1-9]\d\d", number)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.name)
        assert code.summary.endswith(".")
        assert code.explanation.endswith((".", ".)"))
        assert bool(code.example) >= bool(code.mended)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda c: f"{c.code}-{c.name}")
def test_example(code: Code) -> None:
    found = compiled(code.example).problems.found
    assert [d.code for d in found] == [code.code], "\n".join(map(str, found))


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda c: f"{c.code}-{c.name}")
def test_mended(code: Code) -> None:
    assert code.mended
    found = compiled(code.mended).problems.found
    assert found == [], "\n".join(map(str, found))


def test_only_what_runs_and_was_hardly_meant_is_a_warning() -> None:
    warnings = {c.name for c in EXAMPLES if compiled(c.example).problems.found[0].severity is Severity.WARNING}
    assert warnings == {"unused-entry", "init-without-match", "inferred-by-position"}


def test_a_code_defined_twice_is_refused() -> None:
    a = define("NNC0101", "a", "A.", "B.")
    for other in (define("NNC0101", "b", "A.", "B."), define("NNC0102", "a", "A.", "B.")):
        with pytest.raises(ValueError, match="twice"):
            catalogue((a,), (other,))
    assert list(catalogue((define("NNC0102", "b", "A.", "B."),), (a,))) == ["NNC0101", "NNC0102"]

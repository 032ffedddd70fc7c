"""The harness of the error tests can fail: it notices a wrong line, name, severity, text, and what nobody expected."""

import pytest

from nnc.compiler.diagnostics import Diagnostic, Fix, Severity, Source, Span
from tests.expectations import compare, expectations

SPEC = 'nnc: 1\nlayers:\n  fc: Linear(10, bais=True)  # error: [unknown-argument] "did you mean `bias`"\n'


def found(
    code: str = "NNC0302", line: int = 3, severity: Severity = Severity.ERROR, fix: str = "did you mean `bias`?"
) -> Diagnostic:
    source = Source("t.yaml", SPEC)
    at = source.line_starts[line - 1]
    return Diagnostic(code, Span(source, at, at + 1), "Linear has no argument `bais`", severity, fix=Fix(fix))


def test_agreement() -> None:
    assert compare(SPEC, [found()]) == []


@pytest.mark.parametrize(
    "diagnostic",
    [found("NNC0303"), found(line=2), found(severity=Severity.WARNING), found(fix="did you mean `base`?")],
    ids=["name", "line", "severity", "text"],
)
def test_what_differs_is_both_missing_and_unexpected(diagnostic: Diagnostic) -> None:
    missing, unexpected = compare(SPEC, [diagnostic])
    assert missing == 'not found: line 3: error: [unknown-argument] "did you mean `bias`"'
    assert unexpected.startswith("not expected: line ")


def test_one_expectation_is_met_once() -> None:
    assert len(compare(SPEC, [found(), found()])) == 1


def test_nothing_found() -> None:
    assert compare(SPEC, []) == ['not found: line 3: error: [unknown-argument] "did you mean `bias`"']


def test_several_on_a_line_and_on_the_line_above() -> None:
    text = '# error: [tab] "a \\"b\\""\nx: 1  # error: [cycle] "c" # warning: [unused-entry] "d"\n'
    assert [(e.line, e.severity, e.name, e.part) for e in expectations(text)] == [
        (2, "error", "tab", 'a "b"'),
        (2, "error", "cycle", "c"),
        (2, "warning", "unused-entry", "d"),
    ]


@pytest.mark.parametrize("comment", ["# error: unknown-argument", '# error: "x"', "# error [tab]", "#error: [tab] x"])
def test_a_comment_that_cannot_be_read_is_no_silent_nothing(comment: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        expectations(f"x: 1  {comment}")

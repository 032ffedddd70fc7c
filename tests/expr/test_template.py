import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems
from nnc.compiler.expr.template import parse_template
from nnc.compiler.expr.unparse import unparse
from tests.expr.trees import span_of


def parts_of(text: str) -> list[str]:
    """The parts, expressions in angle brackets."""
    problems = Problems()
    parts = parse_template(text, span_of(text), problems)
    assert parts is not None, list(problems)
    return [p if isinstance(p, str) else f"<{unparse(p)}>" for p in parts]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("conv1", ["conv1"]),
        ("", []),
        ("layer${s + 1}", ["layer", "<s + 1>"]),
        ("${a}.${b}", ["<a>", ".", "<b>"]),
        ("${width * 2}", ["<width * 2>"]),
        ("$width", ["<width>"]),
        ("${ {'k': 1}['k'] }!", ['<{"k": 1}["k"]>', "!"]),
        ("${'}'}", ['<"}">']),
        ("$$width", ["$width"]),
        ("cost: $5", ["cost: $5"]),
        ("a$", ["a$"]),
        ("$$${x}", ["$", "<x>"]),
        ("${a}}", ["<a>", "}"]),
    ],
)
def test_parts(text: str, parts: list[str]) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    ("text", "code", "under", "mended"),
    [
        ("layer$s", "NNC0407", "$s", "layer${s}"),
        ("$w * 2", "NNC0407", "$w * 2", "${w * 2}"),
        ("a${", "NNC0402", "${", "a${}"),
        ("a${b", "NNC0402", "${", "a${b}"),
        ("${}", "NNC0410", "${}", None),
        ("a${ }b", "NNC0410", "${ }", None),
        ("a${b c}", "NNC0408", "c", None),
        ("a${f(b}", "NNC0402", "", "a${f(b)}"),
    ],
)
def test_faults(text: str, code: str, under: str, mended: str | None) -> None:
    problems = Problems()
    assert parse_template(text, span_of(text), problems) is None
    [fault] = problems
    assert (fault.code, fault.span.text) == (code, under)
    if mended is not None:
        assert fault.fix is not None
        assert fault.fix.span is not None
        assert text[: fault.fix.span.start] + str(fault.fix.replacement) + text[fault.fix.span.end :] == mended


@given(st.text(st.sampled_from("ab1$${}'\"() +é"), max_size=20))
def test_any_text_ends_in_parts_or_in_one_error(text: str) -> None:
    problems = Problems()
    parts = parse_template(text, span_of(text), problems)
    assert (parts is None) == (len(problems) == 1)


@given(st.text(max_size=30))
def test_escaped_dollars_make_any_text_literal(text: str) -> None:
    assert "".join(parts_of(text.replace("$", "$$"))) == text

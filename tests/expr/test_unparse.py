import pytest
from hypothesis import given

from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.expr.tree import Expr, Literal, Unary
from nnc.compiler.expr.unparse import unparse
from tests.expr.trees import bare, expressions, parsed


@given(expressions())
def test_the_text_reads_as_the_tree(expression: Expr) -> None:
    assert bare(parsed(unparse(expression))) == bare(expression)


@given(expressions())
def test_the_text_is_canonical(expression: Expr) -> None:
    text = unparse(expression)
    assert unparse(parsed(text)) == text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("((a)+((b*c)))", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("(-x)**2", "(-x)**2"),
        ("-(x**2)", "-x**2"),
        ("2**(-1)", "2**-1"),
        ("(2**3)**4", "(2**3)**4"),
        ("2**(3**4)", "2**3**4"),
        ("(a if b else c) if d else e", "(a if b else c) if d else e"),
        ("a if b else (c if d else e)", "a if b else c if d else e"),
        ("not (a and b)", "not (a and b)"),
        ("(not a) and b", "not a and b"),
        ("(a<b)<c", "(a < b) < c"),
        ("$width", "width"),
        ("$if", "$if"),
        ("true", "True"),
        ("'it\\'s \"q\"'", '"it\'s \\"q\\""'),
        ("(a,)", "(a,)"),
        ("x[ : ,0]", "x[:, 0]"),
        ("x[...,::2]", "x[..., ::2]"),
        ("(1).real", "(1).real"),
        ("parts . 0", "parts.0"),
        ("f(a,b=[1,2],c={'k':1})", 'f(a, b=[1, 2], c={"k": 1})'),
        ("[i for i in range(4) if i]", "[i for i in range(4) if i]"),
    ],
)
def test_canonical(written: str, canonical: str) -> None:
    assert unparse(parsed(written)) == canonical


def test_values_that_the_mapping_form_has_and_no_text() -> None:
    span = Span(Source("", ""), 0, 0)
    assert unparse(Literal(-3, span)) == "-3"
    assert unparse(Unary("-", Literal(-3, span), span)) == "--3"
    assert unparse(Literal(float("-inf"), span)) == "-inf"
    with pytest.raises(TypeError, match="list"):
        unparse(Literal([1], span))

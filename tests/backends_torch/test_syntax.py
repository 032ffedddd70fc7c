"""Names are checked, literals mean what they say, long lines break where a person would break them."""

from __future__ import annotations

import ast
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.backends.torch.naming import CONTAINER_ATTRIBUTES, Names, camel_case, snake_case, stem
from nnc.compiler.backends.torch.syntax import (
    Marks,
    attribute,
    call,
    definition,
    dotted,
    literal,
    member,
    name,
    numbered,
    render,
    text,
)
from nnc.compiler.diagnostics import Source, Span
from nnc.compiler.types.dtype import DType

HERE = Span(Source("test.yaml", "x"), 0, 1)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple))


@given(values)
def test_a_literal_reads_back_as_its_value(value: object) -> None:
    written = text(literal(value))
    assert written.isascii()
    assert "\n" not in written
    back = ast.literal_eval(written)
    assert back == value
    assert repr(back) == repr(value)  # tells 1 from 1.0 and True, 0.0 from -0.0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-5, "1e-5"),
        (1e20, "1e20"),
        (-0.5, "-0.5"),
        (math.inf, 'float("inf")'),
        (-math.inf, '-float("inf")'),
        ("zeros", '"zeros"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("it's", '"it\'s"'),
        ("a\nb\\", '"a\\nb\\\\"'),
        ((3,), "(3,)"),
        (DType.float16, "torch.float16"),
    ],
)
def test_how_literals_look(value: object, written: str) -> None:
    assert text(literal(value)) == written


def test_a_negative_base_keeps_its_sign() -> None:
    assert text(ast.BinOp(literal(-2), ast.Pow(), literal(2))) == "(-2) ** 2"


@pytest.mark.parametrize("word", ["", "1x", "a b", "a-b", "class", "x\n", "ﬁ", "λ", "x;import os", "a.b", "None"])
def test_what_is_no_identifier_is_refused(word: str) -> None:
    for make in (name, lambda w: attribute(name("self"), w), lambda w: call(name("f"), [], {w: literal(1)})):
        with pytest.raises(ValueError, match="not an identifier"):
            make(word)


@given(st.text(min_size=1))
def test_a_member_is_found_under_its_exact_name(word: str) -> None:
    class Owner:
        pass

    owner = Owner()
    setattr(owner, word, "found")
    code = compile(ast.Expression(ast.parse(text(member(name("owner"), word)), mode="eval").body), "<test>", "eval")
    assert eval(code, {"owner": owner}) == "found"  # noqa: S307  # the text is the one under test


@given(st.text(), st.integers(0, 99))
def test_a_numbered_name(prefix: str, i: int) -> None:
    assert eval(text(numbered(prefix, "i")), {"i": i}) == f"{prefix}{i}"  # noqa: S307  # the text is the one under test


@given(st.text())
def test_any_text_makes_safe_names(word: str) -> None:
    for made in (snake_case(word), camel_case(word), Names().claim(snake_case(word), camel_case(word))):
        assert made == "" or (made.isidentifier() and made.isascii())


def test_names() -> None:
    assert snake_case("block1-0") == "block1_0"
    assert [snake_case(w) for w in ("class", "sum", "self", "input", "0", "!")] == [
        "class_",
        "sum_",
        "self_",
        "input",
        "x0",
        "",
    ]
    assert [camel_case(w) for w in ("double_conv", "ConvBNReLU", "3d")] == ["DoubleConv", "ConvBNReLU", "Net3d"]
    assert [stem(w) for w in ("layer1", "stage_2", "0", "conv1x1")] == ["layer", "stage", "", "conv1x"]


def test_a_name_is_claimed_once_and_hides_nothing() -> None:
    names = Names({"taken"})
    assert [names.claim("x", "y"), names.claim("x", "y"), names.claim("x", "y")] == ["x", "y", "y2"]
    assert [names.claim("torch"), names.claim("Exception"), names.claim("taken"), names.claim("")] == [
        "torch2",
        "Exception2",
        "taken2",
        "value",
    ]


def test_names_that_containers_refuse_are_known() -> None:
    plain = {n for n in dir(torch.nn.Sequential()) if not n.startswith("__")}
    assert plain <= CONTAINER_ATTRIBUTES


def lines(node: ast.expr, *opened: ast.expr) -> list[str]:
    marks = Marks(opened=set(opened))
    return [line.text for line in render("x = ", node, 4, HERE, marks)]


def test_what_fits_stays_on_one_line() -> None:
    assert lines(call(dotted("nn.ReLU"))) == ["    x = nn.ReLU()"]


def test_long_calls_break_after_the_bracket() -> None:
    many = [literal(f"argument {i}") for i in range(9)]
    assert lines(call(name("f"), many)) == ["    x = f(", *(f'        "argument {i}",' for i in range(9)), "    )"]


def test_opened_calls_break_and_lists_are_hugged() -> None:
    items = ast.List([literal(1), literal(2)])
    node = call(dotted("nn.Sequential"), [call(name("OrderedDict"), [items])])
    assert lines(node) == ["    x = nn.Sequential(OrderedDict([1, 2]))"]
    assert lines(node, items) == ["    x = nn.Sequential(OrderedDict([", "        1,", "        2,", "    ]))"]


def test_parts_keep_their_own_places() -> None:
    other = Span(HERE.source, 1, 1)
    first, second = literal(1), literal(2)
    node = call(name("f"), [first, second])
    printed = render("", node, 0, HERE, Marks({second: other}, {node}))
    assert [(line.text, line.span) for line in printed] == [
        ("f(", HERE),
        ("    1,", HERE),
        ("    2,", other),
        (")", HERE),
    ]


def test_definitions_break_into_one_parameter_a_line() -> None:
    short = definition("f", ["self", "x: int"], "None", HERE)
    assert [line.text for line in short] == ["    def f(self, x: int) -> None:"]
    long = definition("f", ["self", *(f"parameter_{i}: int" for i in range(9))], "None", HERE)
    assert [line.text for line in long][:2] == ["    def f(", "        self,"]
    assert long[-1].text == "    ) -> None:"


@pytest.mark.parametrize(
    "source",
    ["x", "x.y.z", "f()", "f(1, None, True, k=g(x).h)", "f(-1)", "f(a + b, k=2)", "f(*a)", "f(**k)", "(1).real",
     "'a'.join(x)", "f(x)(y)", "x[0].y", "f(1.5, 'a', ...)", "f(k=(1, 2))", "10**9", "(lambda: 0)()"],
)  # fmt: skip
def test_the_quick_way_to_text_says_what_the_library_says(source: str) -> None:
    node = ast.parse(source, mode="eval").body
    assert text(node) == ast.unparse(node)

"""The parser against Python's own, on random expressions: the same tree, every node at the same place."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr.lexer import tokenize
from nnc.compiler.expr.parser import MAX_DEPTH, MAX_HEIGHT, parse, parse_loop
from nnc.compiler.expr.tree import Attribute, CallExpr, Comprehension, Expr, Literal, Name, children
from nnc.compiler.expr.unparse import unparse
from tests.expr.trees import bare, expressions, faults_of, parsed, span_of

# -- against Python ----------------------------------------------------------------------------------------------------

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not",
    ast.And: "and", ast.Or: "or", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


class Python:
    """Python's tree of a text in the form of `located`."""

    def __init__(self, text: str) -> None:
        self.encoded = [line.encode() for line in text.splitlines(keepends=True)]  # ast counts UTF-8 bytes in a line

    def place(self, node: Any) -> tuple[int, int]:
        def offset(line: int, column: int) -> int:
            return sum(len(e.decode()) for e in self.encoded[: line - 1]) + len(
                self.encoded[line - 1][:column].decode()
            )

        return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)

    def tree(self, node: Any) -> Any:
        if node is None:
            return None
        kind, *parts = self.parts(node)
        return (kind, self.place(node), *parts)

    def all(self, nodes: Any) -> tuple[Any, ...]:
        return tuple(map(self.tree, nodes))

    def parts(self, node: Any) -> tuple[Any, ...]:
        tree = self.tree
        match node:
            case ast.Constant(value=value):
                return "Literal", repr(value)
            case ast.Name(id=name):
                return "Name", name
            case ast.List(elts=items):
                return "Items", "[", self.all(items)
            case ast.Tuple(elts=items):
                return "Items", "(", self.all(items)
            case ast.Dict(keys=keys, values=values):
                return "Dictionary", tuple(zip(self.all(keys), self.all(values), strict=True))
            case ast.UnaryOp(op=op, operand=operand):
                return "Unary", OPERATORS[type(op)], tree(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return "Binary", OPERATORS[type(op)], tree(left), tree(right)
            case ast.BoolOp(op=op, values=values):
                return "Logic", OPERATORS[type(op)], self.all(values)
            case ast.Compare(left=left, ops=ops, comparators=rest):
                return (
                    "Compare",
                    tree(left),
                    tuple((OPERATORS[type(o)], tree(e)) for o, e in zip(ops, rest, strict=True)),
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return "Conditional", tree(body), tree(test), tree(orelse)
            case ast.Call(func=func, args=args, keywords=keywords):
                return "CallExpr", tree(func), self.all(args), tuple((k.arg, tree(k.value)) for k in keywords)
            case ast.Attribute(value=value, attr=name):
                return "Attribute", tree(value), name
            case ast.Subscript(value=value, slice=index):
                # `x[a, b]` and `x[(a, b)]` are one to Python and two to us: the tests write the first only
                items = index.elts if isinstance(index, ast.Tuple) else [index]
                return "Index", tree(value), self.all(items)
            case ast.Slice(lower=lower, upper=upper, step=step):
                return "Slice", tree(lower), tree(upper), tree(step)
            case ast.ListComp(elt=elt, generators=[generator]):
                target = self.target(generator.target)
                names = target if isinstance(target, tuple) else (target,)
                condition = generator.ifs[0] if generator.ifs else None
                return "Comprehension", tree(elt), names, tree(generator.iter), tree(condition)
        raise AssertionError(ast.dump(node))

    def target(self, node: Any) -> Any:
        return tuple(map(self.target, node.elts)) if isinstance(node, ast.Tuple) else node.id


def located(node: Any) -> Any:
    """Our tree as nested tuples with offsets, in the form of `Python.tree`."""
    if node is None:
        return None
    kind = type(node).__name__
    here = (kind, (node.span.start, node.span.end))
    match kind:
        case "Literal":
            return (*here, repr(node.value))
        case "Name":
            return (*here, node.name)
        case "Items":
            return (*here, node.bracket, tuple(map(located, node.items)))
        case "Dictionary":
            return (*here, tuple((located(k), located(v)) for k, v in node.items))
        case "Unary":
            return (*here, node.operator, located(node.operand))
        case "Binary":
            return (*here, node.operator, located(node.left), located(node.right))
        case "Logic":
            values = [node.right]
            left = node.left
            while left_part(left, node):
                values.insert(0, left.right)
                left = left.left
            return (*here, node.operator, tuple(map(located, [left, *values])))
        case "Compare":
            return (*here, located(node.first), tuple((o, located(e)) for o, e in node.rest))
        case "Conditional":
            return (*here, located(node.then), located(node.test), located(node.otherwise))
        case "CallExpr":
            keywords = tuple((k.name, located(k.value)) for k in node.keywords)
            return (*here, located(node.callee), tuple(map(located, node.arguments)), keywords)
        case "Attribute":
            assert node.name_span.end == node.span.end
            return (*here, located(node.value), node.name)
        case "Index":
            return (*here, located(node.value), tuple(map(located, node.items)))
        case "Slice":
            return (*here, located(node.start), located(node.stop), located(node.step))
        case "Comprehension":
            return (*here, located(node.value), node.targets, located(node.iterable), located(node.condition))
    raise AssertionError(kind)


def left_part(left: Any, node: Any) -> bool:
    """Whether `left` belongs to the same chain: `a and b and c` is one node to Python."""
    return type(left).__name__ == "Logic" and left.operator == node.operator


@given(expressions(python=True), st.booleans())
def test_python_reads_the_same(expression: Expr, spaced: bool) -> None:
    text = unparse(expression)
    if spaced:
        text = "(  " + "  ".join(t.text for t in tokenize(text)) + " )"
    assert located(parsed(text)) == Python(text).tree(ast.parse(text, mode="eval").body)


# -- what Python does not have, or has otherwise -----------------------------------------------------------------------


def test_constants_of_both_languages() -> None:
    for text, value in {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}.items():
        assert parsed(text) == Literal(value, span_of(text)) or parsed(text).value is value  # type: ignore[union-attr]


def test_a_dollar_changes_nothing_but_the_span() -> None:
    expression = parsed("norm($width)")
    assert isinstance(expression, CallExpr)
    [width] = expression.arguments
    assert isinstance(width, Name)
    assert (width.name, width.span.text) == ("width", "$width")
    assert bare(parsed("$if")) == bare(Name("if", span_of("")))


def test_numbered_results_are_no_floats() -> None:
    expression = parsed("parts.0.output.1")
    names = []
    while isinstance(expression, Attribute):
        names.append((expression.name, expression.name_span.start))
        expression = expression.value
    assert names == [("1", 15), ("output", 8), ("0", 6)]
    assert bare(parsed("f(x).0")) != bare(parsed("f(x)"))
    assert bare(parsed("x[.5]")) == bare(parsed("x[0.5]"))


def test_a_list_from_a_loop() -> None:
    expression = parsed("[64 * 2**i for i, n in enumerate(a) if i]")
    assert isinstance(expression, Comprehension)
    assert expression.targets == ("i", "n")
    assert unparse(expression.iterable) == "enumerate(a)"
    assert expression.condition is not None


def test_a_loop() -> None:
    text = "s, n in enumerate(layers)"
    targets, iterable = parse_loop(text, span_of(text), Problems()) or ((), None)
    assert targets == ("s", "n")
    assert iterable is not None
    assert iterable.span.text == "enumerate(layers)"


@pytest.mark.parametrize(
    ("written", "targets"),
    [
        ("(s, n)", ("s", "n")),
        ("((s))", ("s",)),
        ("s, (c, n)", ("s", ("c", "n"))),
        ("(a, ((b), c)), n", (("a", ("b", "c")), "n")),
    ],
)
def test_a_loop_unpacks_as_python_does(written: str, targets: object) -> None:
    text = f"{written} in x"
    found = parse_loop(text, span_of(text), Problems())
    assert found is not None
    assert found[0] == targets


def test_spans_point_into_the_file() -> None:
    before = "layers:\n  fc: "
    text = "Linear(größe * 2, bias=x.y)"
    expression = parse(text, span_of(text, before), Problems())
    assert isinstance(expression, CallExpr)
    assert expression.span.start == len(before)
    assert expression.keywords[0].span.text == "bias"
    assert expression.arguments[0].span.text == "größe * 2"
    assert expression.callee.span.column == 7


def test_a_text_that_is_not_in_the_file_as_it_stands() -> None:
    """Quoted with escapes, or folded: every node has the span of the whole, and the message says where."""
    span = Span(span_of('"a\\x20+"').source, 0, 8)
    problems = Problems()
    assert parse("a +", span, problems) is None
    [fault] = problems
    assert fault.span == span
    assert fault.notes == ("the fault is at character 3 of: a +",)
    whole = parse("a + b", span, Problems())
    assert whole is not None
    assert {e.span for e in (whole, *children(whole))} == {span}


# -- faults ------------------------------------------------------------------------------------------------------------

# The text, the code's number, what the caret is under, a part of the message, and the text that the fix makes of it.
FAULTS = [
    ("", "10", "", "missing", None),
    ("a +", "01", "+", "after `+`", None),
    ("* a", "01", "*", "a value, found `*`", None),
    ("a b", "08", "b", "between `a` and `b`", None),
    ("f(a b)", "08", "b", "comma or an operator", "f(a, b)"),
    ("1 2", "08", "2", "between", None),
    ("a = 3", "01", "=", "does not compare", "a == 3"),
    ("f(a.b=3)", "01", "=", "one plain word", "f(a.b==3)"),
    ("a === b", "04", "===", "not part", "a == b"),
    ("a <> b", "04", "<>", "not part", "a != b"),
    ("a && b", "04", "&&", "not part", "a and b"),
    ("a || b", "04", "||", "not part", "a or b"),
    ("!a", "04", "!", "not part", "not a"),
    ("a ? b : c", "04", "?", "not part", None),
    ("a << 2", "04", "<<", "not part", None),
    ("a => b", "04", "=>", "not part", "a >= b"),
    ("a := b", "04", ":=", "not part", None),
    ("a; b", "04", ";", "not part", None),
    ("lambda x: x", "04", "lambda", "not part", None),
    ("lambda: x", "04", "lambda", "not part", None),
    ("f(lambda x: x)", "04", "lambda", "not part", None),
    ("import os", "04", "import", "not part", None),
    ("await x", "04", "await", "not part", None),
    ("f(*a)", "04", "*", "unpack", None),
    ("f(**a)", "04", "**", "unpack", None),
    ("f(i for i in a)", "04", "for", "square brackets", None),
    ("[i for i in a for j in b]", "04", "for", "one `for`", None),
    ("f'x'", "04", "f", "no `f` before", "'x'"),
    ("f(a", "02", "", "a `)` is missing", "f(a)"),
    ("f(a,", "02", "", "a `)` is missing", "f(a,)"),
    ("[1, (2, 3]", "02", "]", "does not close `(`", "[1, (2, 3)"),
    ("f(a))", "02", ")", "closes nothing", "f(a)"),
    ("{'a': 1", "02", "", "a `}` is missing", "{'a': 1}"),
    ("a × b", "03", "×", "means nothing", "a * b"),
    ("a − b", "03", "−", "means nothing", "a - b"),
    ("a ≤ b", "03", "≤", "means nothing", "a <= b"),
    ("a # b", "03", "#", "comment", None),
    ("a\x07", "03", "\x07", "U+0007", None),
    ("a\u200b", "03", "\u200b", "U+200B", None),
    ("x²", "03", "²", "in a name", None),
    ("ﬁlter", "03", "ﬁlter", "standard form", "filter"),
    ("3x", "05", "3x", "neither a number nor a name", "3 * x"),
    ("0x1F", "05", "0x1F", "neither", "31"),
    ("1e", "05", "1e", "neither", None),
    ("1__0", "05", "1__0", "not a number", None),
    ("1e999", "05", "1e999", "larger than any float", None),
    ("9" * 100, "05", "9" * 100, "characters", None),
    ("'abc", "05", "'abc", "not closed", "'abc'"),
    ("'a\\qb'", "05", "\\q", "not an escape", "'a\\\\qb'"),
    ("'\\ud800'", "05", "\\ud800", "not an escape", None),
    ("${w}", "07", "${w}", "already", "w"),
    ("f(${ w + 1 }, 3)", "07", "${ w + 1 }", "already", "f(w + 1, 3)"),
    ("f(a=1, b)", "09", "b", "without a name", None),
    ("a if b", "01", "if", "no `else`", "a if b else None"),
    ("a not b", "01", "b", "`in` after `not`", None),
    ("1 + not a", "01", "not", "more loosely", None),
    ("a, b", "01", ",", "outside of brackets", None),
    ("{1, 2}", "01", ",", "`:` after the key", None),
    ("x[]", "01", "]", "a value", None),
    ("x..y", "01", ".", "name or the number of a result", None),
    ("a.$b", "01", "$b", "name or the number of a result", None),
    ("f(x)(y)", "01", "(", "only a name can be called", None),
    ("[i for 3 in a]", "01", "3", "a name for the loop", None),
    ("[i for i, i in a]", "01", "i", "twice", None),
    ("[i for i of a]", "01", "of", "`in`", None),
]


@pytest.mark.parametrize(
    ("text", "number", "under", "part", "mended"), FAULTS, ids=[f[0][:20] or "empty" for f in FAULTS]
)
def test_fault(text: str, number: str, under: str, part: str, mended: str | None) -> None:
    [fault] = faults_of(text)
    assert (fault.code, fault.span.text) == (f"NNC04{number}", under)
    assert part in fault.message
    fix = fault.fix
    if mended is None:
        assert fix is None or fix.replacement is None or text == "'\\ud800'"
        return
    assert fix is not None
    assert fix.span is not None
    assert fix.replacement is not None
    assert text[: fix.span.start] + fix.replacement + text[fix.span.end :] == mended


def test_an_unclosed_bracket_shows_where_it_was_opened() -> None:
    [fault] = faults_of("f(a, g(b)")
    [label] = fault.labels
    assert (label.span.start, label.text) == (1, "opened here")
    assert fault.span.start == 9


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_nesting_is_bounded() -> None:
    deep = MAX_DEPTH - 1
    parsed("(" * deep + "x" + ")" * deep)
    parsed("-" * deep + "x")
    assert faults_of("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH).found[0].code == "NNC0406"


def test_height_is_bounded() -> None:
    parsed("+".join(["x"] * MAX_HEIGHT))
    [fault] = faults_of("+".join(["x"] * (MAX_HEIGHT + 1)))
    assert fault.code == "NNC0406"
    assert "steps" in fault.message
    assert faults_of("x" + ".y" * MAX_HEIGHT).found[0].code == "NNC0406"
    parsed("f(" + ", ".join(["x"] * 3000) + ")")


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "[",
        "{",
        "-",
        "not ",
        "a.",
        "a+",
        "2**",
        "a if ",
        "a if b else ",
        "f(",
        "x[",
        "1",
        "'",
        "\\'",
        "a<",
        "{1:",
        "$",
        "é",
    ],
)
@pytest.mark.parametrize("length", [9_999, 1_000_000])
def test_nothing_takes_long(unit: str, length: int) -> None:
    text = (unit * length)[:length]
    begun = time.process_time()  # not the clock's: other tests run beside this one
    parse(text, span_of(text), Problems())
    assert time.process_time() - begun < 2


TOKENS = [
    "x", "conv1", "$w", "1", "0.5", "1e3", "'t'", '"', "(", ")", "[", "]", "{", "}", ",", ":", ".", "...", "+", "-",
    "**", "*", "//", "=", "==", "<", "in", "not", "is", "and", "or", "if", "else", "for", "lambda", "true", "None", "&&",
    "!", "?",
    "${", "#", "\\", " ", "\n", "é", "²", "\x00", "😀",
]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join) | st.text(max_size=40))
def test_any_text_ends_in_a_tree_or_in_one_error(text: str) -> None:
    problems = Problems()
    expression = parse(text, span_of(text, "y: "), problems)
    assert (expression is None) == (len(problems) == 1)
    for fault in problems:
        for span in [
            fault.span,
            *(label.span for label in fault.labels),
            *([fault.fix.span] if fault.fix and fault.fix.span else []),
        ]:
            assert 3 <= span.start <= span.end <= 3 + len(text)
    pending = [expression] if expression else []
    while pending:
        node = pending.pop()
        inner = children(node)
        assert all(node.span.start <= e.span.start <= e.span.end <= node.span.end for e in inner)
        pending += inner

"""NNC04: expressions. Up to 19 what the parser says, from 20 on what evaluation says."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

_LANGUAGE = """Expressions are written as in Python: numbers, text in quotes, names, arithmetic, comparisons, `and`,
`or`, `not`, `a if c else b`, calls, indices, lists, and `[… for … in …]`."""


def _wrong(expression: str, args: str = "") -> str:
    return f"nnc: 1\ninputs: {{x: [B, 16]}}\n{args}layers:\n  {expression}"


CODES: tuple[Code, ...] = (
    define(
        "NNC0401",
        "unexpected-token",
        "An expression has something in the wrong place.",
        f"""{_LANGUAGE} The place shown is the first word or sign that does not fit; what is missing often belongs
        just before it.""",
        _wrong("y: relu(x * )"),
        _wrong("y: relu(x * 2)"),
    ),
    define(
        "NNC0402",
        "unclosed",
        "A bracket is not closed, or closes nothing.",
        """Every `(`, `[` and `{` has its partner inside the same expression. The label shows the bracket that was
        opened. An expression ends with its line unless it is quoted.""",
        _wrong("fc: Linear(10"),
        _wrong("fc: Linear(10)"),
    ),
    define(
        "NNC0403",
        "unknown-character",
        "A character has no meaning in an expression.",
        """Signs that look like operators but are other characters are a common cause: `×`, `−` and curly quotes
        come along when text is copied from a document.""",
        _wrong("y: x × 2"),
        _wrong("y: x * 2"),
    ),
    define(
        "NNC0404",
        "not-in-language",
        "Something of another language, or of Python, that expressions do not have.",
        f"""{_LANGUAGE} Other languages' operators (`&&`, `||`, `!`, `? :`) and Python's `lambda`, `import`,
        `*arguments` and f-strings are not part of it: an expression is data, and computes nothing but values.""",
        _wrong("fc: {type: Linear(10), if: wide && deep}", "args: {wide: true, deep: true}\n"),
        _wrong("fc: {type: Linear(10), if: wide and deep}", "args: {wide: true, deep: true}\n"),
    ),
    define(
        "NNC0405",
        "bad-literal",
        "A number or a text is not written correctly.",
        """Numbers are decimal (`10`, `0.5`, `1e-3`), text stands in single or double quotes on both sides, and a
        backslash in text begins one of the escapes `\\\\`, `\\"`, `\\'`, `\\n`, `\\t`, `\\r`, `\\x41`, `\\u0041`.""",
        _wrong("fc: Linear(0x10)"),
        _wrong("fc: Linear(16)"),
    ),
    define(
        "NNC0406",
        "expression-too-large",
        "An expression is too long or nested too deeply.",
        """Expressions are read within fixed bounds. Give a part of it a name, in `let:` or as an entry of its own.""",
        _wrong("y: " + "-" * 80 + "x"),
        _wrong("y: -x"),
    ),
    define(
        "NNC0407",
        "bad-placeholder",
        "`${…}` or `$name` stands where it cannot.",
        """`${…}` marks an expression inside a key or a plain value: `layer${i}`, `{out_features: "${width * 2}"}`.
        A call such as `Linear(width)`, a condition and a loop are expressions already and hold plain names. `$name`
        alone is short for `${name}`; beside other text only `${name}` is read.""",
        _wrong("fc: Linear(${width})", "args: {width: 10}\n"),
        _wrong("fc: Linear(width)", "args: {width: 10}\n"),
    ),
    define(
        "NNC0408",
        "missing-operator",
        "Two values stand side by side.",
        """Between two values there is an operator, or a comma in a call or a list.""",
        _wrong("fc: Linear(10 bias=False)"),
        _wrong("fc: Linear(10, bias=False)"),
    ),
    define(
        "NNC0409",
        "argument-order",
        "An argument without a name follows one with a name.",
        """As in Python, arguments by position come first: after `bias=False` nobody can see which argument `10`
        would be.""",
        _wrong("fc: Linear(bias=False, 10)"),
        _wrong("fc: Linear(10, bias=False)"),
    ),
    define(
        "NNC0410",
        "empty-expression",
        "An expression is missing.",
        """A value or a name is expected here, and there is none, as in `${}`.""",
        _wrong("fc${}: Linear(10)"),
        _wrong("fc: Linear(10)"),
    ),
    define(
        "NNC0421",
        "tensor-not-known",
        "A tensor stands where a value must be known before the network runs.",
        """Arguments of layers, conditions, loops and shapes are evaluated when the network is built; a tensor's
        numbers are known only when it runs. Its sizes are known: name them in the input's shape, `[B, C]`, and use
        the names. To choose between two tensors number by number, use `where(condition, a, b)`.""",
        _wrong("fc: {type: Linear(10), if: x}"),
        _wrong("fc: {type: Linear(10), if: deep}", "args: {deep: true}\n"),
    ),
    define(
        "NNC0422",
        "bad-operation",
        "An operator or a function does not work on these values.",
        """The values are of kinds that the operator does not take, or the result does not exist, as in a division
        by zero.""",
        _wrong("fc: Linear(10 // n)", "args: {n: 0}\n"),
        _wrong("fc: Linear(10 // n)", "args: {n: 2}\n"),
    ),
    define(
        "NNC0423",
        "too-large-value",
        "A computed value is larger than anything a network has.",
        """Sizes are below 2**63, as torch's are, and lists and texts stay within bounds, so that every expression
        ends soon.""",
        _wrong("fc: Linear(9**9**9)"),
        _wrong("fc: Linear(9**2)"),
    ),
)

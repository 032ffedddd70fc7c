"""Text to expression tree: a Pratt parser with Python's precedence and associativity, and nothing of Python's reach.

    conditional < or < and < not < comparison < | < ^ < & < + - < * / // % @ < unary - + ~ < ** < call, index, part

Bounded for any text: at most `MAX_LENGTH` characters, `MAX_DEPTH` brackets and prefixes inside each other, trees of at
most `MAX_HEIGHT` levels. The first fault is reported and ends the expression: one fault, one error.
"""

from __future__ import annotations

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr import tree
from nnc.compiler.expr.faults import Fault, Mend, Place, check_length, place_in, report
from nnc.compiler.expr.lexer import CONSTANTS, RESERVED, Token, is_name, text_value, tokenize
from nnc.compiler.expr.misread import misread
from nnc.compiler.expr.precedence import BINARY, Power
from nnc.compiler.expr.tree import Expr, Targets, children

__all__ = ["MAX_DEPTH", "MAX_HEIGHT", "Parser", "parse", "parse_loop"]

MAX_DEPTH = 64
MAX_HEIGHT = 100  # whoever walks a tree may recurse: three Python frames a level stay far from the interpreter's 1,000


_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not", "is"})
_PREFIXES = frozenset({"-", "+", "~"})


def parse(text: str, span: Span, problems: Problems, *, applied: bool = False) -> Expr | None:
    """The tree of one expression, or None after reporting what is wrong with it (NNC04xx). `applied`: it may be the call
    of a call, `Conv2d(8, 3)(x)`, a layer with the values that it takes.

    `span` covers the characters of `text`. Where they are the very characters of the source, every node has its own
    span; where they are not (escapes, folded lines), every node has the span of the whole.
    """
    try:
        check_length(text)
        if is_name(text):
            return tree.Name(text, span)
        return Parser(tokenize(text), place_in(text, span), applied).whole()
    except Fault as fault:
        report(fault, text, span, problems)
        return None


def parse_loop(text: str, span: Span, problems: Problems) -> tuple[Targets, Expr] | None:
    """The head of a loop, `s, n in enumerate(layers)`: its targets and its iterable. None after reporting a fault."""
    try:
        check_length(text)
        return Parser(tokenize(text), place_in(text, span)).whole_loop()
    except Fault as fault:
        report(fault, text, span, problems)
        return None


class Parser:
    """Reads tokens from left to right; every method takes the tokens of what it is named after, and raises Fault."""

    def __init__(self, tokens: list[Token], place: Place, applied: bool = False) -> None:
        self.tokens = tokens
        self.applied = applied
        self.place = place
        self.at = 0
        self.depth = 0
        self.open: list[Token] = []  # brackets, the innermost last

    def whole(self) -> Expr:
        """One expression, and nothing after it."""
        if self.tokens[0].kind == "end":
            raise Fault("NNC0410", self.tokens[0].start, self.tokens[0].end, "an expression is missing here")
        expression = self.expression()
        self.finish(expression)
        return expression

    def whole_loop(self) -> tuple[Targets, Expr]:
        if self.tokens[0].kind == "end":
            raise Fault(
                "NNC0410", self.tokens[0].start, self.tokens[0].end, "a loop is missing here, as in `i in range(4)`"
            )
        targets = self.targets()
        iterable = self.expression()
        self.finish(iterable)
        return targets, iterable

    def finish(self, expression: Expr) -> None:
        if self.token.kind != "end":
            raise self.unexpected("the end of the expression")
        if len(self.tokens) > MAX_HEIGHT and _height(expression) > MAX_HEIGHT:
            raise Fault(
                "NNC0406", self.tokens[0].start, self.token.end,
                f"more than {MAX_HEIGHT} steps build on each other in one expression",
                mend=Mend("name a part of it in `let:`"),
            )  # fmt: skip

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def is_op(self, text: str) -> bool:
        token = self.tokens[self.at]
        return token.text == text and token.kind == "op"

    def is_word(self, text: str) -> bool:
        token = self.tokens[self.at]
        return token.text == text and token.kind == "name"

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def take_op(self, text: str) -> bool:
        if self.is_op(text):
            self.at += 1
            return True
        return False

    def opening(self) -> Token:
        self.open.append(self.take())
        return self.open[-1]

    def closing(self, bracket: str, wanted: str) -> None:
        if not self.take_op(bracket):
            raise self.unexpected(wanted)
        self.open.pop()

    def since(self, start: int) -> Span:
        """From the offset `start` to the end of the token taken last."""
        return self.place(start, self.tokens[self.at - 1].end)

    def unexpected(self, wanted: str) -> Fault:
        return misread(self.tokens, self.at, self.open, wanted)

    # Operators, from the loosest to the tightest

    def expression(self, loosest: int = Power.ANY) -> Expr:
        """An expression whose operators bind at least as tightly as `loosest`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Fault(
                "NNC0406",
                self.token.start,
                self.token.end,
                f"more than {MAX_DEPTH} brackets or signs inside each other",
            )
        start = self.token.start
        left = self.prefixed(loosest)
        while (token := self.tokens[self.at]).kind in ("op", "name"):
            operator = token.text
            power = BINARY.get(operator)
            if power is not None:
                if power < loosest:
                    break
                self.at += 1
                right = self.expression(Power.UNARY if power == Power.POWER else power + 1)
                left = tree.Binary(operator, left, right, self.since(start))
            elif operator in _COMPARISONS and loosest <= Power.COMPARE:
                left = self.comparison(left, start)
            elif operator in ("and", "or"):
                power = Power.AND if operator == "and" else Power.OR
                if power < loosest:
                    break
                self.at += 1
                right = self.expression(power + 1)
                left = tree.Logic(operator, left, right, self.since(start))
            elif operator == "if" and loosest <= Power.CONDITIONAL:
                left = self.conditional(left, start)
            else:
                break
        self.depth -= 1
        return left

    def comparison(self, first: Expr, start: int) -> Expr:
        rest: list[tuple[str, Expr]] = []
        while (token := self.token).kind in ("op", "name") and token.text in _COMPARISONS:
            operator = self.take().text
            if operator == "not":
                if not self.is_word("in"):
                    raise self.unexpected("`in` after `not`")
                self.at += 1
                operator = "not in"
            elif operator == "is" and self.is_word("not"):
                self.at += 1
                operator = "is not"
            rest.append((operator, self.expression(Power.COMPARE + 1)))
        return tree.Compare(first, tuple(rest), self.since(start))

    def conditional(self, then: Expr, start: int) -> Expr:
        question = self.take()
        test = self.expression(Power.OR)
        if not self.is_word("else"):
            if self.token.kind == "end" and not self.open:
                raise Fault(
                    "NNC0401", question.start, question.end, "this `if` has no `else`",
                    mend=Mend("say what it is otherwise", self.token.end, self.token.end, " else None"),
                )  # fmt: skip
            raise self.unexpected("`else`")
        self.at += 1
        otherwise = self.expression(Power.CONDITIONAL)
        return tree.Conditional(test, then, otherwise, self.since(start))

    def prefixed(self, loosest: int) -> Expr:
        token = self.token
        if token.kind == "op" and token.text in _PREFIXES:
            self.at += 1
            return tree.Unary(token.text, self.expression(Power.UNARY), self.since(token.start))
        if token.kind == "name" and token.text == "not":
            if loosest > Power.NOT:
                raise Fault(
                    "NNC0401", token.start, token.end, "`not` binds more loosely than the operator before it",
                    mend=Mend("put `not …` in parentheses"),
                )  # fmt: skip
            self.at += 1
            return tree.Unary("not", self.expression(Power.NOT), self.since(token.start))
        return self.postfix()

    # Calls, indices, parts

    def postfix(self) -> Expr:
        start = self.token.start
        value = self.atom()
        while (token := self.tokens[self.at]).kind == "op":
            if token.text == "(":
                value = self.call(value, start)
            elif token.text == "[":
                value = self.index(value, start)
            elif token.text == ".":
                self.at += 1
                name = self.token
                if name.kind not in ("name", "index") or name.text.startswith("$"):
                    raise self.unexpected("the name or the number of a result")
                self.at += 1
                value = tree.Attribute(value, name.text, self.since(start), self.place(name.start, name.end))
            else:
                break
        return value

    def call(self, callee: Expr, start: int) -> Expr:
        opener = self.opening()
        again = (
            isinstance(callee, tree.CallExpr) and self.applied and len(self.open) == 1 and start == self.tokens[0].start
        )
        if not isinstance(callee, tree.Name | tree.Attribute) and not (again and _calls_name(callee)):
            raise Fault(
                "NNC0401", opener.start, opener.end, "only a name can be called",
                mend=Mend("give the value a name of its own, and call that"),
            )  # fmt: skip
        arguments: list[Expr] = []
        keywords: list[tree.Keyword] = []
        while not self.is_op(")"):
            token, following = self.token, self.tokens[min(self.at + 1, len(self.tokens) - 1)]
            if token.kind == "name" and following.text == "=" and not token.text.startswith("$"):
                self.at += 2
                keywords.append(tree.Keyword(token.text, self.expression(), self.place(token.start, token.end)))
            else:
                argument_start = self.at
                arguments.append(self.expression())
                if keywords:
                    first, last = self.tokens[argument_start], self.tokens[self.at - 1]
                    raise Fault(
                        "NNC0409", first.start, last.end, "an argument without a name stands after one with a name",
                        mend=Mend(f"name it, or put it before `{keywords[0].name}=`"),
                    )  # fmt: skip
            if not self.take_op(","):
                break
        self.closing(")", "`,` or `)`")
        if again and self.token.kind != "end":
            raise Fault(
                "NNC0401", self.token.start, self.token.end, "a layer called on values stands alone in its entry",
                mend=Mend("go on in an entry of its own, with this one's name"),
            )  # fmt: skip
        return tree.CallExpr(callee, tuple(arguments), tuple(keywords), self.since(start))

    def index(self, value: Expr, start: int) -> Expr:
        self.opening()
        items = [self.index_item()]
        while self.take_op(",") and not self.is_op("]"):
            items.append(self.index_item())
        self.closing("]", "`,` or `]`")
        return tree.Index(value, tuple(items), self.since(start))

    def index_item(self) -> Expr:
        start = self.token.start
        parts: list[Expr | None] = [None if self.is_op(":") else self.expression()]
        while len(parts) < 3 and self.take_op(":"):
            parts.append(None if self.token.text in (":", ",", "]") else self.expression())
        if len(parts) == 1 and parts[0] is not None:
            return parts[0]
        first, stop, step = (*parts, None, None)[:3]
        return tree.Slice(first, stop, step, self.since(start))

    # Atoms

    def atom(self) -> Expr:
        token = self.token
        if token.kind == "name" and token.text not in RESERVED:
            self.at += 1
            return tree.Name(token.text.removeprefix("$"), self.place(token.start, token.end))
        if token.kind == "number":
            self.at += 1
            whole = token.text.replace("_", "").isdecimal()
            return tree.Literal(int(token.text) if whole else float(token.text), self.place(token.start, token.end))
        if token.kind == "text":
            self.at += 1
            return tree.Literal(text_value(token), self.place(token.start, token.end))
        if token.kind == "name" and token.text in CONSTANTS:
            self.at += 1
            return tree.Literal(CONSTANTS[token.text], self.place(token.start, token.end))
        if token.kind == "op":
            if token.text == "(":
                return self.parenthesized()
            if token.text == "[":
                return self.items()
            if token.text == "{":
                return self.dictionary()
            if token.text == "...":
                self.at += 1
                return tree.Literal(Ellipsis, self.place(token.start, token.end))
        raise self.unexpected("a value")

    def parenthesized(self) -> Expr:
        start = self.opening().start
        items: list[Expr] = []
        comma = False
        while not self.is_op(")"):
            items.append(self.expression())
            if not self.take_op(","):
                break
            comma = True
        self.closing(")", "`,` or `)`" if comma else "`)`")
        return items[0] if len(items) == 1 and not comma else tree.Items(tuple(items), self.since(start), "(")

    def items(self) -> Expr:
        start = self.opening().start
        items: list[Expr] = []
        while not self.is_op("]"):
            items.append(self.expression())
            if len(items) == 1 and self.is_word("for"):
                return self.comprehension(items[0], start)
            if not self.take_op(","):
                break
        self.closing("]", "`,` or `]`")
        return tree.Items(tuple(items), self.since(start))

    def comprehension(self, value: Expr, start: int) -> Expr:
        self.at += 1
        targets = self.targets()
        iterable = self.expression(Power.OR)
        condition = None
        if self.is_word("if"):
            self.at += 1
            condition = self.expression(Power.OR)
        if self.is_word("for") or self.is_word("if"):
            raise Fault(
                "NNC0404", self.token.start, self.token.end, f"a list takes one `{self.token.text}`, not several"
            )
        self.closing("]", "`]`")
        return tree.Comprehension(value, targets, iterable, condition, self.since(start))

    def targets(self) -> Targets:
        """`s, n in`, `(s, n) in` or `s, (c, n) in`, with the `in`."""
        targets = self.target_list(set())
        match targets:
            case (tuple() as inner,):
                targets = inner
        if not self.is_word("in"):
            raise self.unexpected("`in`")
        self.at += 1
        return targets

    def target_list(self, names: set[str]) -> Targets:
        """Names, and names in parentheses, of which `names` holds those that were met."""
        targets: list[str | Targets] = []
        while True:
            token = self.token
            if self.is_op("("):
                self.opening()
                group = self.target_list(names)
                targets.append(group if len(group) > 1 else group[0])
                self.closing(")", "`,` or `)`")
            elif token.kind != "name" or token.text in RESERVED or token.text.startswith("$"):
                raise self.unexpected("a name for the loop")
            elif token.text in names:
                raise Fault("NNC0401", token.start, token.end, f"the loop names `{token.text}` twice")
            else:
                names.add(token.text)
                targets.append(self.take().text)
            if not self.take_op(","):
                return tuple(targets)

    def dictionary(self) -> Expr:
        start = self.opening().start
        pairs: list[tuple[Expr, Expr]] = []
        while not self.is_op("}"):
            key = self.expression()
            if not self.take_op(":"):
                raise self.unexpected("`:` after the key")
            pairs.append((key, self.expression()))
            if not self.take_op(","):
                break
        self.closing("}", "`,` or `}`")
        return tree.Dictionary(tuple(pairs), self.since(start))


def _calls_name(expression: Expr) -> bool:
    return isinstance(expression, tree.CallExpr) and isinstance(expression.callee, tree.Name | tree.Attribute)


def _height(expression: Expr) -> int:
    """How many nodes stand on top of each other. Counts without recursion: a long sum is as high as it has terms."""
    height, level = 0, [expression]
    while level:
        height += 1
        level = [child for node in level for child in children(node)]
    return height

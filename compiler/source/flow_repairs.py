"""What the inside of `[ ]` and `{ }` does to a text: YAML cuts `Linear(10, bias=False)` at its comma, into the items
`Linear(10` and `bias=False)`, and takes `{x:1}` for the key `x:1`. Cut calls are put together again after one error, so that
nothing more is said about the pieces."""

from __future__ import annotations

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.source.compose import quoted
from nnc.compiler.source.guard import Guard
from nnc.compiler.source.tree import Scalar, Tree

__all__ = ["opens_call", "rejoin_items", "rejoin_pairs", "report_split", "report_squeezed"]


def opens_call(item: Tree) -> bool:
    """Whether a plain scalar opens more parentheses than it closes."""
    return isinstance(item, Scalar) and _balance(item) > 0


def rejoin_items(items: list[Tree], guard: Guard) -> list[Tree]:
    """The items of a flow sequence with every cut call in one piece."""
    if not any(map(opens_call, items)):
        return items
    calls = _calls(items)
    whole: list[Tree] = []
    at = 0
    while at < len(items):
        closing = calls.get(at)
        if closing is None:
            whole.append(items[at])
            at += 1
        else:
            whole.append(_joined(items, at, closing, guard))
            at = closing + 1
    return whole


def rejoin_pairs(items: list[Tree], guard: Guard) -> list[Tree]:
    """The keys and values, in turn, of a flow mapping with every cut call in one piece."""
    if not any(map(opens_call, items)):
        return items
    calls = _calls(items)
    whole: list[Tree] = []
    at = 0
    while at < len(items):
        closing = calls.get(at)
        if closing is None:
            whole.append(items[at])
            at += 1
            continue
        call = _joined(items, at, closing, guard)
        whole.append(call)
        call_is_key, ends_in_key = at % 2 == 0, closing % 2 == 0
        guard.whole &= not call_is_key  # a call is no key: what was meant by it stays open
        if call_is_key and not ends_in_key:
            end = call.span.sub(len(call.span.text), len(call.span.text))
            whole.append(Scalar(None, end, end))
        # Where a value's last piece stands as a key, the null that YAML gave that key is no value of anything.
        at = closing + (2 if ends_in_key and not call_is_key else 1)
    return whole


def report_squeezed(items: list[Tree], guard: Guard) -> None:
    """Reports the keys of a flow mapping that hold their value too: `x:1`."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Scalar) or key.quoted or not key.exact or not isinstance(key.value, str):
            continue
        colon = key.value.find(":")
        if colon <= 0 or opens_call(key):
            continue
        if isinstance(value, Scalar) and value.value is None and not value.span.text:
            span = key.span.sub(colon, colon + 1)
            fix = Fix("write a space after it", span, ": ")
            guard.check_faults(span.start)
            guard.problems.error("NNC0117", span, "a space is missing after `:`", fix=fix)
            guard.whole = False


def report_split(span: Span, message: str, problems: Problems) -> None:
    """`span` is text inside `[ ]` or `{ }` that must be quoted to stay in one piece."""
    problems.error(
        "NNC0109",
        span,
        message,
        notes=("inside `[ ]` and `{ }` YAML ends a text at every comma and bracket",),
        fix=Fix("quote it, or put it on its own line", span, quoted(" ".join(span.text.split()))),
    )


def _balance(item: Tree) -> int:
    if not isinstance(item, Scalar) or item.quoted or not isinstance(item.value, str):
        return 0
    return item.value.count("(") - item.value.count(")")


def _calls(items: list[Tree]) -> dict[int, int]:
    """The cut calls: the index of the item that opens one to the index of the item that closes it."""
    calls: dict[int, int] = {}
    opened: list[tuple[int, int]] = []  # the index of an item, and how many parentheses were open before it
    depth = 0
    for index, item in enumerate(items):
        before, depth = depth, depth + _balance(item)
        if depth > before:
            opened.append((index, before))
        while opened and depth <= opened[-1][1]:
            calls[opened.pop()[0]] = index
    return calls


def _joined(items: list[Tree], at: int, closing: int, guard: Guard) -> Scalar:
    span = items[at].span.to(items[closing].span)
    guard.check_faults(span.start)
    report_split(span, "YAML cuts this call at its comma", guard.problems)
    return Scalar(span.text, span, span)

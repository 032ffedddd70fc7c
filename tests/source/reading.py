"""Reading for the tests: a text to plain data or to its faults, and what must be true of every tree."""

from __future__ import annotations

from itertools import pairwise

from nnc.compiler.diagnostics import Diagnostic, Problems, Span
from nnc.compiler.source import read_text
from nnc.compiler.source.tree import Mapping, Scalar, Sequence, Tree, to_plain

__all__ = ["apply_fix", "assert_located", "faults", "plain", "tree_of"]


def tree_of(text: str, name: str = "t.yaml") -> Tree:
    problems = Problems()
    tree = read_text(text, name, problems)
    assert tree is not None, "\n".join(map(str, problems))
    assert not problems.found, "\n".join(map(str, problems))
    assert_located(tree, text)
    return tree


def plain(text: str, name: str = "t.yaml") -> object:
    return to_plain(tree_of(text, name))


def faults(text: str, name: str = "t.yaml") -> list[Diagnostic]:
    problems = Problems()
    tree = read_text(text, name, problems)
    if tree is not None:
        assert_located(tree, text)
    assert problems.found or tree is not None, "no tree, and no reason"
    for fault in problems:
        fix = fault.fix.span if fault.fix else None
        for span in [fault.span, *(label.span for label in fault.labels), *([fix] if fix else [])]:
            assert 0 <= span.start <= span.end <= len(text)
    return problems.sorted()


def apply_fix(text: str, fault: Diagnostic) -> str:
    """The text with the fault's replacement in it."""
    fix = fault.fix
    assert fix is not None
    assert fix.span is not None
    assert fix.replacement is not None
    return text[: fix.span.start] + fix.replacement + text[fix.span.end :]


def assert_located(tree: Tree, text: str) -> None:
    """Spans are inside the text, exact contents are the value, and parts lie in their whole, in order.

    What an alias stands for lies elsewhere, so order is not asked of texts that have one.
    """
    nested = "*" not in text
    pending: list[tuple[Tree, Span | None]] = [(tree, None)]
    while pending:
        node, around = pending.pop()
        span = node.span
        assert 0 <= span.start <= span.end <= len(text)
        if nested and around is not None:
            assert around.start <= span.start <= span.end <= around.end
        match node:
            case Scalar(value=value, content=content, exact=exact):
                assert span.start <= content.start <= content.end <= max(span.end + 1, content.start)
                if exact and isinstance(value, str):
                    assert content.text == value
            case Sequence(items=items):
                assert not nested or all(a.span.end <= b.span.start for a, b in pairwise(items))
                pending += [(item, span) for item in items]
            case Mapping(entries=entries):
                names = [e.key.value for e in entries]
                assert all(isinstance(n, str) for n in names)
                assert len(set(names)) == len(names)
                assert not nested or all(e.key.span.end <= e.value.span.start for e in entries)
                pending += [(part, span) for e in entries for part in (e.key, e.value)]

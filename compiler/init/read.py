"""`init:` as it is written: rules with their patterns, and for each parameter the call that fills it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnc.compiler.diagnostics import Problems, Span
from nnc.compiler.expr.parser import parse
from nnc.compiler.expr.tree import CallExpr, Expr, Keyword, Name
from nnc.compiler.schema.values import read_keywords, read_value
from nnc.compiler.source.tree import Entry, Mapping, Scalar, Sequence, Tree

__all__ = ["Pattern", "RuleDecl", "SettingDecl", "read_rules"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A layer's type, or a glob over names."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class SettingDecl:
    """`weight: kaiming_normal_(mode="fan_out")`; `function` is None for a bare number, which is the only argument."""

    key: str
    key_span: Span
    function: Name | None
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RuleDecl:
    patterns: tuple[Pattern, ...]
    settings: tuple[SettingDecl, ...]
    span: Span


def read_rules(tree: Tree | None, problems: Problems) -> tuple[RuleDecl, ...]:
    """The rules of a section. What the schema check has refused is passed over; faults of expressions are reported."""
    rules = tree.items if isinstance(tree, Sequence) else ()
    return tuple(found for rule in rules if (found := _rule(rule, problems)) is not None)


def _rule(tree: Tree, problems: Problems) -> RuleDecl | None:
    if not isinstance(tree, Mapping):
        return None
    match = tree.entry("match")
    if match is None:
        return None
    settings = (_setting(e, problems) for e in tree.entries if e is not match)
    return RuleDecl(tuple(_patterns(match.value)), tuple(s for s in settings if s is not None), match.key.content)


def _patterns(tree: Tree) -> Iterator[Pattern]:
    for item in tree.items if isinstance(tree, Sequence) else (tree,):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield Pattern(item.value, item.content)


def _setting(entry: Entry, problems: Problems) -> SettingDecl | None:
    key, key_span, tree = str(entry.key.value), entry.key.content, entry.value
    if isinstance(tree, Mapping):
        return _mapping_form(key, key_span, tree, problems)
    if not isinstance(tree, Scalar):
        return None
    if not isinstance(tree.value, str):
        value = read_value(tree, problems)
        return None if value is None else SettingDecl(key, key_span, None, (value,), (), tree.content)
    call = parse(tree.value, tree.content, problems)
    match call:
        case Name():
            return SettingDecl(key, key_span, call, (), (), tree.content)
        case CallExpr(callee=Name() as callee, arguments=arguments, keywords=keywords):
            return SettingDecl(key, key_span, callee, arguments, keywords, tree.content)
        case None:
            return None
    return SettingDecl(key, key_span, None, (call,), (), tree.content)


def _mapping_form(key: str, key_span: Span, tree: Mapping, problems: Problems) -> SettingDecl | None:
    """`{type: kaiming_normal_, mode: fan_out}`."""
    kind = tree.entry("type")
    if kind is None or not isinstance(kind.value, Scalar):
        return None
    called = _setting(Entry(kind.key, kind.value), problems)
    rest = Mapping(tuple(e for e in tree.entries if e is not kind), tree.span, tree.flow)
    keywords = read_keywords(rest, problems, computed=False)
    if called is None or keywords is None:
        return None
    return SettingDecl(
        key, key_span, called.function, called.arguments, (*called.keywords, *keywords), kind.value.content
    )

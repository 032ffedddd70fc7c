"""What of a file's `init:` rules has met a layer or parameter: the rest was written for nothing, which is a warning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from nnc.compiler.diagnostics import Fix, Problems, Span
from nnc.compiler.expr.tree import Literal, Name
from nnc.compiler.graph.initial import ITSELF
from nnc.compiler.init.read import Pattern, RuleDecl, SettingDecl
from nnc.compiler.schema.spec import Group, LayerCall, Spec, Splice
from nnc.compiler.suggest import closest

__all__ = ["Uses"]


@dataclass
class Uses:
    """Which patterns and keys of a file's rules have met anything. A block's rules are matched for each of its calls."""

    rules: dict[Span, RuleDecl] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)  # patterns that are a layer's type
    present: dict[str, None] = field(default_factory=dict)  # types and names of layers that have parameters
    patterns: set[Span] = field(default_factory=set)
    keys: set[Span] = field(default_factory=set)
    known: dict[Span, dict[str, None]] = field(default_factory=dict)  # parameters of what a rule has matched
    switched_off: set[str] = field(
        default_factory=set
    )  # entries that `if:` has taken out somewhere: no fault of a rule
    tensors: set[Span] = field(default_factory=set)  # patterns that name a parameter where a layer is meant

    def warn(self, problems: Problems, layers: Iterable[str], spec: Spec) -> None:
        """Reports what was written for nothing, in the file itself: rules of one that it builds on were written for the
        layers there. What an `if:` has switched off is no fault. `layers` are the names that a type may have."""
        for rule in (r for r in self.rules.values() if r.span.source.name == spec.source.name):
            met = any(p.span in self.patterns for p in rule.patterns)
            for pattern in rule.patterns:
                known = pattern.text in self.types and (met or pattern.text in _types(spec))
                if pattern.span not in self.patterns and not known and not self._is_switched_off(pattern.text):
                    self._no_match(problems, pattern, layers)
            for setting in rule.settings if met else ():
                if setting.key_span not in self.keys and setting.key not in ("weight", "bias", ITSELF):
                    self._no_parameter(problems, rule, setting)

    def _is_switched_off(self, pattern: str) -> bool:
        """Whether it names an entry that is not there for these arguments, by its own name or its path."""
        own = pattern.rpartition(".")[2]
        return own.strip("*?") != "" and any(fnmatchcase(name, own) for name in self.switched_off)

    def _no_match(self, problems: Problems, pattern: Pattern, layers: Iterable[str]) -> None:
        a_type = pattern.text in self.types
        alike = [name for name in self.present if name[:1].isupper() == pattern.text[:1].isupper()]
        meant = None if a_type else closest(pattern.text, alike)
        best = meant or (closest(pattern.text, list(layers)) if not a_type and pattern.text.isidentifier() else None)
        fix = Fix(f"did you mean `{best}`?", pattern.span, best) if best else None
        notes = () if fix else ("a pattern is a layer's type, or a glob over names such as `features.*`",)
        if pattern.span in self.tensors:
            fix, notes = None, (f"`{pattern.text}` is a parameter: say how it starts with `{ITSELF}: …`",)
        what = "no layer here is of type" if a_type else "no layer or parameter here is called"
        problems.warning("NNC0751", pattern.span, f"{what} `{pattern.text}`", fix=fix, notes=notes)

    def _no_parameter(self, problems: Problems, rule: RuleDecl, setting: SettingDecl) -> None:
        known = list(self.known.get(rule.span, ()))
        best = closest(setting.key, known)
        fix = Fix(f"did you mean `{best}`?", setting.key_span, best) if best else None
        notes = () if fix else (f"their parameters are {', '.join(known) or 'none'}",)
        message = f"nothing that this rule matches has a parameter `{setting.key}`"
        problems.warning("NNC0751", setting.key_span, message, fix=fix, notes=notes)


def _types(spec: Spec) -> Iterator[str]:
    """The types of all layers that the file has for some arguments, and the texts that arguments hold: these may be types."""
    bodies, blocks, arguments = [spec.body], [*spec.blocks.values()], [*spec.args]
    while blocks:
        block = blocks.pop()
        bodies.append(block.body)
        blocks += (block.own or {}).values()
        arguments += block.args
    while bodies:
        for entry in bodies.pop().entries:
            match entry.action:
                case LayerCall(callee=Name(name=name)):
                    yield name
                case Group(body=inner) | Splice(body=inner):
                    bodies.append(inner)
    for argument in arguments:
        if isinstance(argument.default, Literal) and isinstance(argument.default.value, str):
            yield argument.default.value.partition("(")[0]

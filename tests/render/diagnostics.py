"""Diagnostics for the tests of the renderers."""

from __future__ import annotations

from nnc.compiler.diagnostics import Diagnostic, Fix, Label, Severity, Source, Span

__all__ = ["SPEC", "at", "diagnostic", "duplicate", "misspelled"]

SPEC = """\
nnc: 1
inputs: {x: [B, 16]}
layers:
  fc: Linear(32)
  act: ReLU
  drop: Dropout
  fc: Linear(10, bais=False)
"""


def at(text: str, words: str, *, source: Source | None = None, nth: int = 1, name: str = "net.yaml") -> Span:
    """The span of the nth occurrence of `words`."""
    start = -1
    for _ in range(nth):
        start = text.index(words, start + 1)
    return Span(source or Source(name, text), start, start + len(words))


def diagnostic(text: str, words: str, message: str = "wrong", *, name: str = "net.yaml") -> Diagnostic:
    return Diagnostic("NNC0302", at(text, words, name=name), message)


def misspelled() -> Diagnostic:
    source = Source("net.yaml", SPEC)
    span = at(SPEC, "bais", source=source)
    fix = Fix("did you mean `bias`?", span, "bias")
    return Diagnostic(
        "NNC0302", span, "Linear has no argument `bais`", notes=("its arguments are out_features, bias",), fix=fix
    )


def duplicate() -> Diagnostic:
    source = Source("net.yaml", SPEC)
    first, second = at(SPEC, "fc", source=source), at(SPEC, "fc", source=source, nth=2)
    labels = (Label(first, "first given here"),)
    return Diagnostic("NNC0107", second, "the key `fc` is given twice", Severity.WARNING, labels)

"""The look for people: the source line, a caret under the exact word, what explains it, how to mend it.

error[NNC0107]: the key `fc` is given twice
 --> net.yaml:5:3
  |
4 |   fc: Linear(32)
  |   -- first given here
5 |   fc: Linear(10)
  |   ^^
  |
  = help: rename one of the two, or remove it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nnc.compiler.diagnostics import Diagnostic, Fix, Severity, Source, Span
from nnc.compiler.render.style import Paint, Style, style_for
from nnc.compiler.render.visible import cells, visible

__all__ = ["render"]

WIDEST = 140  # columns of a source line; of a longer one a window around the place is shown
BEFORE = 50  # columns of that window before the place


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """All diagnostics in the order given, with an empty line between them."""
    style = style_for(color)
    return "\n\n".join("\n".join(_lines(d, style)) for d in diagnostics)


@dataclass(frozen=True, slots=True)
class _Mark:
    """An underline: one line of the source from `start` to `end` (0-based characters), and what is said there."""

    line: int
    start: int
    end: int
    text: str
    primary: bool


def _lines(diagnostic: Diagnostic, style: Style) -> Iterator[str]:
    paint = style.error if diagnostic.severity is Severity.ERROR else style.warning
    yield paint(f"{diagnostic.severity}[{diagnostic.code}]") + style.strong(f": {visible(diagnostic.message)}")

    marks: dict[int, list[_Mark]] = {}  # by the id of the source, the diagnostic's own first
    sources: dict[int, Source] = {}
    for span, text, primary in (
        (diagnostic.span, "", True),
        *((label.span, label.text, False) for label in diagnostic.labels),
    ):
        sources[id(span.source)] = span.source
        marks.setdefault(id(span.source), []).extend(_marks(span, text, primary))
    margin = max((len(str(m.line)) for found in marks.values() for m in found), default=1)

    blank = " " * margin + style.frame(" |")
    for number, (key, found) in enumerate(marks.items()):
        first = (
            diagnostic.span if number == 0 else next(lb.span for lb in diagnostic.labels if id(lb.span.source) == key)
        )
        yield " " * margin + style.frame("::: " if number else "--> ") + visible(_place(first))
        if sources[key].text:
            yield blank
            yield from _snippet(sources[key], found, margin, style, paint)
    remarks = [*(("note", note) for note in diagnostic.notes), *(("help", text) for text in _help(diagnostic.fix))]
    if remarks and diagnostic.span.source.text:
        yield blank
    for kind, text in remarks:
        first_line, *others = text.split("\n")
        yield " " * margin + style.frame(" = ") + style.strong(f"{kind}: ") + visible(first_line)
        yield from (" " * (margin + len(kind) + 5) + visible(line) for line in others)


def _place(span: Span) -> str:
    return str(span) if span.source.text else span.source.name


def _help(fix: Fix | None) -> Iterator[str]:
    """The fix in words, with what to write where that is short and not said already."""
    if fix is None:
        return
    new = fix.replacement
    say_it = new and "\n" not in new and len(new) <= 80 and new.strip() not in fix.title and any(map(str.isalnum, new))
    yield f"{fix.title}: {new}" if say_it else fix.title


def _marks(span: Span, text: str, primary: bool) -> Iterator[_Mark]:
    """One mark, or for a span of several lines one under its first and one under its last."""
    source = span.source
    line, column = source.position(span.start)
    last, after = source.position(max(span.start, span.end - 1))
    if line == last:
        yield _Mark(line, column - 1, max(after, column) if span.end > span.start else column - 1, text, primary)
        return
    yield _Mark(line, column - 1, len(source.line(line)), "", primary)
    content = source.line(last)
    yield _Mark(last, len(content) - len(content.lstrip()), after, text, primary)


def _snippet(source: Source, marks: Iterable[_Mark], margin: int, style: Style, paint: Paint) -> Iterator[str]:
    by_line: dict[int, list[_Mark]] = {}
    for mark in sorted(marks, key=lambda m: (m.line, m.start)):
        by_line.setdefault(mark.line, []).append(mark)
    previous = None
    for line, here in by_line.items():
        if previous is not None and line > previous + 1:
            yield style.frame("...")
        previous = line
        shown, underlines = _windowed(source.line(line), here)
        yield style.frame(f"{line:>{margin}} | ") + shown if shown else style.frame(f"{line:>{margin}} |")
        for mark, (left, width) in zip(here, underlines, strict=True):
            under = ("^" if mark.primary else "-") * width + (f" {visible(mark.text)}" if mark.text else "")
            yield " " * margin + style.frame(" | ") + " " * left + (paint if mark.primary else style.label)(under)


def _windowed(line: str, marks: Sequence[_Mark]) -> tuple[str, list[tuple[int, int]]]:
    """The line as shown, and for each mark the column and the width of its underline in it."""
    focus = next((m for m in marks if m.primary), marks[0])
    begin, end = max(0, focus.start - 4 * WIDEST), min(len(line), focus.start + 4 * WIDEST)  # of a huge line, no more
    row = cells(line[begin:end].rstrip("\r\n"))
    columns = [0]
    for _, width in row:
        columns.append(columns[-1] + width)

    def column(character: int) -> int:
        return columns[min(max(character - begin, 0), len(row))]

    left, right = 0, len(row)
    if begin or end < len(line) or columns[-1] > WIDEST:
        at = column(focus.start)
        left = next(i for i, c in enumerate(columns) if c >= at - BEFORE)
        right = max(i for i, c in enumerate(columns) if c <= columns[left] + WIDEST)
    cut_left, cut_right = left > 0 or begin > 0, right < len(row) or end < len(line)
    shown = ("…" if cut_left else "") + "".join(text for text, _ in row[left:right]) + ("…" if cut_right else "")
    offset = columns[left] - bool(cut_left)

    underlines = []
    for mark in marks:
        start = min(max(column(mark.start), columns[left]), columns[right])
        stop = min(max(column(mark.end), start), columns[right])
        underlines.append((start - offset, max(1, stop - start)))
    return shown, underlines

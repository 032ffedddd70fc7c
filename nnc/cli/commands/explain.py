"""Explains a diagnostic: what the code means, a spec that has the fault, and the same spec mended. Takes a code
(NNC0301) or its name (unknown-layer); without one, lists them all."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format
from nnc.cli.output import print_json
from nnc.compiler.codes import CODES, Code

EXAMPLES = """\
nnc explain NNC0301
nnc explain unknown-layer
nnc explain"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code, or the name that stands behind it in brackets")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    if options.code is None:
        _list(options.format)
        return OK
    code = _find(options.code)
    if options.format == "json":
        print_json(asdict(code))
    else:
        print(as_text(code))
    return OK


def _list(form: str) -> None:
    codes = sorted(CODES.values(), key=lambda c: c.code)
    if form == "json":
        print_json([asdict(c) for c in codes])
        return
    width = max((len(c.name) for c in codes), default=0)
    for code in codes:
        print(f"{code.code}  {code.name:<{width}}  {code.summary}")


def _find(given: str) -> Code:
    by_name = {c.name: c for c in CODES.values()}
    found = CODES.get(given.upper()) or by_name.get(given)
    if found is None:
        from nnc.compiler.suggest import closest

        meant = closest(given, [*CODES, *by_name])
        hint = f"did you mean `{meant}`?" if meant else "`nnc explain` lists them all"
        raise Misuse(f"there is no diagnostic `{given}`: {hint}")
    return found


def as_text(code: Code) -> str:
    """The whole entry as a page of plain text."""
    paragraphs = (textwrap.fill(p, 100) for p in code.explanation.strip().split("\n\n"))
    parts = [f"{code.code} {code.name}", code.summary, *paragraphs]
    if code.example:
        parts.append("this is at fault:\n\n" + _indented(code.example))
    if code.mended:
        parts.append("this is right:\n\n" + _indented(code.mended))
    return "\n\n".join(p for p in parts if p)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())

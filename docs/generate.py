"""Writes the references that are made from the code: docs/layers.md, docs/errors.md, docs/commands.md, docs/images/.

python docs/generate.py            write them
python docs/generate.py --check    say which are out of date, and exit 1
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from nnc.cli.main import COMMANDS, command_parser
from nnc.compiler.codes import CODES
from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import REQUIRED, Argument, OpDef

DOCS = Path(__file__).parent
STAGES = {
    "01": "Text", "02": "Document", "03": "Names and calls", "04": "Expressions", "05": "Shapes and dtypes", "06": "Wiring",
    "07": "Blocks and arguments", "08": "Data and training", "09": "Files and artifacts",
}  # fmt: skip


def layers() -> str:
    """Every op by family: its call, its inputs, its arguments."""
    lines = [
        "# Layers and functions",
        "",
        "Made from the catalogue by `make docs`; `nnc layers NAME` shows one. Names, arguments and defaults are torch's.",
        "What is marked *inferred* is taken from what flows in; it is not written, or written by keyword and checked.",
    ]
    families = sorted({op.family for op in CATALOGUE.values()})
    for family in families:
        lines += ["", f"## {family.capitalize()}"]
        members = [op for op in CATALOGUE.values() if op.family == family]
        for op in sorted(members, key=lambda o: (o.form != "module", o.name)):
            lines += ["", *_op(op)]
    others = sorted(CATALOGUE.aliases.items())
    lines += ["", "## Other names", "", "| written | means |", "|---|---|", *(f"| `{a}` | `{b}` |" for a, b in others)]
    return "\n".join(lines) + "\n"


def _op(op: OpDef) -> Iterator[str]:
    yield f"### {op.name}"
    yield ""
    yield " ".join(op.doc.split()) + (f" Since torch {op.since}." if op.since else "")
    if op.results:
        yield ""
        yield "Results: " + ", ".join(f"`{r}`" for r in op.results) + "."
    rows = [*op.inputs, *op.arguments, *op.calls]
    if rows:
        yield ""
        yield "| argument | takes | default |"
        yield "|---|---|---|"
        for argument in rows:
            yield f"| `{'*' if argument.variadic else ''}{argument.name}` | {_takes(op, argument)} | {_default(argument)} |"


def _takes(op: OpDef, argument: Argument) -> str:
    words = argument.kind.words.replace("|", "\\|")
    place = " (`from:`)" if argument in op.inputs else " (`call:`)" if argument in op.calls else ""
    since = f", since torch {argument.since}" if argument.since else ""
    return words + place + since


def _default(argument: Argument) -> str:
    if argument.inferred:
        return "*inferred*"
    if argument.variadic:
        return ""
    return "**required**" if argument.default is REQUIRED else f"`{argument.default!r}`"


def errors() -> str:
    """Every code with its cause, a file that has it, and the file mended."""
    lines = ["# Errors", "", "Made from the catalogue of codes by `make docs`; `nnc explain CODE` shows one."]
    stage = ""
    for code in CODES.values():
        if code.code[3:5] != stage:
            stage = code.code[3:5]
            lines += ["", f"## {STAGES[stage]}"]
        lines += ["", f"### {code.code} {code.name}", "", code.summary, "", code.explanation]
        if code.example:
            lines += ["", "```yaml", code.example.rstrip(), "```"]
        if code.mended:
            lines += ["", "mended:", "", "```yaml", code.mended.rstrip(), "```"]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command's `--help`."""
    os.environ["COLUMNS"] = "110"
    lines = ["# Commands", "", "Made from `nnc COMMAND --help` by `make docs`."]
    lines += [
        "",
        "Exit codes: 0 ok, 1 findings, 2 misuse; 130 and 143 stopped by Ctrl-C and SIGTERM (a run can go on).",
    ]
    for name in COMMANDS:
        lines += ["", f"## nnc {name}", "", "```", command_parser(name).format_help().rstrip(), "```"]
    return "\n".join(lines) + "\n"


FILES: dict[str, Callable[[], str]] = {"layers.md": layers, "errors.md": errors, "commands.md": commands}


def main() -> int:
    stale = [name for name, make in FILES.items() if _read(DOCS / name) != make()]
    if "--check" in sys.argv[1:]:
        print(f"out of date: {', '.join(stale)}; run `make docs`" if stale else "up to date")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(FILES[name](), encoding="utf-8")
    print(f"wrote {', '.join(stale) or 'nothing, all is up to date'}")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main())

"""Draws a network: blocks as nested boxes, shapes on the arrows, parameters in the layers, layers of a kind in one
colour. Blocks that repeat are drawn once, with their number. The suffix of the output file says what it becomes:
.svg, .png, .pdf, .dot (Graphviz) or .mmd (Mermaid). Needs no installed Graphviz where the `pygraphviz` package is."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_depth, add_set, add_size, add_spec, parse_set, parse_size
from nnc.cli.output import note_written, write_file
from nnc.cli.pictures import PICTURES, picture
from nnc.cli.report import show
from nnc.cli.specs import compile_spec, refuse_own_input, stem

EXAMPLES = """\
nnc render lenet5.yaml
nnc render zoo:resnet -o resnet50.png --size B=1,H=224,W=224
nnc render zoo:resnet50 -o page.pdf --once
nnc render zoo:resnet -o overview.pdf --depth 1
nnc render unet.yaml -o unet.mmd --expand"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    where = "the picture to write (default: the spec's name with .svg); `-` writes SVG to standard output"
    parser.add_argument("-o", "--output", metavar="FILE", help=where)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--expand", action="store_true", help="draw every block, and every repetition")
    how.add_argument("--once", action="store_true", help="open each block where it first stands, and name it elsewhere")
    add_depth(parser, "fold what is nested deeper than N; 0 draws the outermost layers only")
    parser.add_argument("--sideways", action="store_true", help="from left to right instead of from top to bottom")
    add_set(parser)
    add_size(parser)


def run(options: Namespace) -> int:
    output = options.output or f"{stem(options.spec)}.svg"
    kind = "svg" if output == "-" else Path(output).suffix.removeprefix(".").lower()
    if kind not in PICTURES:
        raise Misuse(f"{output}: a drawing ends in {', '.join(f'.{k}' for k in PICTURES)}")
    refuse_own_input(options.spec, output)
    result = compile_spec(options.spec, args=parse_set(options.set), sizes=parse_size(options.size))
    if (status := show(result.problems.sorted())) != OK:
        return status
    drawn = picture(
        result.graph, kind, expand=options.expand, depth=options.depth, once=options.once, sideways=options.sideways
    )
    write_file(output, drawn)
    note_written(output)
    return OK

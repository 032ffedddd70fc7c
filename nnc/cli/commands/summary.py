"""Shows what a network is made of: its layers as a tree, with output shapes, parameters and multiply-adds (matrix
products and attention counted), and the totals. Free dimensions stay symbols until --size gives them a size. Imports
no torch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from nnc.cli.exits import OK
from nnc.cli.options import add_depth, add_format, add_set, add_size, add_spec, parse_set, parse_size
from nnc.cli.output import print_json, wants_color
from nnc.cli.report import show
from nnc.cli.specs import compile_spec

EXAMPLES = """\
nnc summary lenet5.yaml
nnc summary zoo:resnet --size B=1,H=224,W=224
nnc summary zoo:vit --depth 2 --format json"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_size(parser)
    add_set(parser)
    add_depth(parser, "leave out what is nested deeper than N")
    parser.add_argument("--expand", action="store_true", help="a line for every layer, equal ones in a row too")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.compiler.summary import as_json, as_text, summarize

    result = compile_spec(options.spec, args=parse_set(options.set), sizes=parse_size(options.size))
    if (status := show(result.problems.sorted())) != OK:
        return status
    summary = summarize(result.graph, expand=options.expand)
    if options.format == "json":
        print_json(as_json(summary))
    else:
        print(as_text(summary, depth=options.depth, color=wants_color(sys.stdout)), end="")
    return OK

"""Checks specs without importing torch: every fault at once, each with its line, its cause and, where one is known, a
fix. For a sound spec, prints what flows in and out, and what the network requires of dimensions that are left free.

--format json prints one object, of which later versions only add keys:
  version         1
  files           one object for each FILE: file, ok, diagnostics and, where ok, the rest
    diagnostics   code, name, severity, message, file, line, column, end_line, end_column, labels, notes, fix
    inputs        name, shape (numbers, and texts for sizes that are free), dtype
    outputs       the same; name is null for a single output; train_only
    requirements  text, dimensions, and where it is about one: symbol and minimum, maximum, modulus, residues, …
    example       small sizes that meet all requirements, or null
    shapes        with --explain-shapes: layer, line, outputs; steps from an input to the layer, each with path, line,
                  type, rule, takes, gives and demands (text, reason); requirements with asked_by (paths, line, demands)"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK
from nnc.cli.options import add_format, add_set, add_size, add_spec, add_trust, parse_set, parse_size
from nnc.cli.output import print_json, wants_color
from nnc.cli.report import FORMATS, count, diagnostics_json, exit_code, render, show
from nnc.cli.shapes import as_json as history_json
from nnc.cli.shapes import as_text as history_text
from nnc.cli.shapes import explained
from nnc.cli.signature import as_json, as_text
from nnc.cli.specs import compile_spec
from nnc.compiler.render.visible import visible
from nnc.compiler.weights.compare import check_weights

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation

EXAMPLES = """\
nnc check lenet5.yaml
nnc check zoo:resnet --size B=1,H=224,W=224
nnc check *.yaml --format concise
nnc check net.yaml --set 'layers=[3, 4, 23, 3]' --format json
nnc check zoo:resnet --explain-shapes layer2.0.conv2
cat net.yaml | nnc check -"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser, several=True)
    add_set(parser)
    add_size(parser)
    add_trust(parser)
    what = (
        "show how the shape of a layer, named as `nnc summary` names it, came about, and who asks for what is required"
    )
    parser.add_argument("--explain-shapes", metavar="LAYER", help=what)
    add_format(parser, *FORMATS)


def run(options: Namespace) -> int:
    args, sizes = parse_set(options.set), parse_size(options.size)
    results = [(given, compile_spec(given, args=args, sizes=sizes, trust=options.trust)) for given in options.specs]
    for _, result in results:
        check_weights(result)
    match options.format:
        case "text":
            for given, result in results:
                _print(given, result, options.explain_shapes)
        case "json":
            print_json({"version": 1, "files": [_as_json(g, r, options.explain_shapes) for g, r in results]})
        case form:
            found = [d for _, result in results for d in result.problems.sorted()]
            text = render(found, form, color=wants_color(sys.stdout))
            if text:
                print(text)
    return max((exit_code(result.problems) for _, result in results), default=OK)


def _print(given: str, result: Compilation, layer: str | None) -> None:
    found = result.problems.sorted()
    show(found, stream=sys.stdout)
    if found:
        print()
    print(f"{visible(given)}: {count(found)}")
    if result.ok:
        print("\n".join(f"  {line}" for line in as_text(result)))
        if layer is not None:
            print("\n" + "\n".join(visible(line) for line in history_text(*explained(result, layer))))


def _as_json(given: str, result: Compilation, layer: str | None) -> dict[str, Any]:
    return {
        "file": given,
        "ok": result.ok,
        "diagnostics": diagnostics_json(result.problems.sorted()),
        **(as_json(result) if result.ok else {}),
        **({"shapes": history_json(*explained(result, layer))} if result.ok and layer is not None else {}),
    }

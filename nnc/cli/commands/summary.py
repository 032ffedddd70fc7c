"""Shows what a network is made of: its layers as a tree, with output shapes, parameters and multiply-adds (matrix
products and attention counted), and the totals. Free dimensions stay symbols until --size gives them a size. Imports
no torch.

Of a saved model (.safetensors) also what it says of its making: versions, data, code, and what was measured."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_depth, add_format, add_set, add_size, add_spec, parse_set, parse_size
from nnc.cli.output import print_json, wants_color
from nnc.cli.report import show
from nnc.cli.specs import compile_spec
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.compiler.driver import Compilation
    from nnc.runtime.saving.header import Header

EXAMPLES = """\
nnc summary lenet5.yaml
nnc summary zoo:resnet --size B=1,H=224,W=224
nnc summary zoo:vit --depth 2 --format json
nnc summary runs/digits-1/model.safetensors"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_size(parser)
    add_set(parser)
    add_depth(parser, "leave out what is nested deeper than N")
    parser.add_argument("--expand", action="store_true", help="a line for every layer, equal ones in a row too")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    from nnc.compiler.summary import as_json, as_text, summarize

    header = _header(options)
    if header is None:
        result = compile_spec(options.spec, args=parse_set(options.set), sizes=parse_size(options.size))
    else:
        result = _compiled(header, parse_size(options.size))
    if (status := show(result.problems.sorted())) != OK:
        return status
    summary = summarize(result.graph, expand=options.expand)
    if options.format == "json":
        print_json(as_json(summary) | ({} if header is None else {"saved": _saved(header)}))
    else:
        print(as_text(summary, depth=options.depth, color=wants_color(sys.stdout)), end="")
        for name, value in () if header is None else _rows(header):
            print(f"{name:<9}  {visible(value)}")
    return OK


def _header(options: Namespace) -> Header | None:
    """What a saved model says of itself; None for a spec. Raises Misuse for options that only a spec takes."""
    if not options.spec.endswith(".safetensors"):
        return None
    if options.set:
        raise Misuse("a saved model keeps the arguments that it was compiled with: --set is for specs")
    from nnc.runtime.saving.header import read_header

    return read_header(Path(options.spec))


def _compiled(header: Header, sizes: dict[str, int]) -> Compilation:
    from nnc.compiler.driver import compile_mapping

    return compile_mapping(
        header.spec, name=str(header.path), args=header.args, sizes={**header.sizes, **sizes}, trust=True
    )


def _rows(header: Header) -> Iterator[tuple[str, str]]:
    from nnc.runtime.saving.provenance import provenance_rows

    if header.metrics:
        yield "measured", ", ".join(f"{k} {v:.6g}" for k, v in header.metrics.items() if isinstance(v, int | float))
    if header.classes:
        yield (
            "classes",
            f"{len(header.classes)}: {', '.join(header.classes[:8])}{' …' if len(header.classes) > 8 else ''}",
        )
    yield from provenance_rows(header.provenance)


def _saved(header: Header) -> dict[str, Any]:
    return {"version": header.version, "metrics": dict(header.metrics), "provenance": dict(header.provenance)}

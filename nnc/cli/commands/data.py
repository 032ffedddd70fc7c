"""Shows the data that a spec names: how many samples, what each field holds as the network gets it, and how many samples
each class has; a picture of some with -o. The first batch is held against the network's inputs, as training does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format, add_set, add_size, add_spec, parse_set, parse_size
from nnc.cli.output import note_written, print_json
from nnc.cli.specs import spec_path
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.data.describe import SplitFacts

EXAMPLES = """\
nnc data digits.yaml
nnc data digits.yaml -o samples.png
nnc data digits.yaml --split test --format json"""
BAR = 30


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_set(parser)
    add_size(parser)
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), help="only this one (default: all that there are)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="draw some samples of the first split: a PNG file")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    if options.spec == "-":
        raise Misuse("data needs a file: the paths in `data:` are relative to it")
    if options.output and Path(options.output).suffix.lower() != ".png":
        raise Misuse("-o writes a PNG file: its name ends with .png")
    path, args, sizes = spec_path(options.spec), parse_set(options.set), parse_size(options.size)

    from nnc.runtime.commands import open_spec_data
    from nnc.runtime.data.describe import describe, write_grid

    data = open_spec_data(path, args=args, sizes=sizes, split=options.split)
    found = describe(data)
    if options.format == "json":
        print_json([_as_json(s) for s in found])
    else:
        print("\n\n".join(_shown(s) for s in found))
    if options.output:
        write_grid(data, Path(options.output))
        note_written(options.output)
    return OK


def _shown(split: SplitFacts) -> str:
    lines = [f"{split.name}  {split.samples:,} samples"]
    rows = [
        (visible(f.name), str(list(f.shape)), f.dtype, f"{f.low:.4g} … {f.high:.4g}, mean {f.mean:.4g}")
        for f in split.fields
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines += [
        "  " + "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows
    ]
    if split.classes:
        width, most = max(len(visible(n)) for n in split.classes), max(split.classes.values())
        for name, count in split.classes.items():
            bar = "▇" * round(BAR * count / most) if most else ""
            lines.append(f"  {visible(name):>{width}}  {count:>7,}  {bar}".rstrip())
    return "\n".join(lines)


def _as_json(split: SplitFacts) -> dict[str, Any]:
    from nnc.runtime.report import finite

    fields = [
        finite({"name": f.name, "shape": list(f.shape), "dtype": f.dtype, "min": f.low, "max": f.high, "mean": f.mean})
        for f in split.fields
    ]
    return {"split": split.name, "samples": split.samples, "fields": fields, "classes": split.classes}

"""Shows the data that a spec names: how many samples, what each field holds as the network gets it, how many samples each
class has, which part of the pixels in masks; a picture of some with -o, and with --augmented what six epochs make of a few. The
first batch is held against the network's inputs, as training does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import OK, Misuse
from nnc.cli.options import add_format, add_set, add_size, add_spec, add_trust, parse_set, parse_size
from nnc.cli.output import note_written, print_json
from nnc.cli.specs import spec_path
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnc.runtime.data.describe import FieldFacts, SplitFacts

EXAMPLES = """\
nnc data digits.yaml
nnc data digits.yaml -o samples.png
nnc data digits.yaml -o augmented.png --augmented
nnc data digits.yaml --split test --format json"""
BAR = 30
STEPS = " ▁▂▃▄▅▆▇█"


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_set(parser)
    add_size(parser)
    add_trust(parser)
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), help="only this one (default: all that there are)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="draw some samples of the first split: a PNG file")
    parser.add_argument(
        "--augmented", action="store_true", help="draw a few samples as they are in six epochs of training"
    )
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    if options.spec == "-":
        raise Misuse("data needs a file: the paths in `data:` are relative to it")
    if options.output and Path(options.output).suffix.lower() != ".png":
        raise Misuse("-o writes a PNG file: its name ends with .png")
    if options.augmented and (not options.output or options.split not in (None, "train")):
        raise Misuse("--augmented draws samples of the training data: it goes with -o FILE.png")
    path, args, sizes = spec_path(options.spec), parse_set(options.set), parse_size(options.size)

    from nnc.runtime.commands import open_spec_data
    from nnc.runtime.data.describe import describe, write_grid

    data = open_spec_data(path, args=args, sizes=sizes, split=options.split, trust=options.trust)
    found = describe(data)
    if options.format == "json":
        print_json([_as_json(s) for s in found])
    else:
        print("\n\n".join(_shown(s) for s in found))
    if options.output:
        write_grid(data, Path(options.output), augmented=options.augmented)
        note_written(options.output)
    return OK


def _shown(split: SplitFacts) -> str:
    lines = [f"{split.name}  {split.samples:,} samples"]
    rows = [(visible(f.name), str(list(f.shape)), f.dtype, _values(f)) for f in split.fields]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines += [
        "  " + "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows
    ]
    if split.classes:
        most = max(split.classes.values())
        lines += _bars({n: (f"{c:>7,}", c / most if most else 0.0) for n, c in split.classes.items()})
    for name, shares in split.shares.items():
        lines.append(f"  pixels of {visible(name)}")
        lines += _bars({n: (f"{share:>7.2%}", share) for n, share in shares.items()})
    return "\n".join(lines)


def _values(facts: FieldFacts) -> str:
    """What a field holds: a text, or the range of its numbers with how they are spread."""
    if facts.tokens:
        example = visible(facts.example)
        return f"{facts.tokens:,} tokens known: {example[:60]}{'…' if len(example) > 60 else ''}"
    spread = "".join(STEPS[-(-8 * n // max(facts.histogram))] for n in facts.histogram)
    return f"{facts.low:.4g} … {facts.high:.4g}, mean {facts.mean:.4g}, std {facts.std:.4g}  {spread}"


def _bars(rows: Mapping[str, tuple[str, float]]) -> list[str]:
    width = max(len(visible(n)) for n in rows)
    return [
        f"  {visible(n):>{width}}  {said}  {'▇' * round(BAR * share)}".rstrip() for n, (said, share) in rows.items()
    ]


def _as_json(split: SplitFacts) -> dict[str, Any]:
    from nnc.runtime.report import finite

    fields = [
        finite(
            {
                "name": f.name,
                "shape": list(f.shape),
                "dtype": f.dtype,
                "min": f.low,
                "max": f.high,
                "mean": f.mean,
                "std": f.std,
            }
        )
        | ({"tokens": f.tokens, "example": f.example} if f.tokens else {})
        | ({"histogram": list(f.histogram)} if f.histogram else {})
        for f in split.fields
    ]
    found = {"split": split.name, "samples": split.samples, "fields": fields, "classes": split.classes}
    return found | ({"shares": {f: dict(s) for f, s in split.shares.items()}} if split.shares else {})

"""Computes the loss and the metrics of a trained run, or of a saved model, on the test data of its spec; where it names
none, on its validation data."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from nnc.cli.exits import FINDINGS, OK, Misuse
from nnc.cli.options import add_device, add_format, add_trust
from nnc.cli.output import note_written, print_json
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.evaluation.classes import ClassReport

EXAMPLES = """\
nnc eval runs/digits-1
nnc eval out/digits/model.safetensors --split validation
nnc eval runs/digits-1 --classes --confusion confusion.svg
nnc eval runs/digits-1 --at-least accuracy=0.98 --format json"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="RUN|ARTIFACT", help="the folder of a run, or a .safetensors file")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="the data to evaluate on")
    parser.add_argument("--base", metavar="DIR", help="the folder that the spec's data paths are relative to")
    parser.add_argument(
        "--at-least",
        action="append",
        type=_threshold,
        default=[],
        metavar="METRIC=VALUE",
        help="exit with 1 where the metric is below the value",
    )
    parser.add_argument("--classes", action="store_true", help="precision, recall and F1 of every class")
    parser.add_argument(
        "--confusion", metavar="FILE", help="draw what was taken for what: a .png, .svg or .pdf file (needs matplotlib)"
    )
    add_trust(parser)
    add_device(parser)
    add_format(parser, "text", "json")


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise ArgumentTypeError(f"write METRIC=VALUE, such as accuracy=0.98, not {text!r}") from None


def run(options: Namespace) -> int:
    from nnc.runtime.commands import run_evaluation
    from nnc.runtime.report import finite

    if options.confusion and Path(options.confusion).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise Misuse("--confusion writes a .png, .svg or .pdf file")
    found = run_evaluation(
        options.source, split=options.split, device=options.device or "auto", base=options.base,
        classes=options.classes or bool(options.confusion), trust=options.trust,
    )  # fmt: skip
    for name, _ in options.at_least:
        if name not in found.quantities:
            raise Misuse(f"--at-least {name}: there is {', '.join(found.quantities)}")
    below = [(name, value) for name, value in options.at_least if not found.quantities[name] >= value]
    if options.format == "json":
        result = {"split": found.split, "samples": found.samples, "weights": found.weights}
        report = found.classes.as_plain() if found.classes else {}
        print_json(result | {"quantities": finite(dict(found.quantities)), "below": [n for n, _ in below]} | report)
    else:
        print(f"{visible(found.weights)} on {found.samples} samples of {found.split}")
        width = max(map(len, found.quantities))
        for name, value in found.quantities.items():
            print(f"  {name:<{width}}  {value:.4f}")
        if options.classes and found.classes:
            _print_classes(found.classes)
        for name, value in below:
            print(f"{name} is below {value:g}")
    if options.confusion and found.classes:
        from nnc.runtime.plots import write_confusion

        write_confusion(found.classes, Path(options.confusion))
        note_written(options.confusion)
    return FINDINGS if below else OK


def _print_classes(report: ClassReport) -> None:
    width = max(len(visible(n)) for n in report.names)
    print(f"  {'':<{width}}  precision  recall      F1  samples")
    for i, name in enumerate(report.names):
        precision, recall, f1, samples = report.of(i)
        print(f"  {visible(name):<{width}}  {precision:>9.4f}  {recall:.4f}  {f1:.4f}  {samples:>7,}")

"""Runs a saved model on samples, through the transforms it was trained with, and prints a result for each.

  images        .png, .jpg …, or a folder of them, whatever is inside it
  arrays        .npy, .npz, .safetensors
  tables        .csv, .parquet: the columns that it was trained on, by name
  -             standard input: lines of JSON such as {"image": "7.png"}, names of files, or texts for a network of texts;
                .jsonl files are lines of JSON too

A classifier tells the class and its probability, a network of labels those from one half on, one of masks which part of the
pixels each class has (and with --masks the picture), any other its numbers.

What cannot be read, or does not fit, ends the command; with --on-error skip it is said on standard error, and the others go
on. The exit code is 0 where every sample has a result, 1 where one has none, 2 where the results cannot be written."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from nnc.cli.exits import FINDINGS, OK, Misuse
from nnc.cli.options import add_device, add_format, positive
from nnc.cli.output import note_written

if TYPE_CHECKING:
    from nnc.runtime.failure import Failure

EXAMPLES = """\
nnc predict runs/digits-1/model.safetensors seven.png
nnc predict runs/digits-1 images/ --top-k 3 --on-error skip -o classes.csv --format csv
nnc predict runs/iris-1 flowers.csv --probabilities
nnc predict runs/streets-1 photos/ --masks masks/
find . -name '*.png' | nnc predict runs/digits-1 -"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="ARTIFACT", help="a .safetensors file, or the folder of a run")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders, or `-` for standard input")
    parser.add_argument("--top-k", type=positive, default=1, metavar="K", help="the K likeliest classes (default: 1)")
    parser.add_argument("--probabilities", action="store_true", help="the probabilities of all classes")
    parser.add_argument(
        "--masks", metavar="FOLDER", help="write masks as PNG files, whose grays are the classes' numbers"
    )
    add_format(parser, "jsonl", "csv")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the results here; the file appears whole or not at all"
    )
    parser.add_argument(
        "--on-error", choices=("fail", "skip"), default="fail", help="what to do about broken inputs (default: fail)"
    )
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="samples at a time (default: 64)")
    add_device(parser)


def run(options: Namespace) -> int:
    if options.inputs.count("-") > 1:
        raise Misuse("standard input can be read once: `-` is given twice")
    from nnc.cli.report import show
    from nnc.runtime.commands import run_prediction
    from nnc.runtime.prediction.write import result_file, writer_of

    broken = 0

    def passed_over(failure: Failure) -> None:
        nonlocal broken
        broken += 1
        sys.stdout.flush()
        show(failure.diagnostics, form="concise")

    results = run_prediction(
        options.source, options.inputs, device=options.device or "auto", batch_size=options.batch_size,
        top_k=options.top_k, probabilities=options.probabilities, masks=options.masks,
        passed_over=passed_over if options.on_error == "skip" else None, stdin=sys.stdin.buffer,
    )  # fmt: skip
    to_file = options.output not in (None, "-")
    with result_file(Path(options.output)) if to_file else nullcontext(sys.stdout) as stream:
        writer = writer_of(options.format, stream)
        for result in results:
            writer.write(result)
    if to_file:
        note_written(options.output)
    if broken:
        print(f"{broken} input{'s' * (broken > 1)} passed over", file=sys.stderr)
    return FINDINGS if broken else OK

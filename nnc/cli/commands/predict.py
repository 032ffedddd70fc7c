"""Runs a saved model on images (.png, .jpg, …), arrays (.npy, .npz) or tables (.csv), through the transforms it was
trained with. Prints one JSON object a line for every sample: the class and its probability for a classifier, else the
output."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from nnc.cli.exits import OK
from nnc.cli.options import add_device, positive

EXAMPLES = """\
nnc predict runs/digits-1/model.safetensors seven.png
nnc predict runs/digits-1 images/*.png --top-k 3
nnc predict model.safetensors features.npy --batch-size 256"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="ARTIFACT", help="a .safetensors file, or the folder of a run")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, each with one sample or several")
    parser.add_argument("--top-k", type=positive, default=1, metavar="K", help="the K likeliest classes (default: 1)")
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="samples at a time (default: 64)")
    add_device(parser)


def run(options: Namespace) -> int:
    from nnc.runtime.commands import run_prediction
    from nnc.runtime.report import finite

    results = run_prediction(
        options.source,
        options.inputs,
        device=options.device or "auto",
        batch_size=options.batch_size,
        top_k=options.top_k,
    )
    for result in results:
        print(json.dumps(finite(result), ensure_ascii=False))
    return OK

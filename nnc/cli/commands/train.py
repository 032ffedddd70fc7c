"""Trains a spec on the data that its `data:` section names, as its `train:` section says. The run's folder gets the
checkpoints, a log of JSON lines and, at the end, `model.safetensors` with the best weights. Ctrl-C ends the run after
the step at hand, with a checkpoint; --resume goes on from there as if nothing had happened."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from nnc.cli.exits import Misuse
from nnc.cli.options import (
    add_device,
    add_format,
    add_set,
    add_size,
    add_spec,
    add_weights,
    not_negative,
    parse_given_weights,
    parse_set,
    parse_size,
    positive,
)
from nnc.cli.output import print_json
from nnc.cli.specs import spec_path
from nnc.compiler.render.visible import visible

if TYPE_CHECKING:
    from nnc.runtime.commands import Trained

EXAMPLES = """\
nnc train digits.yaml
nnc train digits.yaml --epochs 3 --device cpu --run-dir out/digits
nnc train digits.yaml --run-dir out/digits --resume
nnc train digits.yaml --set width=64 --format json"""


def add_arguments(parser: ArgumentParser) -> None:
    add_spec(parser)
    add_set(parser)
    add_size(parser)
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of what `train:` says")
    parser.add_argument("--seed", type=not_negative, metavar="N", help="instead of what `train:` says")
    add_weights(parser)
    add_device(parser)
    parser.add_argument(
        "--run-dir", metavar="DIR", help="where the run is kept (default: a new folder, runs/NAME-1, -2, …)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run-dir, or with the last one")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
    add_format(parser, "text", "json")


def run(options: Namespace) -> int:
    if options.spec == "-":
        raise Misuse("training needs a file: the paths in `data:` are relative to it")
    path, args, sizes = spec_path(options.spec), parse_set(options.set), parse_size(options.size)

    from nnc.runtime.commands import run_training
    from nnc.runtime.report import Reporter, reporter_for

    trained = run_training(
        path,
        args=args,
        sizes=sizes,
        device=options.device,
        folder=options.run_dir,
        resume=options.resume,
        epochs=options.epochs,
        seed=options.seed,
        pretrained=parse_given_weights(options.weights),
        reporter=Reporter() if options.quiet else reporter_for(sys.stderr),
    )
    if options.format == "json":
        print_json(_as_json(trained))
    else:
        _print(trained, options.spec)
    return trained.result.exit_code


def _print(trained: Trained, spec: str) -> None:
    result = trained.result
    print(f"run    {visible(str(result.folder))}")
    if result.best is not None:
        print(f"best   {result.best.quantity} {result.best.value:.4f} after epoch {result.best.epoch}")
    if trained.artifact is not None:
        print(f"model  {visible(str(trained.artifact))}")
    if result.status == "interrupted":
        print(f"interrupted; go on with: nnc train {visible(spec)} --run-dir {visible(str(result.folder))} --resume")


def _as_json(trained: Trained) -> dict[str, Any]:
    from nnc.runtime.report import finite

    result = trained.result
    best = result.best
    report: Any = finite(
        {
            "status": result.status,
            "run": str(result.folder),
            "model": str(trained.artifact) if trained.artifact is not None else None,
            "epoch": result.epoch,
            "step": result.step,
            "quantities": dict(result.quantities),
            "best": {"quantity": best.quantity, "value": best.value, "epoch": best.epoch} if best is not None else None,
            "seconds": result.elapsed,
        }
    )
    return dict(report)
